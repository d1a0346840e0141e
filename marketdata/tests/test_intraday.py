"""Minutes of the last days, from the quotes that came in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import TestCase

from marketdata import operations, queries
from marketdata.models import Instrument, IntradayBar
from marketdata.operations.intraday import store_minutes
from marketdata.providers.base import IntradayBarData, QuoteData
from marketdata.tests.conftest import NOW

pytestmark = pytest.mark.django_db
D = Decimal
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture
def acme(make_instrument: Callable[..., Instrument]) -> Instrument:
    return make_instrument("ACME", provider="simulated", exchange="XNAS")


def tick(
    instrument: Instrument,
    at: datetime,
    last: str,
    volume: str | None = None,
    *,
    now: datetime | None = None,
    **fields: Any,
) -> None:
    """A quote comes in and has committed."""
    quote = QuoteData(
        instrument_id=instrument.pk, last=D(last), quoted_at=at, source="test",
        volume=None if volume is None else D(volume), **fields,
    )  # fmt: skip
    with TestCase.captureOnCommitCallbacks(execute=True):
        operations.apply_quotes(quotes=[quote], now=now or at)


def minutes(instrument: Instrument, step: Any = 1) -> list[tuple[str, str, str, str, str, str | None]]:
    found = queries.intraday_bars(
        instrument.pk, start=START - timedelta(days=2), end=START + timedelta(days=2), minutes=step
    )

    def text(value: Decimal | None) -> str | None:
        return None if value is None else f"{value.normalize():f}"

    return [
        (f"{b.at:%H:%M}", text(b.open), text(b.high), text(b.low), text(b.close), text(b.volume))  # type: ignore[misc]
        for b in found
    ]


def at(clock: str, day: int = 20) -> datetime:
    parts = [*(int(part) for part in clock.split(":")), 0]
    return datetime(2026, 11, day, parts[0], parts[1], parts[2], tzinfo=UTC)


def minute(
    begins: datetime, opened: str, high: str, low: str, close: str, volume: str | None = None
) -> IntradayBarData:
    return IntradayBarData(
        at=begins, open=D(opened), high=D(high), low=D(low), close=D(close),
        volume=None if volume is None else D(volume),
    )  # fmt: skip


class TestFromQuotes:
    def test_a_minute_has_first_highest_lowest_and_last_quote(self, acme: Instrument) -> None:
        for second, price in ((1, "10"), (20, "12"), (40, "9.8"), (59, "11")):
            tick(acme, START + timedelta(seconds=second), price)
        tick(acme, START + timedelta(seconds=61), "11.5")
        assert minutes(acme) == [
            ("15:00", "10", "12", "9.8", "11", None),
            ("15:01", "11.5", "11.5", "11.5", "11.5", None),
        ]

    def test_volume_is_the_difference_of_running_totals(self, acme: Instrument) -> None:
        tick(acme, at("15:00:10"), "10", "1000")
        tick(acme, at("15:00:50"), "10", "1300")
        tick(acme, at("15:01:05"), "10", "1350")
        tick(acme, at("15:01:55"), "10", "1400")
        tick(acme, at("15:03:00"), "10", "1450")
        # What was traded before the first quote of all is nobody's; after that nothing is lost.
        assert [row[5] for row in minutes(acme)] == ["300", "100", "50"]

    def test_a_total_that_begins_anew_counts_from_zero(self, acme: Instrument) -> None:
        tick(acme, at("23:59:58"), "10", "90000")
        tick(acme, at("00:00:02", 21), "10", "70")
        assert [row[5] for row in minutes(acme)] == ["0", "70"]

    def test_after_silence_what_was_missed_belongs_to_no_minute(self, acme: Instrument) -> None:
        tick(acme, at("15:00"), "10", "1000")
        tick(acme, at("15:30"), "10", "9000")
        tick(acme, at("15:30:30"), "10", "9010")
        assert [row[5] for row in minutes(acme)] == ["0", "10"]

    def test_a_thing_that_trades_seldom_keeps_its_volume(self, acme: Instrument) -> None:
        tick(acme, at("15:00"), "10", "1000")
        for minute in range(1, 12):  # asked every minute, no new trade
            tick(acme, at("15:00"), "10", "1000", now=at(f"15:{minute:02}"))
        tick(acme, at("15:12"), "10", "1040")
        assert [(row[0], row[5]) for row in minutes(acme)] == [("15:00", "0"), ("15:12", "40")]

    def test_the_first_minute_of_a_session_has_the_opening_volume(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        live = make_instrument("LIVE", provider="other", exchange="XNAS")
        tick(live, at("21:00", 19), "10", "5000000")
        tick(live, at("14:30:20"), "10", "80000")
        tick(live, at("14:31:20"), "10", "81000")
        assert [row[5] for row in minutes(live)] == ["0", "80000", "1000"]

    def test_sums_over_the_last_day_make_no_volume(self, make_instrument: Callable[..., Instrument]) -> None:
        coin = make_instrument("BTC-USD", provider="other", asset_class="crypto")
        tick(coin, at("15:00"), "10", "1000")
        tick(coin, at("15:01"), "10", "990")
        assert [row[5] for row in minutes(coin)] == [None, None]

    def test_a_late_quote_widens_its_minute_and_leaves_the_close(self, acme: Instrument) -> None:
        tick(acme, at("15:00:10"), "10")
        tick(acme, at("15:00:50"), "11")
        # An older quote does not replace the newer one, so nothing of it is recorded.
        tick(acme, at("15:00:30"), "14")
        assert minutes(acme) == [("15:00", "10", "11", "10", "11", None)]

    def test_simulated_ticks_make_minutes_that_say_so(self, acme: Instrument) -> None:
        tick(acme, at("15:00"), "10", is_simulated=True)
        (found,) = queries.intraday_bars(acme.pk, start=START, end=START + timedelta(minutes=1))
        assert found.is_simulated

    def test_prices_kept_by_hand_make_none(self, make_instrument: Callable[..., Instrument]) -> None:
        flat = make_instrument("FLAT", provider="manual")
        tick(flat, at("15:00"), "310000")
        assert not IntradayBar.objects.exists()

    def test_a_quote_of_last_week_makes_none(self, acme: Instrument) -> None:
        tick(acme, START - timedelta(days=7), "10", now=START)
        assert not IntradayBar.objects.exists()

    def test_many_instruments_take_two_statements(
        self, make_instrument: Callable[..., Instrument], django_assert_num_queries: Any
    ) -> None:
        many = [make_instrument(f"S{n}", provider="simulated") for n in range(20)]
        quotes = [
            QuoteData(instrument_id=i.pk, last=D(10), quoted_at=NOW, source="test", volume=D(5)) for i in many
        ]
        operations.apply_quotes(quotes=quotes, now=NOW)
        with django_assert_num_queries(2):
            operations.record_minutes(instrument_ids=[i.pk for i in many], now=NOW)
        assert IntradayBar.objects.count() == 20


class TestRollUp:
    def test_five_fifteen_and_sixty_minutes(self, acme: Instrument) -> None:
        for n in range(75):
            tick(acme, START + timedelta(minutes=n, seconds=1), str(100 + n), str(1000 + 10 * n))
        five = minutes(acme, 5)
        assert len(five) == 15
        assert five[0] == ("15:00", "100", "104", "100", "104", "40")
        assert five[1] == ("15:05", "105", "109", "105", "109", "50")
        assert [row[0] for row in minutes(acme, 15)] == ["15:00", "15:15", "15:30", "15:45", "16:00"]
        assert minutes(acme, 60) == [
            ("15:00", "100", "159", "100", "159", "590"),
            ("16:00", "160", "174", "160", "174", "150"),
        ]

    def test_the_end_is_not_in_it(self, acme: Instrument) -> None:
        tick(acme, at("15:00"), "1")
        tick(acme, at("15:05"), "2")
        found = queries.intraday_bars(acme.pk, start=at("15:00"), end=at("15:05"))
        assert [bar.close for bar in found] == [D(1)]

    def test_other_steps_are_refused(self, acme: Instrument) -> None:
        with pytest.raises(ValueError, match="1, 5, 15 or 60"):
            queries.intraday_bars(acme.pk, start=START, end=START, minutes=7)


class TestFromProviders:
    def test_whole_minutes_replace_what_was_seen_of_them(self, acme: Instrument) -> None:
        tick(acme, at("15:00:30"), "10", "500")
        whole = minute(START, "9.5", "10.5", "9.4", "10.2", "7000")
        stored = store_minutes(instrument_id=acme.pk, bars=[whole], source="other", now=NOW)
        assert stored == 1
        assert minutes(acme) == [("15:00", "9.5", "10.5", "9.4", "10.2", "7000")]

    def test_simulated_minutes_stay(self, acme: Instrument) -> None:
        tick(acme, at("15:00:30"), "10", is_simulated=True)
        whole = minute(START, "9.5", "10.5", "9.4", "10.2")
        store_minutes(instrument_id=acme.pk, bars=[whole], source="other", now=NOW)
        assert minutes(acme)[0][1] == "10"

    @pytest.mark.parametrize(
        "faulty",
        [
            ("0", "10", "0", "5"),
            ("5", "4", "3", "4"),
            ("5", "6", "NaN", "5"),
            ("5", "6", "4", "5", "-1"),
            ("5", "Infinity", "4", "5", "NaN"),
        ],
    )
    def test_impossible_minutes_are_left_out(self, acme: Instrument, faulty: Any) -> None:
        assert (
            store_minutes(instrument_id=acme.pk, bars=[minute(START, *faulty)], source="other", now=NOW) == 0
        )
        assert not IntradayBar.objects.exists()

    def test_double_unordered_future_and_old_minutes(self, acme: Instrument) -> None:
        given = [
            minute(at("15:02"), *"5555"),
            minute(at("15:00"), *"5555"),
            minute(at("15:02"), *"6666"),
            minute(NOW + timedelta(hours=1), *"5555"),
            minute(datetime(1970, 1, 1, tzinfo=UTC), *"5555"),
        ]
        assert store_minutes(instrument_id=acme.pk, bars=given, source="other", now=NOW) == 2
        assert [(row[0], row[4]) for row in minutes(acme)] == [("15:00", "5"), ("15:02", "6")]
