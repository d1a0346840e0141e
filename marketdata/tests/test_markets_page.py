"""The market at a glance: hours, indices, what moved, the map; everybody's once, the person's own for them alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from marketdata import operations, queries
from marketdata.charting.heatmap import holdings_map, market_map
from marketdata.models import Quote
from marketdata.queries import HeldView, MarketRow
from marketdata.queries.personal import _books, register_books
from marketdata.tests.conftest import NOW, bar, rate
from marketdata.web.rows import rows_of

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


def url(query="", name="index"):
    return reverse(f"marketdata:{name}") + query


@pytest.fixture
def quoted(make_instrument):
    """Make something with a price that moved by so much percent, and with a volume."""

    def make(symbol: str, moved: str = "1", *, volume: int | None = 100, last: str = "100", **fields: Any):
        made = make_instrument(symbol, **fields)
        before = D(last) / (1 + D(moved) / 100)
        Quote.objects.create(
            instrument=made,
            last=D(last),
            previous_close=before,
            volume=volume,
            quoted_at=NOW,
            received_at=NOW,
            source="test",
        )
        return made

    return make


class Books:
    """Somebody's holdings, as the room above would tell them."""

    def __init__(self, owner, **held: str) -> None:
        self.owner, self.quantities = owner, held
        self.paper: set[str] = set()

    def held(self, user):
        if user.pk != self.owner.pk:
            return []
        return [
            view(queries.find_by_symbol(user=user, symbol=symbol).pk, quantity, is_paper=symbol in self.paper)
            for symbol, quantity in self.quantities.items()
        ]

    def held_of(self, user, instrument_id):
        return [found for found in self.held(user) if found.instrument_id == instrument_id]

    def trades_of(self, user, instrument_id, limit):
        return []


def view(pk, quantity, **fields):
    known = {"portfolio_id": 1, "portfolio": "P", "is_paper": False, "url": "/p/", "unit": D(1)}
    known |= {"cost_basis": D(50), "realised_gain": D(0), "income": D(0)}
    return HeldView(instrument_id=pk, quantity=D(quantity), **{**known, **fields})


@pytest.fixture
def books_of():
    before = list(_books)
    yield lambda owner, **held: register_books(made := Books(owner, **held)) or made
    _books[:] = before


class TestOverview:
    def test_shows_hours_indices_movers_map_and_the_most_traded(self, client_of, owner, quoted):
        index = quoted("^GSPC", name="S&P 500", asset_class="index")
        for day in range(1, 20):
            bar(index, f"2026-11-{day:02}", str(100 + day))
        quoted("UP", "4", exchange="XNYS", sector="Energy")
        quoted("DOWN", "-3", volume=5000)
        page = client_of(owner).get(url())
        text = page.content.decode()
        for part in ("New York", "open until", "S&amp;P 500: rising", "Moved most today", "Heat map"):
            assert part in text
        assert [[mover["symbol"] for mover in movers] for _, movers in page.context["movers"]] == [
            ["UP"],
            ["DOWN"],
        ]
        assert [row.instrument.symbol for row in page.context["rows"]] == ["DOWN", "UP"]
        assert page.context["of"] == page.context["heat"] == "market"

    def test_of_an_empty_market_says_so(self, client_of, owner):
        text = client_of(owner).get(url()).content.decode()
        assert "Nothing has moved yet today" in text
        assert "Nothing here yet" in text

    def test_what_is_held_and_watched_comes_first(self, client_of, owner, quoted, books_of):
        quoted("OTHER", "9")
        held, watched = quoted("HELD", "-2"), quoted("SEEN", "3")
        books_of(owner, HELD="10")
        operations.create_watchlist(owner=owner, name="x", now=NOW, instrument_ids=[watched.pk, held.pk])
        page = client_of(owner).get(url())
        assert [[mover["symbol"] for mover in movers] for _, movers in page.context["movers"]] == [
            ["SEEN"],
            ["HELD"],
        ]
        market = client_of(owner).get(url("?of=market"))
        assert market.context["movers"][0][1][0]["symbol"] == "OTHER"

    def test_others_see_nothing_of_it(self, client_of, owner, outsider, quoted, books_of):
        quoted("HELD", "-2", owner=None)
        secret = quoted("SECRET", "5", owner=owner)
        books_of(owner, HELD="10")
        operations.create_watchlist(owner=owner, name="x", now=NOW, instrument_ids=[secret.pk])
        page = client_of(outsider).get(url("?of=mine&heat=mine"))
        assert page.context["movers"] == [("Up", []), ("Down", [])]
        assert page.context["heat_rows"] == []
        assert "SECRET" not in page.content.decode()
        mine = client_of(outsider).get(url("?of=mine", name="heat_map")).json()
        assert mine["cells"] == []

    def test_costs_the_same_whatever_there_is(self, client_of, owner, quoted, django_assert_max_num_queries):
        client = client_of(owner)
        for number in range(30):
            quoted(f"S{number:02}", str(number - 15), asset_class="etf" if number % 2 else "equity")
        client.get(url())
        with django_assert_max_num_queries(9):
            client.get(url())

    def test_own_things_are_no_part_of_the_market(self, client_of, owner, quoted):
        quoted("MINE", "50", owner=owner)
        assert queries.market_rows(now=NOW) == []
        assert "MINE" in client_of(owner).get(url("?class=equity")).content.decode()


