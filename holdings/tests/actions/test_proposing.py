"""Splits and dividends that became known: proposed to who held the thing, and recognised where they are booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from holdings import queries
from holdings.models import ActionProposal, Portfolio
from holdings.operations import actions as operations
from holdings.operations import (
    archive_portfolio,
    update_portfolio,
    void_transaction,
)
from holdings.operations.actions import ProposalRefused
from holdings.tests.actions.support import D, book, fact, journal, states, waiting
from holdings.tests.support import (
    NOW,
    make_instrument,
    make_portfolio,
    post,
)
from marketdata.models import HistoryJob, Instrument
from portfolio_site.kernel.models import OutboxEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


class TestProposing:
    def test_a_dividend_is_proposed_to_who_held_it(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2026-03-10", D(10), D("3.50"))]

    def test_not_to_who_bought_later_or_never(
        self,
        portfolio: Portfolio,
        owner: Any,
        outsider: Any,
        share: Instrument,
        deliver_events: Callable[[], Any],
    ) -> None:
        later, never = make_portfolio(owner, name="Later"), make_portfolio(outsider)
        post(later, "buy", "2026-03-10", instrument_id=share.pk, quantity="5", price="100")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(later) == waiting(never) == []

    def test_what_was_sold_before_the_ex_date_counts_not(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        post(portfolio, "sell", "2026-02-10", instrument_id=share.pk, quantity="4", price="110")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2026-03-10", D(6), D("2.10"))]

    def test_past_ones_are_proposed_when_a_holding_comes_in(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2025-12-10", "dividend", "1")
        fact(share, "2026-03-10", "dividend", "0.35")
        fact(share, "2026-04-01", "split", "2")
        deliver_events()
        portfolio = make_portfolio(owner)
        post(portfolio, "buy", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
        deliver_events()
        assert waiting(portfolio) == [
            ("dividend", "2026-03-10", D(10), D("3.50")),
            ("split", "2026-04-01", D(10), None),
        ]

    def test_an_open_one_follows_the_books_and_the_source(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        post(portfolio, "buy", "2026-02-01", instrument_id=share.pk, quantity="10", price="100")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2026-03-10", D(20), D("7.00"))]
        fact(share, "2026-03-10", "dividend", "0.40")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2026-03-10", D(20), D("8.00"))]

    def test_it_goes_when_nothing_was_held_after_all(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        (bought,) = journal(portfolio, "buy")
        void_transaction(portfolio_id=portfolio.pk, transaction_id=bought.pk, actor=portfolio.owner, now=NOW)
        deliver_events()
        assert waiting(portfolio) == []

    def test_a_dividend_after_a_split_that_is_not_booked_is_on_new_shares(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "4")
        fact(share, "2026-04-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == [
            ("split", "2026-03-10", D(10), None),
            ("dividend", "2026-04-10", D(40), D("14.00")),
        ]

    def test_withholding_is_proposed_as_the_last_time(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        post(portfolio, "dividend", "2026-01-20", instrument_id=share.pk, amount="10", taxes="1.50")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        (found,) = queries.open_proposals(portfolio.pk).rows
        assert (found.amount, found.taxes, found.net) == (D("3.50"), D("0.52"), D("2.98"))

    def test_an_archived_portfolio_is_left_alone(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        archive_portfolio(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW)
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert not ActionProposal.objects.exists()

    def test_what_is_held_gets_its_history(self, owner: Any, deliver_events: Callable[[], Any]) -> None:
        yahoo = make_instrument("REAL", provider="yahoo", exchange="XNAS")
        portfolio = make_portfolio(owner, base_currency="USD")
        post(portfolio, "buy", "2009-05-04", instrument_id=yahoo.pk, quantity="10", price="100")
        deliver_events()
        job = HistoryJob.objects.get(instrument=yahoo)
        assert (job.reason, job.wanted_from) == ("held", date(2009, 5, 4))

    def test_a_posting_without_any_action_costs_few_statements(
        self, portfolio: Portfolio, share: Instrument, django_assert_max_num_queries: Any
    ) -> None:
        row = post(portfolio, "buy", "2026-05-04", instrument_id=share.pk, quantity="1", price="100")
        arguments: dict[str, Any] = {
            "portfolio_id": portfolio.pk, "transaction_ids": [row.pk], "voided_ids": [], "now": NOW
        }  # fmt: skip
        operations.follow_posting(**arguments)
        with django_assert_max_num_queries(7):
            operations.follow_posting(**arguments)

    def test_many_postings_cost_what_one_costs_and_only_who_is_concerned_looks_again(
        self,
        owner: Any,
        portfolio: Portfolio,
        share: Instrument,
        deliver_events: Callable[[], Any],
        django_assert_num_queries: Any,
    ) -> None:
        other = make_instrument("OTHER")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        booked = OutboxEvent.objects.filter(name="holdings.actions_due").count()
        ActionProposal.objects.all().delete()
        mine = post(portfolio, "buy", "2026-05-04", instrument_id=share.pk, quantity="1", price="100")
        postings = [operations.Posting(portfolio_id=portfolio.pk, transaction_ids=[mine.pk])]
        for _ in range(5):
            unconcerned = make_portfolio(owner, base_currency="USD")
            row = post(unconcerned, "buy", "2026-05-04", instrument_id=other.pk, quantity="1", price="9")
            postings.append(operations.Posting(portfolio_id=unconcerned.pk, transaction_ids=[row.pk]))
        operations.follow_postings(postings=postings[1:2], now=NOW)
        with django_assert_num_queries(3):
            operations.follow_postings(postings=postings[1:], now=NOW)
        operations.follow_postings(postings=postings, now=NOW)
        due = OutboxEvent.objects.filter(name="holdings.actions_due").order_by("pk")[booked:]
        assert [row.payload for row in due] == [{"portfolio_id": portfolio.pk, "instrument_ids": [share.pk]}]


class TestRecognising:
    @pytest.mark.parametrize(
        ("day", "amount"), [("2026-03-10", "3.50"), ("2026-03-31", "2.98"), ("2026-03-08", "3.50")]
    )
    def test_a_dividend_that_is_in_the_books_is_not_proposed(
        self,
        portfolio: Portfolio,
        share: Instrument,
        deliver_events: Callable[[], Any],
        day: str,
        amount: str,
    ) -> None:
        post(portfolio, "dividend", day, instrument_id=share.pk, amount=amount)
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == []
        assert states(portfolio) == ["known"]

    def test_one_that_comes_by_hand_later_closes_the_proposal(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        row = post(portfolio, "dividend", "2026-03-20", instrument_id=share.pk, amount="3.50")
        deliver_events()
        assert states(portfolio) == ["known"]
        void_transaction(portfolio_id=portfolio.pk, transaction_id=row.pk, actor=portfolio.owner, now=NOW)
        deliver_events()
        assert states(portfolio) == ["open"]

    def test_in_another_currency_too(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        post(portfolio, "dividend", "2026-03-20", instrument_id=share.pk, amount="2.80", currency="EUR")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert states(portfolio) == ["known"]

    def test_a_split_that_is_in_the_books_is_not_proposed(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        post(portfolio, "split", "2026-03-12", instrument_id=share.pk, ratio="4")
        fact(share, "2026-03-10", "split", "4")
        deliver_events()
        assert states(portfolio) == ["known"]

    def test_another_amount_at_the_time_of_payment_is_a_doubt_and_waits_for_a_person(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        update_portfolio(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW, automatic_actions=True)
        post(portfolio, "dividend", "2026-04-01", instrument_id=share.pk, amount="35")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        (found,) = queries.open_proposals(portfolio.pk).rows
        assert "another amount" in found.doubt
        assert len(journal(portfolio, "dividend")) == 1

    def test_it_cannot_be_booked_once_somebody_else_has(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        # Booked by hand in another window; the event is still on its way.
        post(portfolio, "dividend", "2026-03-10", instrument_id=share.pk, amount="3.50")
        with pytest.raises(ProposalRefused, match="in the books already"):
            book(portfolio)
        assert len(journal(portfolio, "dividend")) == 1
