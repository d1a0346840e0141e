"""The print shop: the portfolio summary as an HTML page for paper, and the pictures that it refers to."""

from __future__ import annotations

from decimal import Decimal

from . import svg
from .data import Breakdown, CashLine, HoldingLine, PortfolioSummary
from .markup import Markup, el, join
from .numbers import NONE, day_text, decimal_text, percent_text
from .parts_html import (
    cell,
    figure_text,
    figures_grid,
    masthead,
    money,
    notices,
    page,
    small_print,
    table,
    tone,
)

Pictures = dict[str, str]


def summary_html(report: PortfolioSummary) -> tuple[str, Pictures]:
    """The document and its pictures by name (SVG text), referred to as ``holdfast:picture/<name>``."""
    pictures: Pictures = {}
    head = report.head
    html = page(
        head,
        masthead(head),
        notices(head),
        figures_grid(report.figures, head),
        _value(report, pictures),
        _breakdowns(report, pictures),
        _statement(report),
        _holdings(report),
        _cash(report),
        small_print(
            f"Cost basis by {report.method}. Cost includes the fees of a purchase, never its taxes; in {head.currency} it is"
            " fixed at the exchange rate of the day of purchase. Unrealised gain = market value − cost basis. Weight ="
            " share of the value of all holdings and cash.",
        ),
    )
    return html, pictures


def _value(report: PortfolioSummary, pictures: Pictures) -> Markup:
    points = report.value_series
    if len(points) < 2:
        return Markup("")
    pictures["value"] = svg.value_chart(points, locale=report.head.locale)
    first, last = points[0], points[-1]
    words = (
        f"Line chart of the portfolio's value in {report.head.currency}: from"
        f" {money(first.value, report.head.currency, report.head)} on {day_text(first.day, report.head.locale)} to"
        f" {money(last.value, report.head.currency, report.head)} on {day_text(last.day, report.head.locale)}."
    )
    return el(
        "section",
        el("h2", f"Value in {report.head.currency}"),
        el("img", src="holdfast:picture/value", alt=words),
        class_="chart",
    )


def _breakdowns(report: PortfolioSummary, pictures: Pictures) -> Markup:
    shown = [b for b in report.breakdowns if b.slices]
    if not shown:
        return Markup("")
    rings = [_breakdown(b, i, report, pictures) for i, b in enumerate(shown)]
    # Two in a row, each row a box of its own: a page may end between rows.
    rows = [el("div", *rings[i : i + 2], class_="breakdowns") for i in range(0, len(rings), 2)]
    return el("section", el("h2", "Allocation"), *rows)


def _breakdown(breakdown: Breakdown, number: int, report: PortfolioSummary, pictures: Pictures) -> Markup:
    slices = svg.grouped(breakdown.slices)
    name = f"ring-{number}"
    pictures[name] = svg.doughnut(slices)
    rows = []
    for index, part in enumerate(slices):
        swatch = f"swatch-{index}"
        pictures.setdefault(swatch, svg.swatch(index))
        rows.append(
            el(
                "tr",
                el("td", el("img", src=f"holdfast:picture/{swatch}", alt=""), class_="swatch"),
                cell(part.label, extra="clip"),
                cell(percent_text(part.weight, locale=report.head.locale), numeric=True),
            )
        )
    words = f"{breakdown.title}: " + ", ".join(
        f"{s.label} {percent_text(s.weight, locale=report.head.locale)}" for s in slices
    )
    return el(
        "div",
        el("h3", breakdown.title),
        el("div", el("img", src=f"holdfast:picture/{name}", alt=words), class_="ring"),
        el("div", el("table", el("tbody", *rows)), class_="legend"),
        class_="breakdown",
    )


def _statement(report: PortfolioSummary) -> Markup:
    if not report.statement:
        return Markup("")
    rows = []
    for index, line in enumerate(report.statement):
        edge = index in (0, len(report.statement) - 1)
        rows.append(
            el(
                "tr",
                el("th", line.label, scope="row"),
                cell(
                    figure_text(line, report.head), numeric=True, extra=tone(line.value) if not edge else ""
                ),
                class_="total" if edge and index else None,
            )
        )
    return el(
        "section",
        el("h2", "How the value came about"),
        el("table", el("tbody", *rows), class_="statement"),
        class_="keep",
    )


