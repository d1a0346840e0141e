"""A change in the past recomputes from its day on, and comes to what a replay from the beginning says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from holdings.models import LedgerCheckpoint, Transaction
from holdings.operations import rebuild_holdings, void_transaction
from holdings.queries import checkpoints
from holdings.queries.verification import verify_portfolio
from holdings.tests import test_any_journal
from holdings.tests.support import NOW, assert_books_are_right, make_instrument, make_portfolio, post
from marketdata.models import Instrument, PriceBar

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _every_day_is_a_border(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SMALLEST_PART", 1)


def borders(portfolio: Any) -> list[date]:
    """The days at whose beginning the books are kept."""
    kept = LedgerCheckpoint.objects.filter(portfolio=portfolio).order_by("before_date")
    return list(kept.values_list("before_date", flat=True))


@pytest.fixture
def long(owner, acme):
    """Twenty purchases on twenty days, each with money missing, and the checkpoints of their replay."""
    portfolio = make_portfolio(owner)
    for number in range(20):
        day = date(2026, 1, 1) + timedelta(days=number)
        post(portfolio, "buy", day, instrument_id=acme.pk, quantity="2", price="10", fees="1")
    rebuild_holdings(portfolio_id=portfolio.pk)
    return portfolio


def test_a_delivery_without_a_price_is_worth_what_the_last_trade_says(owner, acme):
    portfolio = make_portfolio(owner)
    post(portfolio, "buy", "2026-01-05", instrument_id=acme.pk, quantity="1", price="42")
    PriceBar.objects.filter(instrument=acme).delete()
    post(portfolio, "delivery_in", "2026-01-06", instrument_id=acme.pk, quantity="3", cost="10")
    assert_books_are_right(portfolio)


class TestCheckpoints:
    @settings(
        max_examples=25,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        steps=st.lists(test_any_journal.STEP, min_size=8, max_size=20),
        method=st.sampled_from(["fifo", "lifo", "hifo", "average", "section104"]),
        tax_country=st.sampled_from(["", "", "US"]),
    )
    def test_changes_in_any_order_come_to_what_a_full_replay_says(
        self, owner, acme, steps, method, tax_country
    ):
        other = Instrument.objects.filter(symbol="OTHER").first() or make_instrument("OTHER", currency="CHF")
        portfolio = make_portfolio(owner, cost_basis_method=method, tax_country=tax_country)
        places = test_any_journal.places_of(portfolio)
        for step in steps:
            test_any_journal.TestAnyJournal()._take(portfolio, step, (acme, other), places)
            assert verify_portfolio(portfolio.pk).problems == ()

    def test_lie_ever_closer_towards_the_end(self, long):
        assert borders(long) == [date(2026, 1, day) for day in (11, 16, 19, 20)]

    def test_a_change_reads_only_what_comes_after_the_last_one_before_it(self, long, acme):
        with CaptureQueriesContext(connection) as seen:
            post(long, "sell", "2026-01-17", instrument_id=acme.pk, quantity="1", price="11")
        read = [
            q["sql"] for q in seen if 'FROM "holdings_transaction"' in q["sql"] and "NOT EXISTS" in q["sql"]
        ]
        assert any("\"occurred_date\" >= '2026-01-16'" in sql for sql in read)
        assert not any(
            "occurred_date" not in sql.partition("WHERE")[2] and "LIMIT" not in sql for sql in read
        )
        assert borders(long)[:2] == [date(2026, 1, 11), date(2026, 1, 16)]
        assert_books_are_right(long)

    def test_those_after_a_change_are_made_anew(self, long, acme):
        before = borders(long)
        post(long, "buy", "2025-12-31", instrument_id=acme.pk, quantity="1", price="9")
        assert_books_are_right(long)
        post(long, "buy", "2026-01-18", instrument_id=acme.pk, quantity="1", price="9")
        assert_books_are_right(long)
        assert borders(long) != before

    def test_an_entry_on_a_day_whose_beginning_was_kept_counts(self, long, acme):
        for row in Transaction.objects.filter(portfolio=long, occurred_date__gte="2026-01-12"):
            void_transaction(portfolio_id=long.pk, transaction_id=row.pk, actor=long.owner, now=NOW)
        post(long, "buy", "2026-01-13", instrument_id=acme.pk, quantity="1", price="9")  # at the end now
        post(long, "buy", "2026-01-25", instrument_id=acme.pk, quantity="1", price="9")
        post(long, "sell", "2026-01-24", instrument_id=acme.pk, quantity="3", price="9")
        assert_books_are_right(long)

    def test_an_action_that_asks_for_older_prices_replays_everything(self, long, acme):
        other = make_instrument("OTHER")
        post(long, "symbol_change", "2026-01-19", instrument_id=acme.pk, to_instrument_id=other.pk)
        assert_books_are_right(long)
        assert borders(long) == [date(2026, 1, 20)]

    @pytest.mark.parametrize("rules", [{"cost_basis_method": "section104"}, {"tax_country": "US"}])
    def test_there_are_none_where_entries_are_matched_over_any_border(self, owner, acme, rules):
        portfolio = make_portfolio(owner, **rules)
        for day in range(1, 9):
            post(portfolio, "buy", date(2026, 1, day), instrument_id=acme.pk, quantity="2", price="10")
        rebuild_holdings(portfolio_id=portfolio.pk)
        assert borders(portfolio) == []
