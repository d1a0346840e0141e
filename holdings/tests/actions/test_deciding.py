"""Splits and dividends that became known: dismissed, booked by themselves, or brought by an import."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from holdings import queries
from holdings.entries import Entry
from holdings.models import ActionProposal, Portfolio, Transaction
from holdings.operations import actions as operations
from holdings.operations import (
    correct_transaction,
    post_trade,
    post_transaction,
    update_portfolio,
    void_transaction,
)
from holdings.operations.actions import ProposalRefused
from holdings.operations.bulk import restore_transactions
from holdings.tests.actions.support import D, book, fact, journal, position, states, waiting
from holdings.tests.support import (
    NOW,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    post,
)
from marketdata.models import Instrument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


class TestDismissing:
    def test_is_not_brought_up_again_and_can_be_brought_back(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        pk = ActionProposal.objects.get().pk
        arguments: dict[str, Any] = {
            "portfolio_id": portfolio.pk, "proposal_id": pk, "actor": portfolio.owner, "now": NOW
        }  # fmt: skip
        operations.dismiss_proposal(**arguments)
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == []
        with pytest.raises(ProposalRefused, match="dismissed"):
            operations.book_proposal(**arguments)
        operations.reopen_proposal(**arguments)
        assert len(waiting(portfolio)) == 1

    def test_a_split_that_is_dismissed_does_not_count_for_dividends(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "4")
        fact(share, "2026-04-10", "dividend", "0.35")
        deliver_events()
        operations.dismiss_proposal(
            portfolio_id=portfolio.pk,
            proposal_id=ActionProposal.objects.get(kind="split").pk,
            actor=portfolio.owner,
            now=NOW,
        )
        assert waiting(portfolio) == [("dividend", "2026-04-10", D(10), D("3.50"))]

    def test_removing_the_entry_dismisses_it_and_bringing_it_back_books_it(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        (entry_id,) = book(portfolio).entry_ids
        deliver_events()
        void_transaction(portfolio_id=portfolio.pk, transaction_id=entry_id, actor=portfolio.owner, now=NOW)
        deliver_events()
        assert states(portfolio) == ["dismissed"]
        restore_transactions(
            portfolio_id=portfolio.pk, transaction_ids=[entry_id], actor=portfolio.owner, now=NOW
        )
        deliver_events()
        assert states(portfolio) == ["booked"]
        assert len(journal(portfolio, "dividend")) == 1

    def test_correcting_the_entry_keeps_it_booked(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        (entry_id,) = book(portfolio).entry_ids
        deliver_events()
        corrected = correct_transaction(
            portfolio_id=portfolio.pk,
            transaction_id=entry_id,
            entry=Entry(
                type="dividend",
                occurred=date(2026, 3, 28),
                instrument_id=share.pk,
                amount=D("3.55"),
                source="corporate action",
                external_id=Transaction.objects.get(pk=entry_id).external_id,
            ),
            actor=portfolio.owner,
            now=NOW,
        )
        deliver_events()
        assert states(portfolio) == ["booked"]
        assert ActionProposal.objects.get().entry_ids == [corrected.pk]


class TestByThemselves:
    def test_a_portfolio_that_wants_it_books_them_as_they_are_found(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        update_portfolio(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW, automatic_actions=True)
        fact(share, "2026-03-10", "split", "4")
        fact(share, "2026-04-10", "dividend", "0.35")
        deliver_events()
        assert states(portfolio) == ["booked", "booked"]
        (row,) = journal(portfolio, "dividend")
        assert (row.amount, row.posted_by) == (D("14.00"), None)
        assert ActionProposal.objects.filter(is_automatic=True).count() == 2
        assert_books_are_right(portfolio)

    def test_of_a_day_to_come_on_that_day(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any], time_machine: Any
    ) -> None:
        update_portfolio(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW, automatic_actions=True)
        fact(share, "2026-06-05", "dividend", "0.35")
        deliver_events()
        assert operations.book_due_proposals(now=NOW) == 0
        assert operations.book_due_proposals(now=NOW + timedelta(days=4)) == 1

    def test_those_that_do_not_want_it_are_asked(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert operations.book_due_proposals(now=NOW) == 0

    def test_what_cannot_be_booked_waits_with_the_reason(
        self, owner: Any, deliver_events: Callable[[], Any]
    ) -> None:
        portfolio = make_portfolio(owner, base_currency="USD")
        update_portfolio(portfolio_id=portfolio.pk, actor=owner, now=NOW, automatic_actions=True)
        yen = make_instrument("YEN", currency="JPY")
        post(
            portfolio,
            "buy",
            "2026-01-05",
            instrument_id=yen.pk,
            quantity="10",
            price="100",
            fx_rate=D("0.0067"),
        )
        fact(yen, "2026-03-10", "dividend", "30")
        deliver_events()
        (found,) = queries.open_proposals(portfolio.pk).rows
        assert "rate" in found.doubt.lower()

    def test_what_trading_applies_to_paper_portfolios_is_left_to_it(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        paper = make_portfolio(owner, base_currency="USD", kind="paper", starting_cash=D(10000), name="Paper")
        post_trade(
            portfolio_id=paper.pk, instrument_id=share.pk, fees=D(0), actor=owner, side="buy", quantity=D(10),
            price=D(160), occurred_at=datetime(2026, 3, 9, 20, tzinfo=UTC), external_id="1", now=NOW,
        )  # fmt: skip
        fact(share, "2026-05-27", "dividend", "0.35")
        fact(share, "2026-06-01", "split", "4")
        deliver_events()
        assert not ActionProposal.objects.filter(portfolio=paper).exists()

    def test_a_dividend_owed_that_was_paid_is_recognised(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        portfolio = make_portfolio(owner, base_currency="USD", allow_short=True)
        post(portfolio, "sell", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
        post(portfolio, "fee", "2026-03-11", instrument_id=share.pk, amount="3.50")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert states(portfolio) == ["known"]

    def test_paper_portfolios_book_what_became_known_late_before_the_trades_of_its_day(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        Instrument.objects.filter(pk=share.pk).update(provider="simulated")
        paper = make_portfolio(owner, base_currency="USD", kind="paper", starting_cash=D(10000), name="Paper")
        trade = {"portfolio_id": paper.pk, "instrument_id": share.pk, "fees": D(0), "actor": owner}
        post_trade(
            side="buy", quantity=D(10), price=D(160), occurred_at=datetime(2026, 3, 9, 20, tzinfo=UTC),
            external_id="1", now=NOW, **trade,
        )  # fmt: skip
        post_trade(
            side="buy", quantity=D(4), price=D(40), occurred_at=datetime(2026, 3, 10, 0, 5, tzinfo=UTC),
            external_id="2", now=NOW, **trade,
        )  # fmt: skip
        fact(share, "2026-03-10", "split", "4")
        fact(share, "2026-04-10", "dividend", "0.35")
        deliver_events()
        assert states(paper) == ["booked", "booked"]
        assert position(paper, share) == 44
        (row,) = journal(paper, "dividend")
        assert row.amount == D("15.40")
        assert_books_are_right(paper)


class TestImports:
    def test_a_history_with_its_dividends_is_recognised_whole(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        """Two years of quarterly dividends, each paid three weeks after its ex-date, net of 15 %, one of them forgotten."""
        portfolio = make_portfolio(owner, base_currency="USD")
        days = [date(year, month, 10) for year in (2024, 2025) for month in (2, 5, 8, 11)]
        for day in days:
            fact(share, day.isoformat(), "dividend", "0.50")
        post_transaction(
            portfolio_id=portfolio.pk,
            entry=Entry(
                type="buy", occurred=date(2024, 1, 8), instrument_id=share.pk, quantity=D(100), price=D(50)
            ),
            actor=owner,
            now=NOW,
        )
        for day in days:
            if day != date(2025, 5, 10):
                post(portfolio, "dividend", day + timedelta(days=21), instrument_id=share.pk, amount="42.50")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2025-05-10", D(100), D("50.00"))]
        assert states(portfolio).count("known") == 7