def _holdings(report: PortfolioSummary) -> Markup:
    head = report.head
    if not report.holdings:
        return el("section", el("h2", "Holdings"), el("p", "Nothing is held on this day.", class_="empty"))
    rows = [_holding(h, report) for h in report.holdings]
    known = [h for h in report.holdings if h.market_value_base is not None]
    total = sum((h.market_value_base or Decimal() for h in known), Decimal())
    cost = sum((h.cost_basis_base for h in known), Decimal())
    gain = sum((h.unrealised_gain_base or Decimal() for h in known), Decimal())
    foot = el(
        "tr",
        el("th", "All holdings" if len(known) == len(rows) else "All holdings with a price", scope="row"),
        el("td", ""),
        el("td", ""),
        cell(money(cost, head.currency, head), numeric=True),
        cell(money(total, head.currency, head), numeric=True),
        cell(money(gain, head.currency, head, signed=True), numeric=True, extra=tone(gain)),
        el("td", ""),
    )
    return el(
        "section",
        el("h2", "Holdings"),
        table(
            headings=[
                ("Holding", False),
                ("Quantity", True),
                ("Price", True),
                (f"Cost basis {head.currency}", True),
                (f"Value {head.currency}", True),
                (f"Gain {head.currency}", True),
                ("Weight", True),
            ],
            rows=rows,
            foot=foot,
        ),
    )


def _holding(h: HoldingLine, report: PortfolioSummary) -> Markup:
    head, locale = report.head, report.head.locale
    if h.price is None:
        price, price_note = NONE, "no price"
    else:
        price = decimal_text(h.price, places=price_places(h.price, head.digits(h.currency)), locale=locale)
        price_note = h.currency + (" *" if h.price_is_simulated else "")
        if h.price_date and h.price_date != head.period_to:
            price_note += f" · {day_text(h.price_date, locale)}"
    foreign = ""
    if h.currency != head.currency and h.market_value is not None:
        foreign = f"{money(h.market_value, h.currency, head)} {h.currency}"
    gain_share = ""
    if h.unrealised_gain_base is not None and h.cost_basis_base > 0:
        gain_share = percent_text(h.unrealised_gain_base / h.cost_basis_base, locale=locale, signed=True)
    label = h.name if h.name and h.name != h.symbol else ""
    return el(
        "tr",
        cell(
            h.symbol,
            sub=f"{label} · {h.asset_class}" if label else h.asset_class,
            extra="clip strong-first",
            tag="th",
            scope="row",
        ),
        cell(decimal_text(h.quantity, places=None, locale=locale), numeric=True),
        cell(price, sub=price_note, numeric=True),
        cell(money(h.cost_basis_base, head.currency, head), numeric=True),
        cell(money(h.market_value_base, head.currency, head), sub=foreign, numeric=True),
        cell(
            money(h.unrealised_gain_base, head.currency, head, signed=True),
            sub=gain_share,
            numeric=True,
            extra=tone(h.unrealised_gain_base),
        ),
        cell(NONE if h.weight is None else percent_text(h.weight, locale=locale), numeric=True),
    )


def price_places(price: Decimal, digits: int) -> int:
    """Decimals of a price: those of its currency, more (to eight) for what costs little."""
    if price == 0 or abs(price) >= 10:
        return max(digits, 2)
    if abs(price) >= 1:
        return max(digits, 4)
    return 8


def _cash(report: PortfolioSummary) -> Markup:
    head = report.head
    if not report.cash:
        return Markup("")
    return el(
        "section",
        el("h2", "Cash"),
        table(
            headings=[
                ("Account", False),
                ("Currency", False),
                ("Balance", True),
                (f"In {head.currency}", True),
            ],
            rows=[_cash_row(line, report) for line in report.cash],
        ),
        class_="keep" if len(report.cash) <= 12 else None,
    )


def _cash_row(line: CashLine, report: PortfolioSummary) -> Markup:
    head = report.head
    return el(
        "tr",
        cell(line.account, extra="clip", tag="th", scope="row"),
        cell(line.currency),
        cell(
            money(line.balance, line.currency, head), numeric=True, extra=" loss" if line.balance < 0 else ""
        ),
        cell(money(line.balance_base, head.currency, head), numeric=True),
    )


__all__ = ["join", "price_places", "summary_html"]
