"""The range of a trading day: what a source tells, kept with its quote, and what the simulated market has done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from marketdata import operations, queries
from marketdata.models import Quote
from marketdata.providers.base import InstrumentRef, QuoteData
from marketdata.providers.simulated import SimulatedProvider
from marketdata.providers.simulated_hours import EXCHANGE_HOURS
from marketdata.tests.conftest import NOW

D = Decimal


def ref(symbol="AAPL", **fields):
    known = {"asset_class": "equity", "currency": "USD", "exchange": "XNAS", "sector": "Technology"}
    return InstrumentRef(instrument_id=1, symbol=symbol, **{**known, **fields})


class TestSimulatedMarket:
    @pytest.mark.parametrize(
        ("hours", "instrument", "at"),
        [
            (None, ref(), datetime(2026, 11, 20, 15, 30, 7, tzinfo=UTC)),
            (
                None,
                ref("BTC-USD", asset_class="crypto", exchange=""),
                datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC),
            ),
            (EXCHANGE_HOURS, ref(), datetime(2026, 11, 20, 18, 0, 30, tzinfo=UTC)),
            # A break at noon, and an instant in the middle of it.
            (
                EXCHANGE_HOURS,
                ref("7203.T", exchange="XTKS", currency="JPY"),
                datetime(2026, 11, 20, 5, 0, tzinfo=UTC),
            ),
            (
                EXCHANGE_HOURS,
                ref("7203.T", exchange="XTKS", currency="JPY"),
                datetime(2026, 11, 20, 3, 0, tzinfo=UTC),
            ),
            # After the close: the whole session.
            (EXCHANGE_HOURS, ref(), datetime(2026, 11, 20, 23, 0, tzinfo=UTC)),
        ],
    )
    def test_is_the_range_of_its_minutes(self, hours, instrument, at):
        market = SimulatedProvider(seed=7, hours=hours)
        day = market._hours.moment(instrument, at).day
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=12)
        minutes = [
            bar
            for bar in market.intraday(instrument, start, at)
            if market._hours.moment(instrument, bar.at).day == day
        ]
        found = market.day_range(instrument, at)
        assert found is not None
        assert (found.low, found.high) == (min(bar.low for bar in minutes), max(bar.high for bar in minutes))

    def test_looking_again_later_gives_the_same_as_looking_once(self):
        market, known = SimulatedProvider(seed=7), None
        for hour in (1, 9, 9, 15, 23):
            at = datetime(2026, 11, 20, hour, 17, 3, tzinfo=UTC)
            known = market.day_range(ref(), at, known=known)
            assert known == market.day_range(ref(), at)
        tomorrow = datetime(2026, 11, 21, 0, 5, tzinfo=UTC)
        assert market.day_range(ref(), tomorrow, known=known) == market.day_range(ref(), tomorrow)

    def test_is_not_known_in_the_first_minute(self):
        assert (
            SimulatedProvider(seed=7).day_range(ref(), datetime(2026, 11, 20, 0, 0, 30, tzinfo=UTC)) is None
        )


@pytest.mark.django_db
class TestWithQuotes:
    @pytest.fixture(autouse=True)
    def _today(self, time_machine):
        time_machine.move_to(NOW, tick=False)

    def apply(self, instrument, last, *, low=None, high=None, minutes=0):
        at = NOW - timedelta(hours=1) + timedelta(minutes=minutes)
        quote = QuoteData(
            instrument_id=instrument.pk,
            last=D(last),
            day_low=low and D(low),
            day_high=high and D(high),
            quoted_at=at,
            source="yahoo",
        )
        operations.apply_quotes(quotes=[quote], now=NOW, is_trusted=True)
        found = queries.day_ranges([instrument], queries.latest_quotes([instrument.pk], now=NOW))
        day = found.get(instrument.pk)
        return None if day is None else (day.low, day.high)

    @pytest.fixture
    def share(self, make_instrument):
        return make_instrument("ACME", provider="yahoo")

    def test_what_the_source_tells_is_kept_also_in_the_cache(self, share, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            assert self.apply(share, "10", low="9.5", high="11") == (D("9.5"), D("11"))
        cached = queries.cached_quotes([share.pk], now=NOW)[share.pk]
        assert (cached.day_low, cached.day_high) == (D("9.5"), D("11"))
        assert queries.latest_quote(share.pk, now=NOW) == cached

    def test_the_price_itself_is_part_of_it(self, share):
        assert self.apply(share, "12", low="9.5", high="11") == (D("9.5"), D("12"))

    def test_where_nobody_tells_it_is_not_known(self, share):
        assert self.apply(share, "10") is None

    def test_a_tick_without_it_leaves_it_and_belongs_to_it(self, share):
        self.apply(share, "10", low="9.5", high="11")
        assert self.apply(share, "9", minutes=1) == (D("9"), D("11"))
        assert self.apply(share, "10", minutes=2) == (D("9"), D("11"))

    def test_another_day_begins_anew(self, share):
        self.apply(share, "10", low="9.5", high="11", minutes=-24 * 60)
        assert self.apply(share, "10.2") is None

    def test_nonsense_is_not_a_range(self, share):
        assert self.apply(share, "10", low="0", high="11") is None

    def test_of_the_simulated_market_is_looked_up(self, make_instrument, django_assert_num_queries):
        made = make_instrument("AAPL", provider="simulated", exchange="XNAS", sector="Technology")
        operations.refresh_quotes(now=NOW)
        quotes = queries.latest_quotes([made.pk], now=NOW)
        with django_assert_num_queries(0):
            first = queries.day_ranges([made], quotes)[made.pk]
        assert first.low <= quotes[made.pk].last <= first.high
        assert first.low < first.high
        assert queries.day_ranges([made], quotes)[made.pk] == first

    def test_of_a_price_held_by_hand_is_not_known(self, make_instrument):
        made = make_instrument("AAPL", provider="simulated", exchange="XNAS")
        operations.set_quote(instrument_id=made.pk, bid=D(1), ask=D(2), now=NOW)
        assert Quote.objects.get().day_low is None
        assert queries.day_ranges([made], queries.latest_quotes([made.pk], now=NOW)) == {}
