"""The portfolio history against figures worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from marketdata.models import IntradayBar, PriceBar
from trading.tests.support import make_instrument, set_quote
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_orders import place

pytestmark = pytest.mark.django_db

#: A Monday in November, noon in New York.
MONDAY = datetime(2026, 11, 16, 17, tzinfo=UTC)


def close(share, day, price):
    PriceBar.objects.create(instrument=share, date=day, close=Decimal(price), source="test")


def minute(share, at, price):
    stamp = {"quoted_at": at, "seen_at": at, "source": "test"}
    price = Decimal(price)
    IntradayBar.objects.create(
        instrument=share, at=at, open=price, high=price, low=price, close=price, **stamp
    )


@pytest.fixture
def week(db):
    """An account of 1 000 opened on Monday: 5 units bought on Monday at 10, 5 more on Tuesday at 12. Closes: 11, 12, 13;
    on Thursday at noon the price is 14."""
    share = make_instrument("ACME")
    with time_machine.travel(MONDAY, tick=False):
        bot = make_bot(cash="1000")
        set_quote(share, "10", "10", "10", at=MONDAY)
        place(bot, qty=5)
    tuesday = MONDAY + timedelta(days=1)
    with time_machine.travel(tuesday, tick=False):
        set_quote(share, "12", "12", "12", at=tuesday)
        place(bot, qty=5)
    for day, price in ((16, "11"), (17, "12"), (18, "13")):
        close(share, date(2026, 11, day), price)
    thursday = MONDAY + timedelta(days=3)
    set_quote(share, "14", "14", "14", at=thursday)
    return bot, share, thursday


def ask(bot, at, **query):
    with time_machine.travel(at, tick=False):
        return bot.get("/v2/account/portfolio/history", **query)


def midnight(day):
    return int(datetime(2026, 11, day, 5, tzinfo=UTC).timestamp())


class TestDays:
    def test_step_from_close_to_close(self, week):
        bot, _, now = week
        history = ask(bot, now, period="1W", timeframe="1D", cashflow_types="ALL")
        assert history["timestamp"] == [midnight(day) for day in (16, 17, 18, 19)]
        # Monday 950 + 5 x 11; Tuesday 890 + 10 x 12; Wednesday 890 + 10 x 13; now 890 + 10 x 14.
        assert history["equity"] == [1005, 1010, 1020, 1030]
        assert history["profit_loss"] == [5, 5, 10, 10]
        assert history["profit_loss_pct"] == pytest.approx([0.005, 5 / 1005, 10 / 1010, 10 / 1020], abs=1e-9)
        assert (history["base_value"], history["base_value_asof"]) == (1000, "2026-11-15")
        assert "cashflow" not in history

    def test_a_span_in_the_middle_counts_from_the_close_before(self, week):
        bot, _, now = week
        history = ask(bot, now, start="2026-11-17", end="2026-11-18", timeframe="1D")
        assert history["equity"] == [1010, 1020]
        assert history["profit_loss"] == [5, 10]
        assert history["base_value"] == 1005

    def test_before_the_account_there_is_nothing(self, week):
        bot, _, now = week
        history = ask(bot, now, start="2026-10-01", end="2026-11-01", timeframe="1D")
        assert (history["timestamp"], history["equity"], history["profit_loss_pct"]) == ([], [], [])

    def test_weekends_are_left_out_where_the_exchange_closes(self, week, settings):
        settings.SIMULATED_SESSION = "exchange"
        bot, share, _ = week
        close(share, date(2026, 11, 20), "15")
        monday = MONDAY + timedelta(days=7)
        set_quote(share, "16", "16", "16", at=monday)
        history = ask(bot, monday, period="2W", timeframe="1D")
        assert history["timestamp"] == [midnight(day) for day in (16, 17, 18, 19, 20, 23)]
        assert history["equity"] == [1005, 1010, 1020, 1020, 1040, 1050]


class TestWithinDays:
    def test_each_window_is_as_of_its_end(self, week):
        bot, share, now = week
        start = now.replace(hour=14, minute=30)
        for place_, price in ((0, "13.5"), (7, "13.6"), (20, "13.7")):
            minute(share, start + timedelta(minutes=place_), price)
        history = ask(
            bot, now.replace(hour=15), start=start.isoformat(), timeframe="5Min", end=now.isoformat()
        )
        assert history["timestamp"][:4] == [int(start.timestamp()) + 300 * step for step in range(4)]
        # The last minute that had ended by the end of each window; before the first, Wednesday's close.
        assert history["equity"][:6] == [1025, 1026, 1026, 1026, 1027, 1027]
        assert history["base_value"] == 1020
        assert history["profit_loss"][:2] == [5, 6]

    def test_profit_counts_from_each_days_close_or_from_the_beginning(self, week):
        bot, share, now = week
        wednesday = now - timedelta(days=1)
        minute(share, wednesday.replace(hour=15), "12.5")
        minute(share, now.replace(hour=15), "13.5")
        asked = {"start": wednesday.replace(hour=14).isoformat(), "timeframe": "1H"}
        daily = ask(bot, now, **asked)
        whole = ask(bot, now, pnl_reset="no_reset", **asked)
        assert daily["equity"] == whole["equity"]
        first, last = daily["equity"][2], daily["equity"][-1]
        assert (first, last) == (1015, 1030)
        assert (daily["profit_loss"][2], daily["profit_loss"][-1]) == (5, 10)
        assert (whole["profit_loss"][2], whole["profit_loss"][-1]) == (5, 20)

    def test_session_hours_where_the_exchange_closes(self, week, settings):
        settings.SIMULATED_SESSION = "exchange"
        bot, _, now = week
        history = ask(bot, now, period="1D", timeframe="1H")
        assert history["timestamp"][0] == int(now.replace(hour=14, minute=30).timestamp())
        assert len(history["timestamp"]) == 3
        extended = ask(bot, now, period="1D", timeframe="1H", intraday_reporting="extended_hours")
        assert extended["timestamp"][0] == int(now.replace(hour=9, minute=0).timestamp())
        around = ask(bot, now, period="1D", timeframe="1H", intraday_reporting="continuous")
        assert around["timestamp"][0] == midnight(19)


@pytest.mark.parametrize("frame", ["1Min", "5Min", "15Min", "1H", "1D"])
def test_a_month_goes_with_every_time_frame_and_longer_only_with_days(frame):
    # A month of 31 days, late in the day.
    with time_machine.travel(datetime(2026, 8, 31, 19, tzinfo=UTC), tick=False):
        bot = make_bot(cash="1000")
    with time_machine.travel(datetime(2026, 8, 31, 21, tzinfo=UTC), tick=False):
        for query in ({}, {"period": "1M"}):
            assert bot.get("/v2/account/portfolio/history", timeframe=frame, **query)["timeframe"] == frame
        longer = bot.send("GET", "/v2/account/portfolio/history", timeframe=frame, period="2M")
        assert longer.status_code == (200 if frame == "1D" else 422)
