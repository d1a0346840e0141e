"""Every figure of every page leads to where it comes from, and what it leads to is that number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from holdings.models import Account, Portfolio
from holdings.operations import add_account
from holdings.operations.targets import set_targets
from holdings.queries.insights.explaining import REGISTRY
from holdings.queries.insights.explaining.desk import NAMES as DESK
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import Instrument
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

#: What a figure of a page is marked with by the template tags `money`, `signed_money`, `pct`, `signed_pct`, `qty`, `price`.
FIGURE = {"amount", "is-gain", "is-loss", "is-flat", "tabular"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
#: So many figures of a kind on a page are compared with their explanation.
COMPARED = 2


def is_exempt(tag: str, attrs: dict[str, str]) -> bool:
    """What is no figure of the books, each for a reason."""
    return (
        "data-quote-id" in attrs  # a market price or its change, live from its source
        or attrs.get("data-label")
        in ("Price", "At", "Estimated from")  # a price, with its source or its day beside it
        or "data-entered" in attrs  # what the person said themselves
        or attrs.get("aria-label") == "Entries: table"  # the entries are what figures come from
        or (tag == "details" and "hf-table-toggle" in attrs.get("class", ""))  # a chart as a table
        or (tag == "dialog")  # explanations themselves
    )


@dataclass
class Found:
    """A figure of a page: its text, and where it leads (empty: nowhere)."""

    text: str = ""
    href: str = ""
    around: str = ""


@dataclass
class _Open:
    tag: str
    is_figure: bool = False
    is_exempt: bool = False
    href: str = ""
    label: str = ""


@dataclass
class Page(HTMLParser):
    """Collects the figures of `<main>`; of an explanation its result."""

    figures: list[Found] = field(default_factory=list)
    result: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.stack: list[_Open] = []
        self.last_text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = {name: value or "" for name, value in attrs}
        classes = set(given.get("class", "").split())
        outer = self.stack[-1] if self.stack else _Open("")
        is_figure = bool(classes & FIGURE)
        href = given.get("href", "") if "hf-explain" in classes else outer.href
        now = _Open(
            tag,
            is_figure or outer.is_figure,
            outer.is_exempt or is_exempt(tag, given),
            href,
            given.get("class", ""),
        )
        if (
            is_figure
            and not outer.is_figure
            and not now.is_exempt
            and any(item.tag == "main" for item in self.stack)
        ):
            self.figures.append(Found(href=href, around=self.last_text))
        self.stack.append(now)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Drawings: nothing in them is a figure."""

    def handle_endtag(self, tag: str) -> None:
        if any(item.tag == tag for item in self.stack):
            while self.stack.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.stack:
            return
        top = self.stack[-1]
        if top.is_figure and not top.is_exempt and self.figures:
            self.figures[-1].text += data
        if any("hf-figure" in item.label or item.tag == "tfoot" for item in self.stack) and top.is_figure:
            self.result += data
        self.last_text = data.strip() or self.last_text


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


def number(text: str) -> tuple[Decimal, int] | None:
    """A figure as it is written, without its sign, and its decimals."""
    digits = re.search(r"\d[\d,]*(?:\.\d+)?", text)
    if digits is None:
        return None
    plain = digits.group().replace(",", "")
    return D(plain), len(plain.partition(".")[2])


