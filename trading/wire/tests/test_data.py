"""Market data without a server: one stock in the path, simulated minutes, what many symbols cost, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from marketdata import operations as market
from marketdata.models import IntradayBar, PriceBar
from marketdata.queries import minutes
from trading.tests.support import make_instrument, set_quote
from trading.wire.values import NEW_YORK

pytestmark = pytest.mark.django_db

#: A Wednesday noon in New York.
NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)


def day(instrument, on, close):
    PriceBar.objects.create(
        instrument=instrument,
        date=on,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=10,
        source="test",
    )


class TestOneStock:
    def test_points_are_under_its_name(self, bot, share):
        day(share, date(2026, 1, 5), 10)
        day(share, date(2026, 1, 6), 11)
        query = {"timeframe": "1Day", "start": "2026-01-01", "end": "2026-02-01"}
        page = bot.get("/v2/stocks/ACME/bars", **query, limit=1)
        assert (page["symbol"], [bar["c"] for bar in page["bars"]]) == ("ACME", [10])
        rest = bot.get("/v2/stocks/ACME/bars", **query, page_token=page["next_page_token"])
        assert ([bar["c"] for bar in rest["bars"]], rest["next_page_token"]) == ([11], None)
        none = bot.get("/v2/stocks/NOSUCH/bars", **query)
        assert none == {"symbol": "NOSUCH", "bars": None, "next_page_token": None}
        quotes = bot.get("/v2/stocks/acme/quotes", start="2026-01-01", symbols="OTHER")
        assert [quote["ap"] for quote in quotes["quotes"]] == [100.02]
        assert [trade["p"] for trade in bot.get("/v2/stocks/ACME/trades", start="2026-01-01")["trades"]] == [
            100.01
        ]

    def test_the_latest_and_the_snapshot(self, bot, share):
        assert bot.get("/v2/stocks/ACME/quotes/latest")["quote"]["bp"] == 100
        assert bot.get("/v2/stocks/ACME/trades/latest")["trade"]["p"] == 100.01
        shot = bot.get("/v2/stocks/ACME/snapshot")
        assert (shot["symbol"], shot["latestTrade"]["p"]) == ("ACME", 100.01)
        for path in (
            "NOSUCH/quotes/latest",
            "NOSUCH/snapshot",
            "NOSUCH/bars/latest",
            "ACME,OTHER/trades/latest",
        ):
            answer = bot.send("GET", f"/v2/stocks/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


class TestSimulatedMinutes:
    @pytest.fixture
    def ticking(self, settings):
        settings.SIMULATED_TICKS = True
        settings.SIMULATED_SESSION = "exchange"
        with time_machine.travel(NOON, tick=False):
            yield

    def minutes(self, bot, **query):
        query = {
            "symbols": "ACME",
            "timeframe": "1Min",
            "start": (NOON - timedelta(minutes=5)).isoformat(),
            **query,
        }
        return bot.get("/v2/stocks/bars", **query)["bars"].get("ACME", [])

    def test_are_there_though_nobody_was_listening(self, ticking, bot, share):
        found = self.minutes(bot)
        assert [bar["t"][11:16] for bar in found] == ["16:55", "16:56", "16:57", "16:58", "16:59"]
        assert all(
            bar["l"] <= min(bar["o"], bar["c"]) <= max(bar["o"], bar["c"]) <= bar["h"] for bar in found
        )
        assert found == self.minutes(bot)
        latest = bot.get("/v2/stocks/bars/latest", symbols="ACME")["bars"]["ACME"]
        assert latest == found[-1]
        shot = bot.get("/v2/stocks/snapshots", symbols="ACME")["ACME"]
        assert shot["minuteBar"] == latest
        today = self.minutes(bot, start=datetime(2026, 11, 18, tzinfo=NEW_YORK).isoformat(), limit=10000)
        whole, price = shot["dailyBar"], shot["latestTrade"]["p"]
        assert whole["t"] == "2026-11-18T05:00:00Z"
        assert whole["o"] == today[0]["o"]
        assert whole["h"] == max(price, *(bar["h"] for bar in today))
        assert whole["l"] == min(price, *(bar["l"] for bar in today))
        assert whole["c"] == price
        (bar,) = self.minutes(bot, timeframe="1Day", start="2026-11-18")
        assert bar == whole

    def test_a_price_set_by_hand_is_told_as_it_was(self, ticking, bot, share):
        at = NOON - timedelta(minutes=3)
        IntradayBar.objects.create(
            instrument=share,
            at=at,
            open=500,
            high=510,
            low=490,
            close=505,
            volume=7,
            quoted_at=at,
            seen_at=at,
            source="manual",
        )
        found = {bar["t"][11:16]: bar for bar in self.minutes(bot)}
        assert (found["16:57"]["o"], found["16:57"]["h"], found["16:57"]["c"]) == (500, 510, 505)
        assert found["16:56"]["h"] < 490
        (five,) = self.minutes(bot, timeframe="5Min", end=(NOON - timedelta(minutes=1)).isoformat())
        assert (five["h"], five["o"], five["v"]) == (
            510,
            found["16:55"]["o"],
            pytest.approx(7 + sum(bar["v"] for at, bar in found.items() if at != "16:57")),
        )

    def test_stand_still_while_somebody_holds_the_price(
        self, ticking, bot, share, django_capture_on_commit_callbacks
    ):
        def held(at, price):
            with time_machine.travel(at, tick=False), django_capture_on_commit_callbacks(execute=True):
                market.set_quote(instrument_id=share.pk, bid=Decimal(price), ask=Decimal(price), now=at)

        def times(**query):
            found = self.minutes(bot, start=(NOON - timedelta(minutes=6)).isoformat(), **query)
            return {bar["t"][11:16]: bar for bar in found}

        free = times()
        held(NOON - timedelta(minutes=4, seconds=20), "500")
        held(NOON - timedelta(minutes=2, seconds=40), "520")
        found = times()
        assert (found["16:54"], found["16:55"]["c"]) == (free["16:54"], 500)
        assert [found["16:56"][name] for name in "ohlcv"] == [500, 500, 500, 500, 0]
        assert [found["16:57"][name] for name in "ohlc"] == [500, 520, 500, 520]
        assert [found["16:59"][name] for name in "ohlc"] == [520] * 4
        part = times(end=(NOON - timedelta(minutes=4)).isoformat())
        assert part == {at: bar for at, bar in found.items() if at <= "16:56"}
        latest = bot.get("/v2/stocks/bars/latest", symbols="ACME")["bars"]["ACME"]
        assert latest == found["16:59"]
        later = NOON + timedelta(minutes=5)
        with time_machine.travel(later, tick=False):
            with django_capture_on_commit_callbacks(execute=True):
                market.release_quote(instrument_id=share.pk, now=later)
            after = times(end=(later + timedelta(minutes=1)).isoformat())
        assert {at: bar for at, bar in after.items() if at < "17:00"} == found
        assert [after["17:04"][name] for name in "ohlc"] == [520] * 4
        with time_machine.travel(later + timedelta(minutes=5), tick=False):
            on = times()
            whole = bot.get("/v2/stocks/snapshots", symbols="ACME")["ACME"]["dailyBar"]
        assert whole["h"] == 520
        assert (on["17:05"]["o"], on["17:05"]["h"]) == (520, 520)
        assert on["17:07"]["h"] < 490

    def test_the_latest_one_needs_no_more_than_its_own_hour(self, ticking, bot, share, monkeypatch):
        asked, worked_out = [], minutes._simulated

        def watched(instrument, start, end):
            asked.append((start, end))
            return worked_out(instrument, start, end)

        monkeypatch.setattr(minutes, "_simulated", watched)
        now = NOON + timedelta(minutes=10)
        with time_machine.travel(now, tick=False):
            assert bot.get("/v2/stocks/bars/latest", symbols="ACME")["bars"]["ACME"]["t"][11:16] == "17:09"
        assert asked == [(NOON, now)]

    def test_reach_back_no_further_than_minutes_are_kept(self, ticking, settings, bot, share):
        settings.INTRADAY_DAYS = 2
        found = self.minutes(bot, start="2015-01-01", limit=10000)
        assert found[0]["t"][:10] == "2026-11-16"


class TestManySymbols:
    def test_snapshots_cost_the_same_for_one_and_for_many(self, bot, share, django_assert_max_num_queries):
        names = ["ACME"]
        for number in range(5):
            other = make_instrument(f"OTHER{number}")
            set_quote(other, "10", "10.02", at=datetime.now(UTC))
            day(other, datetime.now(NEW_YORK).date(), Decimal(10))
            names.append(other.symbol)
        day(share, datetime.now(NEW_YORK).date(), Decimal(100))
        bot.get("/v2/stocks/snapshots", symbols=",".join(names))
        with django_assert_max_num_queries(7):
            assert set(bot.get("/v2/stocks/snapshots", symbols=",".join(names))) == set(names)

    def test_days_of_many_are_read_together_and_paged_alike(self, bot, share, django_assert_max_num_queries):
        names = []
        for number in range(40):
            other = make_instrument(f"MANY{number:02}")
            for offset in range(3):
                day(other, date(2026, 1, 5) + timedelta(days=offset), Decimal(number + offset + 1))
            names.append(other.symbol)
        query = {"symbols": ",".join(names), "timeframe": "1Day", "start": "2026-01-01", "end": "2026-02-01"}
        with django_assert_max_num_queries(16):
            whole = bot.get("/v2/stocks/bars", **query)["bars"]
        assert (len(whole), {len(bars) for bars in whole.values()}) == (40, {3})
        joined: dict[str, list] = {}
        token: dict[str, str] = {}
        while True:
            page = bot.get("/v2/stocks/bars", **query, **token, limit=7)
            for symbol, bars in page["bars"].items():
                joined.setdefault(symbol, []).extend(bars)
            if page["next_page_token"] is None:
                break
            token = {"page_token": page["next_page_token"]}
        assert joined == whole


class TestRefused:
    @pytest.mark.parametrize(
        "query",
        [
            {"symbols": ""}, {"symbols": ",,"}, {"timeframe": ""}, {"timeframe": "60Min"}, {"timeframe": "24Hour"},
            {"timeframe": "2Day"}, {"timeframe": "5Month"}, {"timeframe": "1Year"}, {"timeframe": "0Min"},
            {"limit": "0"}, {"limit": "10001"}, {"limit": "x"}, {"start": "yesterday"}, {"end": "2020-01-01"},
            {"sort": "up"}, {"adjustment": "some"}, {"feed": "reuters"}, {"currency": "EUR"},
            {"symbols": ",".join(f"S{n}" for n in range(1001))},
        ],
    )  # fmt: skip
    def test_with_422(self, bot, share, query):
        asked = {"symbols": "ACME", "timeframe": "1Day", "start": "2026-01-01", **query}
        answer = bot.send("GET", "/v2/stocks/bars", **asked)
        assert (answer.status_code, answer.json()["code"]) == (422, 40010001)

    @pytest.mark.parametrize("token", ["x", "AAAA", "%00", "QUNNRXx4", "é", "=" * 9])
    def test_page_tokens_of_nobody(self, bot, share, token):
        answer = bot.send("GET", "/v2/stocks/bars", symbols="ACME", timeframe="1Day", page_token=token)
        assert (answer.status_code, answer.json()["code"]) == (400, 40010000)

    @pytest.mark.parametrize(
        "timeframe", ["1Min", "59Min", "23Hour", "1Day", "1Week", "1Month", "12Month", "5T", "1H", "1D"]
    )
    def test_but_every_documented_time_frame_is_taken(self, bot, share, timeframe):
        found = bot.get("/v2/stocks/bars", symbols="ACME", timeframe=timeframe, limit=10000)
        assert found["next_page_token"] is None

    def test_classes_are_kept_apart(self, bot, share, coin):
        assert bot.get("/v2/stocks/quotes/latest", symbols="BTC/USD,ACME")["quotes"].keys() == {"ACME"}
        assert bot.get("/v1beta3/crypto/us/latest/quotes", symbols="BTC/USD,ACME")["quotes"].keys() == {
            "BTC/USD"
        }
