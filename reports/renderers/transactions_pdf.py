"""The print shop: the transaction history on paper: a designed first page, then the listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from .data import ReportHead, TransactionHistory, TransactionLine, TypeTotal
from .listing import Column, Row, draw_listing
from .markup import Markup, el
from .numbers import day_text, decimal_text, instant_text
from .parts_html import cell, figures_grid, masthead, money, notices, page, period_text, small_print, table
from .pdf import Rendered, html_to_pdf, merge
from .summary_html import price_places

Progress = Callable[[int, str], None]

COLUMNS = (
    Column(heading="Day", width=31),
    Column(heading="Type", width=26),
    Column(heading="Account", width=30),
    Column(heading="Instrument", width=56),
    Column(heading="Quantity", width=26, numeric=True),
    Column(heading="Price", width=26, numeric=True),
    Column(heading="Fees", width=18, numeric=True),
    Column(heading="Taxes", width=16, numeric=True),
    Column(heading="Cash", width=30, numeric=True),
    Column(heading="Currency", width=16, numeric=True),
)


def transactions_pdf(report: TransactionHistory, progress: Progress = lambda _percent, _stage: None) -> bytes:
    """The whole report. ``progress`` hears a percentage of this work and what is being done."""
    head = report.head
    progress(5, "Setting the first page")
    # Set twice: the listing's numbers begin after it, and its own "of" is known only after the listing.
    front = _front(report, 0)
    listing = None
    if report.rows:
        count = len(report.rows)
        listing = _listing(
            report, front.pages, lambda n: progress(15 + 65 * n // count, "Drawing the listing")
        )
    progress(82, "Setting the first page")
    front = _front(report, front.pages + (listing.pages if listing else 0))
    progress(90, "Putting the pages together")
    bookmarks = [("Overview", 0)]
    if listing:
        bookmarks.append(("Entries", front.pages))
    return merge(
        [front.content, *([listing.content] if listing else [])],
        title=f"{head.title}: {head.portfolio_name}",
        author=head.owner_name,
        subject=f"{head.title}, {period_text(head)}",
        language=head.locale.language,
        made_at=head.generated_at,
        bookmarks=bookmarks,
    )


def _front(report: TransactionHistory, total_pages: int) -> Rendered:
    head = report.head
    html = page(
        head,
        masthead(head),
        notices(head),
        figures_grid(report.figures, head),
        _totals(report),
        small_print(
            "Entries stand in the order in which they happened, at the times of the time zone"
            f" {head.locale.time_zone}. “Cash” is what an entry did to the cash balance in its currency, after fees and"
            " taxes; no amount means that no cash moved. Entries that were corrected or deleted are not listed.",
        ),
    )
    return html_to_pdf(html, pictures={}, total_pages=total_pages)


def _totals(report: TransactionHistory) -> Markup:
    if not report.totals:
        return el(
            "section", el("h2", "Totals"), el("p", "There are no entries in this period.", class_="empty")
        )
    return el(
        "section",
        el("h2", "Totals by type and currency"),
        table(
            headings=[
                ("Type", False),
                ("Entries", True),
                ("Amount", True),
                ("Fees", True),
                ("Taxes", True),
                ("Cash", True),
                ("Currency", True),
            ],
            rows=[_total(t, report.head) for t in report.totals],
        ),
    )


def _total(total: TypeTotal, head: ReportHead) -> Markup:
    def amount(value: Decimal) -> Markup:
        return cell(money(value, total.currency, head), numeric=True, extra="loss" if value < 0 else "")

    return el(
        "tr",
        cell(total.type_label, tag="th", scope="row"),
        cell(_count_text(total.count, head), numeric=True),
        amount(total.amount),
        amount(total.fees),
        amount(total.taxes),
        amount(total.cash_effect),
        cell(total.currency, numeric=True),
    )


def _count_text(count: int, head: ReportHead) -> str:
    """A whole number with the reader's group separators."""
    return decimal_text(Decimal(count), places=0, locale=head.locale)


def _listing(report: TransactionHistory, front_pages: int, on_progress: Callable[[int], None]) -> Rendered:
    head = report.head
    footing = f"Made on {instant_text(head.generated_at, head.locale)}"
    if head.is_simulated:
        footing += " · Contains simulated prices"
    return draw_listing(
        columns=COLUMNS,
        rows=_rows(report),
        running=f"{head.portfolio_name[:60]} · {head.title} · {period_text(head)}",
        footing=footing,
        heading="Entries",
        first_page=front_pages + 1,
        on_progress=on_progress,
    )


def _rows(report: TransactionHistory) -> Iterator[Row]:
    zone = ZoneInfo(report.head.locale.time_zone)
    for line in report.rows:
        yield _row(line, report.head, zone)


def _row(line: TransactionLine, head: ReportHead, zone: ZoneInfo) -> Row:
    local = line.occurred_at.astimezone(zone)
    when = day_text(line.occurred_date if line.is_date_only else local.date(), head.locale)
    if not line.is_date_only:
        when += f" {local:%H:%M}"
    name = f"{line.symbol} · {line.instrument_name}" if line.instrument_name else line.symbol
    locale, digits = head.locale, head.digits(line.currency)
    return Row(
        cells=(
            when,
            line.type_label,
            line.account,
            name,
            "" if line.quantity is None else decimal_text(line.quantity, places=None, locale=locale),
            ""
            if line.price is None
            else decimal_text(line.price, places=price_places(line.price, digits), locale=locale),
            money(line.fees, line.currency, head) if line.fees else "",
            money(line.taxes, line.currency, head) if line.taxes else "",
            "" if line.cash_effect is None else money(line.cash_effect, line.currency, head),
            line.currency,
        ),
        note=line.note,
    )