@pytest.fixture
def rich(owner: Any) -> Portfolio:
    """Two currencies, two accounts, income of every kind, a debt, tags, targets, wash sales, something sold out."""
    make_rates(EURUSD="1.25", EURCHF="1.05")
    acme = make_instrument("ACME", sector="Industry", country="US", asset_class="equity")
    bolt = make_instrument("BOLT", currency="EUR", sector="Energy", country="DE", asset_class="etf")
    coin = make_instrument("COIN", currency="EUR", asset_class="crypto")
    gone = make_instrument("GONE", asset_class="equity")
    make_prices(acme, {"2024-11-04": "90", "2025-06-02": "95", "2026-01-02": "100", "2026-03-02": "118"})
    make_prices(acme, {"2026-05-29": "130"})
    make_prices(bolt, {"2024-11-04": "40", "2025-05-26": "43", "2025-11-03": "44", "2026-02-02": "41.5"})
    make_prices(bolt, {"2026-05-29": "47"})
    make_prices(coin, {"2025-01-02": "10", "2026-05-29": "12"})
    make_prices(gone, {"2025-02-03": "20", "2025-08-01": "15"})
    portfolio = make_portfolio(owner, tax_country="US")
    post(portfolio, "deposit", "2024-11-01", amount="5000", currency="USD")
    post(portfolio, "deposit", "2024-11-01", amount="3000", currency="EUR")
    post(
        portfolio,
        "buy",
        "2024-11-04",
        instrument_id=acme.pk,
        quantity="20",
        price="90",
        fees="2",
        tags=("core",),
    )
    post(portfolio, "buy", "2024-11-04", instrument_id=bolt.pk, quantity="30", price="40", fees="1")
    post(portfolio, "buy", "2025-01-02", instrument_id=coin.pk, quantity="7.5", price="10")
    post(portfolio, "buy", "2025-02-03", instrument_id=gone.pk, quantity="10", price="20", fees="1")
    post(portfolio, "sell", "2025-08-01", instrument_id=gone.pk, quantity="10", price="15", fees="1")
    post(portfolio, "buy", "2026-01-05", instrument_id=acme.pk, quantity="6", price="120")
    post(
        portfolio,
        "sell",
        "2026-03-02",
        instrument_id=acme.pk,
        quantity="22",
        price="118",
        fees="3",
        taxes="9",
    )
    post(portfolio, "buy", "2026-03-10", instrument_id=acme.pk, quantity="5", price="117")
    post(portfolio, "dividend", "2025-09-01", instrument_id=acme.pk, amount="12", taxes="1.80")
    post(portfolio, "dividend", "2025-12-01", instrument_id=bolt.pk, amount="9")
    post(portfolio, "interest", "2026-02-01", amount="3.21", currency="EUR")
    post(portfolio, "staking", "2026-02-15", instrument_id=coin.pk, quantity="0.5")
    post(portfolio, "fee", "2026-02-20", amount="5", currency="EUR")
    post(portfolio, "withdrawal", "2026-04-01", amount="150", currency="EUR")
    post(portfolio, "liability", "2026-04-02", amount="800", currency="CHF")
    second = add_account(portfolio_id=portfolio.pk, name="Second", kind="securities", currency="EUR", now=NOW)
    home = Account.objects.get(portfolio=portfolio, kind="securities", name="Securities")
    post(
        portfolio, "transfer", "2026-04-10", instrument_id=bolt.pk, quantity="12", account_id=home.pk,
        to_account_id=second.pk,
    )  # fmt: skip
    at = datetime(2026, 6, 1, 11, tzinfo=UTC)
    quotes = ((acme, "131", "129.5"), (bolt, "46", "47"), (coin, "12.5", "12"))
    apply_quotes(
        quotes=[
            QuoteData(
                instrument_id=thing.pk, last=D(last), previous_close=D(before), quoted_at=at, source="test"
            )
            for thing, last, before in quotes
        ],
        now=NOW,
    )
    set_targets(
        portfolio_id=portfolio.pk, dimension="asset_class", weights={"equity": D("0.5"), "etf": D("0.3")},
        actor=owner, now=NOW,
    )  # fmt: skip
    set_targets(
        portfolio_id=portfolio.pk,
        dimension="instrument",
        weights={str(bolt.pk): D("0.4")},
        actor=owner,
        now=NOW,
    )
    portfolio.refresh_from_db()
    return portfolio


def pages_of(portfolio: Portfolio) -> Iterator[str]:
    """Every page with figures, in their ways of showing them."""
    things = {row.symbol: row for row in Instrument.objects.all()}

    def page(name: str, query: str = "", *more: int) -> str:
        return reverse(f"holdings:{name}", args=[portfolio.pk, *more]) + query

    yield reverse("web:home")
    yield reverse("holdings:index")
    yield page("detail", "?closed=1")
    yield page("detail", "?range=3M")
    for thing in things.values():
        yield page("holding", "", thing.pk)
    yield page("performance", f"?range=MAX&benchmark={things['BOLT'].pk}")
    yield page("performance", f"?range=1Y&currency=CHF&by=asset_class&benchmark={things['BOLT'].pk}")
    yield page("performance", "?from=2025-07-01&to=2026-03-31&by=account")
    yield page("performance", "?range=2025&by=tag")
    for by in ("asset_class", "sector", "currency", "country", "account", "tag", "instrument"):
        yield page("allocation", f"?by={by}")
    yield page("allocation", "?by=asset_class&in=etf&currency=CHF&range=2025")
    yield page("allocation", "?by=asset_class&in=cash")
    yield page("allocation", "?by=tag&in=core")
    yield page("allocation", f"?by=account&in={Account.objects.get(portfolio=portfolio, name='Second').pk}")
    yield page("income")
    yield page("income", "?currency=USD&range=2025")
    for year in ("2025", "2026"):
        yield page("realised", f"?year={year}&range=1M")
    yield page("risk", f"?range=MAX&benchmark={things['BOLT'].pk}")
    yield page("method")