class TestMarketRows:
    def test_are_read_once_in_a_while(self, quoted, django_assert_num_queries):
        quoted("ACME")
        rate("EUR", "USD", "2026-11-19", "1.25")
        quoted("EURO", currency="EUR", last="10")
        first = queries.market_rows(now=NOW)
        assert {row.symbol: row.turnover for row in first} == {"ACME": D("10000"), "EURO": D("1250")}
        with django_assert_num_queries(0):
            assert queries.market_rows(now=NOW) == first

    def test_without_a_rate_the_turnover_is_not_known(self, quoted):
        quoted("KRONE", currency="NOK")
        assert [row.turnover for row in queries.market_rows(now=NOW)] == [None]

    def test_changes_of_last_week_are_not_todays(self, quoted):
        old = quoted("OLD")
        Quote.objects.filter(pk=old.pk).update(quoted_at=NOW.replace(day=10))
        assert queries.market_rows(now=NOW) == []


class TestHeatMap:
    def row(self, symbol, turnover, **fields):
        known = {"name": symbol, "asset_class": "equity", "sector": "Energy", "currency": "USD"}
        known |= {"last": D(1), "change_fraction": D("0.01"), "is_simulated": False}
        return MarketRow(
            instrument_id=1, symbol=symbol, turnover=turnover and D(turnover), **{**known, **fields}
        )

    def test_of_the_market_is_sized_by_what_was_traded(self):
        rows = [
            self.row("SMALL", "10"),
            self.row("BIG", "30", sector=""),
            self.row("FUND", "20", asset_class="etf"),
            self.row("UNKNOWN", None),
        ]
        drawn = market_map(rows, currency="EUR", rate=D("0.5"))
        assert [(cell.label, cell.group, cell.value) for cell in drawn.cells] == [
            ("BIG", "Other", D("15.00")),
            ("FUND", "ETFs", D("10.00")),
            ("SMALL", "Energy", D("5.00")),
        ]
        assert (drawn.currency, drawn.body()["unit"]) == ("EUR", "price")

    def test_shows_the_largest_and_says_so(self):
        drawn = market_map([self.row(f"S{n}", str(n + 1)) for n in range(80)], currency="USD", rate=D(1))
        assert len(drawn.cells) == 60
        assert drawn.body()["summary"] == "60 up, 0 down. The 60 largest are shown."

    def test_of_holdings_is_what_they_are_worth_and_private(self, owner, quoted):
        share, euro, bond = (
            quoted("ACME", last="10"),
            quoted("EURO", "-2", currency="EUR", last="20"),
            quoted("BOND", last="50", quote_unit="percent"),
        )
        held = [
            view(share.pk, "5"),
            view(share.pk, "1", portfolio_id=2),
            view(euro.pk, "10"),
            view(bond.pk, "1000", unit=D("0.01")),
            view(share.pk, "999", is_paper=True),
            view(euro.pk, "-3", portfolio_id=3),
        ]
        quotes = queries.latest_quotes([share.pk, euro.pk, bond.pk], now=NOW)
        instruments = {one.pk: one for one in (share, euro, bond)}
        rates = {"USD": D(1), "EUR": D("1.25")}
        drawn = holdings_map(held, instruments, quotes, currency="USD", rates=rates)
        assert [(cell.label, cell.value) for cell in drawn.cells] == [
            ("BOND", D("500.00")),
            ("EURO", D("175.00")),
            ("ACME", D("60.00")),
        ]
        assert drawn.body()["unit"] == "money"
        assert drawn.cells[1].change == D("-0.020000")

    def test_of_paper_accounts_where_there_is_nothing_else(self, owner, quoted):
        share = quoted("ACME", last="10")
        drawn = holdings_map(
            [view(share.pk, "5", is_paper=True)],
            {share.pk: share},
            queries.latest_quotes([share.pk], now=NOW),
            currency="USD",
            rates={"USD": D(1)},
        )
        assert [cell.value for cell in drawn.cells] == [D("50.00")]

    def test_answers_with_figures_that_may_be_kept(self, client_of, owner, quoted):
        quoted("ACME")
        client = client_of(owner)
        first = client.get(url("?of=market", name="heat_map"))
        assert [cell["label"] for cell in first.json()["cells"]] == ["ACME"]
        again = client.get(
            url("?of=market", name="heat_map"), headers={"If-None-Match": first.headers["ETag"]}
        )
        assert again.status_code == 304


class TestYearOfARow:
    def test_has_the_prices_of_today_in_it(self, quoted, make_instrument):
        share = quoted("AAPL", last="100")
        bar(share, "2026-11-19", "99", low="98", high="100.5")
        Quote.objects.filter(instrument=share).update(day_low=D(97), day_high=D("101.25"))
        (row,) = rows_of([share], now=NOW)
        assert (row.year.low, row.year.high) == (D(97), D("101.25"))
