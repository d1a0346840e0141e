"""Splits and dividends that became known: booked once, never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from holdings import queries
from holdings.events import CorporateActionBooked
from holdings.models import ActionProposal, Portfolio
from holdings.operations import actions as operations
from holdings.operations import (
    add_account,
)
from holdings.operations.actions import Change, ProposalRefused, ProposalUnknown
from holdings.tests.actions.support import D, book, fact, journal, position, waiting
from holdings.tests.support import (
    NOW,
    assert_books_are_right,
    make_portfolio,
    make_prices,
    post,
)
from marketdata.models import Instrument
from portfolio_site.kernel.events.registry import name_of
from portfolio_site.kernel.models import OutboxEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


class TestBookingDividends:
    def test_books_it_on_its_ex_date(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        booked = book(portfolio)
        (row,) = journal(portfolio, "dividend")
        assert (row.occurred_date, row.amount, row.taxes, row.currency) == (
            date(2026, 3, 10), D("3.50"), D(0), "USD",
        )  # fmt: skip
        assert (booked.state, booked.entry_ids, row.source) == ("booked", [row.pk], "corporate action")
        assert waiting(portfolio) == []
        assert_books_are_right(portfolio)

    def test_with_what_the_person_says(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        before = queries.cash_balance(portfolio.pk, "USD")
        book(portfolio, Change(day=date(2026, 4, 1), amount=D("3.60"), taxes=D("0.54"), note="Paid late"))
        (row,) = journal(portfolio, "dividend")
        assert (row.occurred_date, row.amount, row.taxes, row.note) == (
            date(2026, 4, 1), D("3.60"), D("0.54"), "Paid late",
        )  # fmt: skip
        assert queries.cash_balance(portfolio.pk, "USD") - before == D("3.06")
        assert_books_are_right(portfolio)

    def test_twice_is_once(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        first = book(portfolio)
        again = operations.book_proposal(
            portfolio_id=portfolio.pk, proposal_id=first.pk, actor=portfolio.owner, now=NOW
        )
        deliver_events()
        fact(share, "2026-03-10", "dividend", "0.36")
        deliver_events()
        assert again.entry_ids == first.entry_ids
        assert len(journal(portfolio, "dividend")) == 1
        assert waiting(portfolio) == []

    def test_each_account_gets_its_part(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        other = add_account(
            portfolio_id=portfolio.pk, name="Other", kind="securities", currency="USD", now=NOW
        )
        post(
            portfolio,
            "buy",
            "2026-01-06",
            account_id=other.pk,
            instrument_id=share.pk,
            quantity="5",
            price="100",
        )
        fact(share, "2026-03-10", "dividend", "0.333")
        deliver_events()
        book(portfolio, Change(taxes=D("1.00")))
        rows = journal(portfolio, "dividend")
        assert sorted((row.amount, row.taxes) for row in rows) == [
            (D("1.67"), D("0.33")),
            (D("3.33"), D("0.67")),
        ]
        assert sum(row.amount or 0 for row in rows) == D("5.00")
        assert_books_are_right(portfolio)

    def test_who_is_short_owes_it(
        self, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        portfolio = make_portfolio(owner, base_currency="USD", allow_short=True)
        post(portfolio, "sell", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        assert waiting(portfolio) == [("dividend", "2026-03-10", D(-10), D("3.50"))]
        book(portfolio)
        (row,) = journal(portfolio, "fee")
        assert (row.amount, row.instrument_id) == (D("3.50"), share.pk)
        assert_books_are_right(portfolio)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (Change(amount=D(0)), "amount"),
            (Change(amount=D(1), taxes=D(2)), "taxes"),
            (Change(taxes=D(-1)), "taxes"),
            (Change(day=date(2026, 7, 1)), "day"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self,
        portfolio: Portfolio,
        share: Instrument,
        deliver_events: Callable[[], Any],
        change: Change,
        field: str,
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        with pytest.raises(ProposalRefused) as refused:
            book(portfolio, change)
        assert refused.value.field == field
        assert journal(portfolio, "dividend") == []
        assert len(waiting(portfolio)) == 1

    def test_of_a_day_to_come_it_waits(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-06-05", "dividend", "0.35")
        deliver_events()
        with pytest.raises(ProposalRefused, match="2026-06-05"):
            book(portfolio)

    def test_of_another_portfolio_is_unknown(
        self, portfolio: Portfolio, owner: Any, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.35")
        deliver_events()
        other = make_portfolio(owner, name="Other")
        with pytest.raises(ProposalUnknown):
            operations.book_proposal(
                portfolio_id=other.pk, proposal_id=ActionProposal.objects.get().pk, actor=owner, now=NOW
            )


class TestBookingSplits:
    def test_positions_do_not_fall_off_a_cliff(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        """10 shares at 160 become 40 at 40: the same on either day, and no gain or loss."""
        make_prices(share, {"2026-03-09": "160", "2026-03-10": "40", "2026-03-11": "41"})
        fact(share, "2026-03-10", "split", "4")
        deliver_events()
        book(portfolio)
        assert position(portfolio, share) == 40
        deliver_events()
        portfolio.refresh_from_db()
        snapshot = queries.snapshot(portfolio, now=NOW)
        history = queries.daily_history(portfolio, snapshot, now=NOW)
        cash = queries.cash_balance(portfolio.pk, "USD")

        def worth(day: date) -> Decimal:
            return Decimal(history.values[day.toordinal() - history.first]).scaleb(-history.scale) - cash

        assert [worth(date(2026, 3, day)) for day in (9, 10, 11)] == [1600, 1600, 1640]
        assert snapshot.holdings[0].cost_basis == 1000
        assert_books_are_right(portfolio)

    def test_with_cash_for_a_fraction(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "0.125")
        deliver_events()
        (found,) = queries.open_proposals(portfolio.pk).rows
        assert found.ratio == "1:8"
        book(portfolio, Change(cash=D("200.00"), cash_quantity=D("0.25")))
        assert position(portfolio, share) == 1
        (row,) = journal(portfolio, "split")
        assert (row.ratio, row.amount, row.quantity) == ("1:8", D("200.00"), D("0.25"))
        assert_books_are_right(portfolio)

    def test_cash_without_units_is_refused(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "0.125")
        deliver_events()
        with pytest.raises(ProposalRefused):
            book(portfolio, Change(cash=D(200)))

    def test_a_ratio_that_does_not_end_is_the_fraction_it_was(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "1.333333333333")
        deliver_events()
        book(portfolio)
        (row,) = journal(portfolio, "split")
        assert row.ratio == "4:3"

    def test_an_entry_of_the_same_day_makes_it_doubtful(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        post(portfolio, "buy", "2026-03-10", instrument_id=share.pk, quantity="4", price="40")
        fact(share, "2026-03-10", "split", "4")
        deliver_events()
        (found,) = queries.open_proposals(portfolio.pk).rows
        assert "same day" in found.doubt
        assert operations.book_all_proposals(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW) == []

    def test_everything_at_once_in_the_right_order(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "dividend", "0.10")
        fact(share, "2026-03-10", "split", "4")
        fact(share, "2026-04-10", "dividend", "0.20")
        fact(share, "2026-02-10", "dividend", "0.30")
        deliver_events()
        operations.book_all_proposals(portfolio_id=portfolio.pk, actor=portfolio.owner, now=NOW)
        assert [row.amount for row in journal(portfolio, "dividend")] == [D("3.00"), D("4.00"), D("8.00")]
        assert position(portfolio, share) == 40
        deliver_events()
        assert waiting(portfolio) == []
        assert_books_are_right(portfolio)

    def test_is_announced_for_those_who_keep_orders(
        self, portfolio: Portfolio, share: Instrument, deliver_events: Callable[[], Any]
    ) -> None:
        fact(share, "2026-03-10", "split", "4")
        deliver_events()
        book(portfolio)
        told = OutboxEvent.objects.get(name=name_of(CorporateActionBooked)).payload
        assert (told["kind"], told["ratio"], told["instrument_id"]) == ("split", "4", share.pk)
