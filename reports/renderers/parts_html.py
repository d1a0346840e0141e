"""The print shop: parts that every printed report shares: frame, masthead, notices, figures, small print."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .data import Figure, ReportHead
from .markup import Markup, el, join
from .numbers import NONE, day_text, decimal_text, instant_text, percent_text

DISCLAIMER = (
    "This report was made by Holdfast from the entries of its owner. It is information, not advice, not an offer, and not"
    " a statement of a bank, broker or tax authority. Past results say nothing certain about future ones."
)
SIMULATED = (
    "Prices marked with an asterisk (*) are simulated: they were made up by this site for trying things out and are not"
    " prices of any market."
)


def figure_text(figure: Figure, head: ReportHead) -> str:
    """The value of a figure as it is printed, with its currency or percent sign."""
    value = figure.value
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if figure.kind in ("percent", "signed_percent"):
        return percent_text(value, locale=head.locale, signed=figure.kind == "signed_percent")
    if figure.kind == "count":
        return decimal_text(value, places=0, locale=head.locale)
    number = money(value, head.currency, head, signed=figure.kind == "signed_money")
    return f"{number}\N{NO-BREAK SPACE}{head.currency}"


def money(value: Decimal | None, currency: str, head: ReportHead, *, signed: bool = False) -> str:
    """An amount in the decimals of its currency, without the code."""
    if value is None:
        return NONE
    return decimal_text(value, places=head.digits(currency), locale=head.locale, signed=signed)


def tone(value: Decimal | str | None) -> str:
    """The CSS class for a gain or a loss; empty for nothing and for words. (The sign is printed as well.)"""
    if not isinstance(value, Decimal) or value == 0:
        return ""
    return " gain" if value > 0 else " loss"


def period_text(head: ReportHead) -> str:
    """ "1 Jan 2026 – 31 Dec 2026", or "As of …" where the report has no beginning."""
    if head.period_from is None:
        return f"As of {day_text(head.period_to, head.locale)}"
    return f"{day_text(head.period_from, head.locale)} – {day_text(head.period_to, head.locale)}"


def page(head: ReportHead, *content: str) -> Markup:
    """The whole HTML document around ``content``, with the texts that run along its pages."""
    title = f"{head.title}: {head.portfolio_name}"
    made = f"Made on {instant_text(head.generated_at, head.locale)}"
    if head.is_simulated:
        made += " · Contains simulated prices"
    return Markup("<!DOCTYPE html>") + el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("title", title),
            el("meta", name="author", content=head.owner_name),
            el(
                "meta",
                name="description",
                content=f"{head.title} of {head.portfolio_name}, {period_text(head)}",
            ),
            el("meta", name="generator", content="Holdfast"),
            el("meta", name="dcterms.created", content=head.generated_at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ),
        el(
            "body",
            el("div", f"{head.portfolio_name[:60]} · {head.title} · {period_text(head)}", class_="running"),
            el("div", made, class_="footing"),
            *content,
        ),
        lang=head.locale.language,
    )  # type: ignore[return-value]


def masthead(head: ReportHead) -> Markup:
    """The head of the first page."""
    return el(
        "header",
        el("p", "Holdfast", class_="brand"),
        el("p", head.title, class_="kind"),
        el("h1", head.portfolio_name),
        el(
            "p",
            f"{period_text(head)} · in {head.currency} · for {head.owner_name} · made on"
            f" {instant_text(head.generated_at, head.locale)}",
            class_="meta",
        ),
        class_="masthead",
    )


def notices(head: ReportHead) -> Markup:
    """What the reader must know before reading; nothing when there is nothing."""
    sentences = [SIMULATED] if head.is_simulated else []
    sentences += head.notices
    if not sentences:
        return Markup("")
    return el("div", *(el("p", s) for s in sentences), class_="notices")


def figures_grid(figures: Sequence[Figure], head: ReportHead) -> Markup:
    """Key figures as tiles, four in a row; the first one stands out."""
    tiles = []
    for index, figure in enumerate(figures):
        shown = figure_text(figure, head)
        colour = tone(figure.value) if figure.kind.startswith("signed") and index else ""
        long = " long" if len(shown) > 15 else ""
        tiles.append(
            el(
                "div",
                el(
                    "div",
                    el("p", figure.label, class_="label"),
                    el("p", shown, class_=f"value{colour}{long}"),
                    el("p", figure.note, class_="note") if figure.note else Markup(""),
                ),
                class_="figure lead" if index == 0 else "figure",
            )
        )
    return el("section", *tiles, class_="figures")


def cell(
    content: str, *, sub: str = "", numeric: bool = False, extra: str = "", tag: str = "td", **attributes: str
) -> Markup:
    """A table cell with an optional second, smaller line."""
    classes = " ".join(c for c in ("num" if numeric else "", extra.strip()) if c)
    inner = [content, el("span", sub, class_="sub")] if sub else [content]
    return el(tag, *inner, class_=classes or None, **attributes)


def table(
    *, headings: Sequence[tuple[str, bool]], rows: Sequence[str], foot: str = "", widths: Sequence[str] = ()
) -> Markup:
    """A table; ``headings`` are (text, is numeric). The head repeats on each page."""
    columns = el("colgroup", *(el("col", class_=w) for w in widths)) if widths else Markup("")
    head = el(
        "thead",
        el("tr", *(el("th", t, class_="num" if n else None, scope="col") for t, n in headings)),
    )
    parts = [columns, head, el("tbody", *rows)]
    if foot:
        parts.append(el("tfoot", foot))
    return el("table", *parts)


def small_print(*more: str) -> Markup:
    """The closing sentences: definitions given by the report, then the disclaimer."""
    return el("section", *(el("p", s) for s in [*more, DISCLAIMER]), class_="small-print")


__all__ = [
    "cell",
    "figure_text",
    "figures_grid",
    "join",
    "masthead",
    "money",
    "notices",
    "page",
    "period_text",
    "small_print",
    "table",
    "tone",
]
