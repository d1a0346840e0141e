"""A price from before a split is worth what a new unit is worth: on the page, in the totals and in the analysis alike."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from holdings import queries
from holdings.domain.analysis import analyse
from holdings.models import Portfolio
from holdings.queries.whole import whole_portfolio
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, make_rates, post
from holdings.tests.test_totals import quote

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TODAY = NOW.date()
FRIDAY = (TODAY - timedelta(days=3)).isoformat()


@pytest.fixture
def held(owner: Any) -> Portfolio:
    """Ten shares for a thousand dollars, to be split."""
    make_rates(EURUSD="1")
    portfolio = make_portfolio(owner, base_currency="USD")
    post(portfolio, "buy", "2026-02-02", instrument_id=make_instrument().pk, quantity="10", price="100")
    return portfolio


def value_of(portfolio: Portfolio) -> Decimal:
    """The market value, which every way of looking at it has to agree on."""
    shown = queries.snapshot(portfolio, now=NOW)
    prices = {row.instrument_id: row.price for row in shown.holdings if row.price is not None}
    for given in (prices, None):
        analysis = analyse(whole_portfolio(portfolio, now=NOW, prices_now=given))
        assert analysis.totals.market_value == shown.market_value
    assert shown.market_value is not None
    return shown.market_value


class TestPriceFromBeforeASplit:
    def test_of_a_close(self, held):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        make_prices(_thing(thing), {FRIDAY: "120"})
        assert value_of(held) == 1200
        post(held, "split", TODAY, instrument_id=thing, ratio="4")
        assert value_of(held) == 1200
        post(held, "split", TODAY - timedelta(days=1), instrument_id=thing, ratio="1:3")
        assert value_of(held) == pytest.approx(1200)

    def test_of_a_quote(self, held):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        quote(_thing(thing), "120", minutes=24 * 60, previous_close=D(118))
        make_prices(_thing(thing), {(TODAY - timedelta(days=1)).isoformat(): "120"})
        post(held, "split", TODAY, instrument_id=thing, ratio="4")
        row = queries.snapshot(held, now=NOW).holdings[0]
        assert (row.price.price, row.price.previous_close, row.market_value) == (30, D("29.5"), 1200)
        assert value_of(held) == 1200
        quote(_thing(thing), "31", minutes=1)
        assert queries.snapshot(held, now=NOW).market_value == 1240

    def test_of_a_trade(self, held):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        post(held, "split", TODAY, instrument_id=thing, ratio="4")
        assert value_of(held) == 1000

    def test_booked_for_each_account_counts_once(self, held):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        make_prices(_thing(thing), {FRIDAY: "120"})
        account = held.accounts.get(kind="securities")
        post(held, "split", TODAY, instrument_id=thing, ratio="4", account_id=account.pk)
        assert queries.snapshot(held, now=NOW).market_value == 1200

    def test_of_another_portfolio_stays_as_it_is(self, held, owner):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        make_prices(_thing(thing), {FRIDAY: "120"})
        other = make_portfolio(owner, name="Not split", base_currency="USD")
        post(other, "buy", "2026-02-02", instrument_id=thing, quantity="1", price="100")
        post(held, "split", TODAY, instrument_id=thing, ratio="4")
        found = queries.snapshots([held, other], now=NOW)
        assert [found[each.pk].market_value for each in (held, other)] == [1200, 120]

    def test_short_list_of_assets_says_the_same(self, held, as_owner):
        thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
        make_prices(_thing(thing), {FRIDAY: "120"})
        assert _short(as_owner) == 1200
        post(held, "split", TODAY, instrument_id=thing, ratio="4")
        assert _short(as_owner) == 1200


def _short(client: Any) -> Decimal:
    return Decimal(client.get("/api/portfolio/summary").json()["total_value"])


def _thing(pk: int) -> Any:
    from marketdata.models import Instrument

    return Instrument.objects.get(pk=pk)


def test_a_split_of_the_day_of_the_price_is_in_it(held):
    thing = queries.snapshot(held, now=NOW).holdings[0].instrument_id
    post(held, "split", date.fromisoformat(FRIDAY), instrument_id=thing, ratio="4")
    make_prices(_thing(thing), {FRIDAY: "30"})
    assert value_of(held) == 1200
