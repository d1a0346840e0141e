"""What a row of a table shows of the past, kept for a while and forgotten when bars change."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from marketdata import operations, queries
from marketdata.models import CorporateAction, HistoryJob
from marketdata.queries import trends
from marketdata.tests.conftest import NOW, bar
from marketdata.web.rows import rows_of, with_history

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def fill(instrument, count, price=lambda at: 100 + at):
    """So many days up to yesterday, numbered from the oldest."""
    for at in range(count):
        bar(instrument, (TODAY - timedelta(days=count - at)).isoformat(), str(price(at)))


class TestTrends:
    def test_are_the_last_closes_and_the_range_of_the_year(self, make_instrument):
        share = make_instrument("ACME")
        fill(share, 400)
        found = trends([share.pk], now=NOW)[share.pk]
        assert found.closes == tuple(float(100 + at) for at in range(370, 400))
        assert (found.low, found.high) == (Decimal(136), Decimal(499))

    def test_are_in_todays_shares(self, make_instrument):
        share = make_instrument("SPLT")
        fill(share, 100, price=lambda at: 400 if at < 90 else 101)
        CorporateAction.objects.create(
            instrument=share, ex_date=TODAY - timedelta(days=10), kind="split", value=4, source="test"
        )
        found = trends([share.pk], now=NOW)[share.pk]
        assert found.closes == (100.0,) * 20 + (101.0,) * 10
        assert (found.low, found.high) == (Decimal(100), Decimal(101))

    def test_cost_nothing_the_second_time(self, make_instrument, django_assert_num_queries):
        with_bars, without = make_instrument("A"), make_instrument("B")
        fill(with_bars, 5)
        first = trends([with_bars.pk, without.pk], now=NOW)
        assert list(first) == [with_bars.pk]
        with django_assert_num_queries(0):
            assert trends([with_bars.pk, without.pk], now=NOW) == first

    def test_are_read_anew_when_a_price_came(self, flat, owner, django_capture_on_commit_callbacks):
        assert trends([flat.pk], now=NOW)[flat.pk].closes == (310000.0,)
        with django_capture_on_commit_callbacks(execute=True):
            operations.record_price(
                instrument_id=flat.pk, day=date(2026, 11, 10), price=Decimal(320000), actor=owner, now=NOW
            )
        assert trends([flat.pk], now=NOW)[flat.pk].closes == (310000.0, 320000.0)


class TestWithHistory:
    def rows(self, *instruments):
        return with_history(rows_of(instruments, now=NOW), now=NOW)

    def test_asks_for_what_is_quoted_and_has_no_past(self, make_instrument, django_assert_num_queries):
        share = make_instrument("AAPL", provider="simulated", exchange="XNAS")
        quiet = make_instrument("MSFT", provider="simulated", exchange="XNAS")
        operations.set_quote(instrument_id=share.pk, bid=Decimal(1), ask=Decimal(2), now=NOW)
        assert [row.instrument for row in self.rows(share, quiet)] == [share, quiet]
        assert list(HistoryJob.objects.values_list("instrument_id", "reason")) == [(share.pk, "watched")]
        queries.cached_quotes([share.pk, quiet.pk], now=NOW)
        with django_assert_num_queries(1):  # the quote that there is not
            self.rows(share, quiet)

    def test_asks_for_nothing_that_is_here(self, make_instrument):
        share = make_instrument("AAPL", provider="simulated", exchange="XNAS")
        fill(share, 3)
        operations.set_quote(instrument_id=share.pk, bid=Decimal(1), ask=Decimal(2), now=NOW)
        self.rows(share)
        assert not HistoryJob.objects.exists()
