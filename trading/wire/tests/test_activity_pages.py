"""Pages of activities: whatever happened at once, and whatever else was in between, each row comes once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from trading.models import TradingAccount
from trading.tests.support import make_instrument, set_quote
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_orders import place

pytestmark = pytest.mark.django_db

BEGUN = datetime(2026, 11, 3, 15, tzinfo=UTC)


@pytest.fixture
def bot():
    """A program that holds 100 shares, whose sales are charged twice."""
    with time_machine.travel(BEGUN, tick=False):
        bot = make_bot()
        TradingAccount.objects.filter(portfolio_id=bot.portfolio_id).update(
            fee_schedule="us_regulatory:0.0000206:0.000195:9.79"
        )
        set_quote(make_instrument("ACME"), "100.00", "100.02", "100.01", at=BEGUN)
        place(bot, qty=100)
    return bot


def sell(bot, count, *, at, apart=timedelta(0)):
    """So many sales of one share, at one instant or a little apart."""
    for number in range(count):
        with time_machine.travel(at + number * apart, tick=False):
            place(bot, qty=1, side="sell")


def pages(bot, path="/v2/account/activities", **query):
    """Every row, page after page as a program asks for them."""
    found, token = [], {}
    while page := bot.get(path, **query, **token):
        assert len(page) <= int(query.get("page_size", 100))
        found += page
        token = {"page_token": page[-1]["id"]}
    return found


@pytest.mark.parametrize("direction", ["asc", "desc"])
class TestManyAtOnce:
    def test_rows_of_one_instant_come_on_as_many_pages_as_they_need(self, bot, direction):
        sell(bot, 60, at=BEGUN + timedelta(seconds=5))
        ids = [row["id"] for row in pages(bot, page_size=5, direction=direction)]
        assert len(ids) == len(set(ids)) == 2 + 60 * 3
        assert ids == sorted(ids, reverse=direction == "desc")

    def test_rows_of_one_millisecond_come_in_the_order_of_their_ids(self, bot, direction):
        sell(bot, 60, at=BEGUN + timedelta(seconds=5), apart=timedelta(microseconds=1))
        ids = [
            row["id"] for row in pages(bot, "/v2/account/activities/FILL", page_size=3, direction=direction)
        ]
        assert len(ids) == len(set(ids)) == 1 + 60
        assert ids == sorted(ids, reverse=direction == "desc")


def test_a_rare_type_is_found_behind_many_others(bot):
    coin = make_instrument("BTC-USD", asset_class="crypto")
    with time_machine.travel(BEGUN + timedelta(seconds=1), tick=False):
        TradingAccount.objects.filter(portfolio_id=bot.portfolio_id).update(
            fee_schedule="us_regulatory:0.0000206:0.000195:9.79+crypto:0.0015:0.0025"
        )
        set_quote(coin, "50000", "50010", at=datetime.now(UTC))
        place(bot, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    sell(bot, 60, at=BEGUN + timedelta(seconds=5), apart=timedelta(seconds=1))
    (fee,) = pages(bot, "/v2/account/activities/CFEE", page_size=1)
    assert fee["activity_type"] == "CFEE"
    assert len(pages(bot, "/v2/account/activities/FEE", page_size=50)) == 60 * 2
    assert len(pages(bot, activity_types="FEE,CFEE", page_size=50)) == 60 * 2 + 1


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_both_hours_of_the_night_the_clock_is_put_back_are_paged_through(direction):
    # 05:30 and 06:30 UTC are both 01:30 in New York that night.
    early, late = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    with time_machine.travel(early - timedelta(hours=1), tick=False):
        bot = make_bot()
        coin = make_instrument("BTC-USD", asset_class="crypto")
    for at in (early, late):
        with time_machine.travel(at, tick=False):
            set_quote(coin, "50000", "50010", at=at)
            for _ in range(5):
                place(bot, symbol="BTC/USD", qty="0.01", time_in_force="gtc")
    rows = pages(bot, "/v2/account/activities/FILL", page_size=2, direction=direction)
    assert len({row["id"] for row in rows}) == len(rows) == 10