#: Figures that stand on no page by themselves but in the explanations of others, or beside a live price.
REACHED_FROM_EXPLANATIONS = {"desk_net_contributions", "price_change"}


class TestEveryFigure:
    def test_leads_to_its_explanation(self, as_owner, rich):
        missing = [
            f"{url}: {figure.text.strip()} (after “{figure.around[:40]}”)"
            for url in pages_of(rich)
            for figure in read(as_owner.get(url).content.decode()).figures
            if not figure.href and number(figure.text)
        ]
        assert not missing, "\n".join(missing)

    def test_is_the_number_that_is_explained(self, as_owner, rich):
        wrong, seen, kinds = [], set(), Counter[tuple[str, str]]()
        for url in pages_of(rich):
            for figure in read(as_owner.get(url).content.decode()).figures:
                shown, kind = number(figure.text), (url.partition("?")[0], name_of(figure.href))
                if shown is None or (figure.href, figure.text) in seen or kinds[kind] >= COMPARED:
                    continue
                seen.add((figure.href, figure.text))
                kinds[kind] += 1
                result = number(result_of(as_owner, figure.href))
                if result is None or not close(shown, result):
                    wrong.append(f"{url}: {figure.text.strip()} → {figure.href}: {result and result[0]}")
        assert not wrong, "\n".join(wrong)
        assert {name for _, name in kinds} >= (set(REGISTRY) | DESK) - REACHED_FROM_EXPLANATIONS

    def test_what_an_explanation_leads_to_is_explained_too(self, as_owner, rich):
        figures = {
            name_of(figure.href): figure.href
            for url in pages_of(rich)
            for figure in read(as_owner.get(url).content.decode()).figures
        }
        figures.pop("", None)
        for href in figures.values():
            html = as_owner.get(href).content.decode()
            for link in re.findall(r'class="hf-explain" href="([^"]+)"', html):
                if name_of(link) not in figures:
                    assert as_owner.get(unescape(link)).status_code == 200, (href, link)


def name_of(href: str) -> str:
    """The figure that a link explains."""
    return href.partition("?")[0].rstrip("/").rpartition("/")[2]


def result_of(client: Client, href: str) -> str:
    answer = client.get(href, headers={"HX-Request": "true"})
    assert answer.status_code == 200, href
    return read(answer.content.decode()).result


def close(one: tuple[Decimal, int], other: tuple[Decimal, int]) -> bool:
    """Equal at the decimals that both show."""
    return abs(one[0] - other[0]) <= D("0.51") * D(10) ** -min(one[1], other[1])


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        ("figure", "query"),
        [
            ("weight", "?instrument=999999"),
            ("weight", "?by=sector&part=nonsense"),
            ("part_value", "?by=nonsense&part=x"),
            ("part_gain", "?by=sector&part=nonsense"),
            ("lot_cost", "?lot=999999"),
            ("parcel_gain", "?entry=999999"),
            ("rebalance_amount", "?by=sector&part=nonsense"),
            ("yield_on_cost", "?instrument=x999"),
            ("quantity", ""),
        ],
    )
    def test_is_not_found(self, as_owner, rich, figure, query):
        if figure == "yield_on_cost":
            query = f"?instrument={make_instrument('NEVER').pk}"
        url = reverse("holdings:explain", args=[rich.pk, figure]) + query
        assert as_owner.get(url).status_code == 404
        # What cannot be meant is refused by the API before anything is looked for.
        answer = as_owner.get(reverse("api:portfolio-explain", args=[rich.pk, figure]) + query)
        assert answer.status_code == (400 if "by=nonsense" in query else 404)

    def test_lots_and_parcels_of_another_portfolio_are_not_shown(self, as_owner, rich, owner):
        from holdings.models import Lot, RealisedTrade

        other = make_portfolio(owner, name="Other")
        lot, parcel = Lot.objects.first(), RealisedTrade.objects.first()
        for figure, query in (
            ("lot_cost", f"lot={lot.pk}"),
            ("parcel_gain", f"entry={parcel.transaction_id}&number={parcel.number}"),
        ):
            assert (
                as_owner.get(f"{reverse('holdings:explain', args=[other.pk, figure])}?{query}").status_code
                == 404
            )

    def test_desk_of_a_person_without_portfolios_and_unknown_figures(self, as_outsider, rich):
        answer = as_outsider.get(reverse("holdings:explain_desk", args=["desk_value"]))
        assert answer.status_code == 200
        assert rich.name not in answer.content.decode()
        assert as_outsider.get(reverse("holdings:explain_desk", args=["nonsense"])).status_code == 404
