"""Prices of the simulated market that nothing ticks: worked out when they are read, while the market runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import override_settings

from marketdata import operations, queries
from marketdata.models import Instrument, PriceBar, Quote
from marketdata.queries.on_demand import note_simulated_tick
from marketdata.tests.conftest import NOW

pytestmark = pytest.mark.django_db
D = Decimal
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def share(make_instrument):
    """A simulated share whose only tick was at NOW, in a market that ticks on."""
    share = make_instrument("ABBV", provider="simulated", exchange="XNYS")
    operations.refresh_quotes(now=NOW)
    note_simulated_tick(LATER)
    return share


class TestPricedOnDemand:
    def test_a_quote_that_nothing_moved_is_as_of_now(self, share, django_assert_num_queries):
        with django_assert_num_queries(2):
            found = queries.latest_quotes([share.pk], now=LATER)[share.pk]
        assert found.quoted_at == LATER
        assert not found.is_stale
        assert found.last != Quote.objects.get(instrument=share).last

    def test_it_is_what_a_tick_would_have_brought(self, share):
        read = queries.latest_quote(share.pk, now=LATER)
        operations.refresh_quotes(now=LATER)
        assert queries.latest_quote(share.pk, now=LATER) == read

    def test_pages_get_the_same_from_the_cache(self, share, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            operations.refresh_quotes(now=NOW)
        note_simulated_tick(LATER)
        cached = queries.cached_quotes([share.pk], now=LATER)[share.pk]
        assert cached == queries.latest_quote(share.pk, now=LATER)

    def test_a_fresh_tick_costs_nothing_more(self, share, django_assert_num_queries):
        with django_assert_num_queries(1):
            found = queries.latest_quotes([share.pk], now=NOW + timedelta(seconds=2))[share.pk]
        assert found.quoted_at == NOW

    def test_a_market_that_stopped_ticking_is_stale_and_says_so(self, share):
        note_simulated_tick(NOW)
        found = queries.latest_quotes([share.pk], now=LATER)[share.pk]
        assert found.quoted_at == NOW
        assert found.is_stale

    def test_a_held_quote_stays(self, share):
        operations.set_quote(instrument_id=share.pk, bid=D(9), ask=D(11), now=NOW)
        found = queries.latest_quotes([share.pk], now=LATER)[share.pk]
        assert (found.bid, found.ask, found.quoted_at) == (9, 11, NOW)

    @override_settings(SIMULATED_TICKS=False)
    def test_a_market_that_stands_still_by_setting_stays(self, share):
        assert queries.latest_quotes([share.pk], now=LATER)[share.pk].quoted_at == NOW

    @override_settings(SIMULATED_SESSION="exchange")
    def test_a_closed_exchange_stands_at_its_close(self, share):
        evening = datetime(2026, 11, 20, 23, tzinfo=UTC)
        note_simulated_tick(evening)
        found = queries.latest_quotes([share.pk], now=evening)[share.pk]
        assert found.quoted_at == datetime(2026, 11, 20, 21, tzinfo=UTC)
        assert not found.is_stale

    def test_real_quotes_are_never_made_up(self, make_instrument):
        real = make_instrument("REAL", provider="simulated")
        Quote.objects.create(
            instrument=real, last=D(5), quoted_at=NOW, received_at=NOW, source="yahoo", is_simulated=False
        )
        assert queries.latest_quotes([real.pk], now=LATER)[real.pk].last == 5


class TestHistoryWhenWanted:
    def test_only_the_core_comes_with_history_and_the_rest_when_asked_for(self, time_machine):
        time_machine.move_to(NOW)
        call_command("load_starter_instruments", "--without-history")
        Instrument.objects.exclude(symbol__in=["KO", "ABBV"]).delete()
        core, other = Instrument.objects.get(symbol="KO"), Instrument.objects.get(symbol="ABBV")
        operations.backfill_history(now=NOW, years=1)
        assert not PriceBar.objects.filter(instrument=other).exists()
        assert PriceBar.objects.filter(instrument=core).exists()
        operations.backfill_history(now=NOW, years=1, instrument_ids=[other.pk])
        assert PriceBar.objects.filter(instrument=other).latest("date").date == date(2026, 11, 19)
        operations.backfill_history(now=NOW + timedelta(days=3))
        assert PriceBar.objects.filter(instrument=other).latest("date").date == date(2026, 11, 20)
