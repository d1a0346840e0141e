"""Splits and dividends that became known: proposed to who held the thing, booked once, never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from holdings import queries
from holdings.entries import Entry
from holdings.events import CorporateActionBooked
from holdings.models import ActionProposal, Portfolio, Transaction
from holdings.operations import actions as operations
from holdings.operations import (
    add_account,
    archive_portfolio,
    correct_transaction,
    post_trade,
    post_transaction,
    update_portfolio,
    void_transaction,
)
from holdings.operations.actions import Change, ProposalRefused, ProposalUnknown
from holdings.operations.bulk import restore_transactions
from holdings.tests.support import (
    NOW,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    make_prices,
    post,
)
from marketdata.models import CorporateAction, HistoryJob, Instrument
from marketdata.operations.history import announce_actions
from portfolio_site.kernel.events.registry import name_of
from portfolio_site.kernel.models import OutboxEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
D = Decimal


@pytest.fixture
def share(acme: Instrument) -> Instrument:
    """ACME, with closes and rates."""
    return acme


@pytest.fixture
def portfolio(owner: Any, share: Instrument, deliver_events: Callable[[], Any]) -> Portfolio:
    """10 ACME since January, in dollars."""
    made = make_portfolio(owner, base_currency="USD")
    post(made, "buy", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
    deliver_events()
    return made


def fact(instrument: Instrument, day: str, kind: str, value: str) -> CorporateAction:
    """A source tells of a split or dividend."""
    found, _ = CorporateAction.objects.update_or_create(
        instrument=instrument,
        ex_date=date.fromisoformat(day),
        kind=kind,
        defaults={"value": D(value), "source": "test"},
    )
    announce_actions(instrument.pk, [found.pk])
    return found


def waiting(portfolio: Portfolio) -> list[tuple[str, str, Decimal, Decimal | None]]:
    return [
        (row.kind, row.ex_date.isoformat(), row.quantity, row.amount)
        for row in queries.open_proposals(portfolio.pk).rows
    ]


def states(portfolio: Portfolio) -> list[str]:
    rows = ActionProposal.objects.filter(portfolio=portfolio).order_by("ex_date", "pk")
    return list(rows.values_list("state", flat=True))


def book(portfolio: Portfolio, change: Change | None = None, **wanted: Any) -> ActionProposal:
    proposal = ActionProposal.objects.open().filter(portfolio=portfolio, **wanted).order_by("ex_date").first()
    assert proposal is not None
    return operations.book_proposal(
        portfolio_id=portfolio.pk, proposal_id=proposal.pk, actor=portfolio.owner, now=NOW, change=change
    )


def journal(portfolio: Portfolio, *types: str) -> list[Transaction]:
    return list(Transaction.objects.filter(portfolio=portfolio, type__in=types).counting().in_order())


def position(portfolio: Portfolio, instrument: Instrument) -> Decimal:
    return queries.position_quantity(portfolio.pk, instrument.pk)


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
