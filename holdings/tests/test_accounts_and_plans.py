"""Several accounts, the short form, planned entries, paper portfolios, and the commands that prove and rebuild."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from holdings.entries import Entry
from holdings.models import (
    CashBalance,
    DraftTransaction,
    Lot,
    Portfolio,
    Position,
    RealisedTrade,
)
from holdings.operations import (
    AlreadyPosted,
    EntryRefused,
    PaperJournalClosed,
    PortfolioRefused,
    create_portfolio,
    lock_portfolio,
    post_due_drafts,
    post_trade,
    post_transaction,
    rebuild_holdings,
    set_holding,
)
from holdings.queries import cash_balance, position_quantity, snapshot
from holdings.queries.verification import verify_portfolio
from holdings.tests.support import (
    NOW,
    D,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    post,
)

pytestmark = pytest.mark.django_db


class TestSeveralAccountsAndActions:
    def test_transfer_keeps_lots_and_dates(self, empty, acme, owner):
        from holdings.operations import add_account

        other = add_account(portfolio_id=empty.pk, name="Second", kind="securities", currency="USD", now=NOW)
        post(empty, "buy", "2026-01-02", instrument_id=acme.pk, quantity="4", price="100")
        post(empty, "transfer", "2026-02-02", instrument_id=acme.pk, quantity="3", to_account_id=other.pk)
        lots = Lot.objects.filter(portfolio=empty).order_by("quantity")
        assert [(lot.quantity, lot.opened_date.isoformat()) for lot in lots] == [
            (1, "2026-01-02"),
            (3, "2026-01-02"),
        ]
        assert_books_are_right(empty)

    def test_every_type_is_posted_and_replayed(self, empty, acme, owner):
        new = make_instrument("NEWCO")
        ids = {"instrument_id": acme.pk}
        for type_, fields in (
            ("deposit", {"amount": "5000", "currency": "USD"}),
            ("buy", {**ids, "quantity": "10", "price": "100", "fees": "1"}),
            ("split", {**ids, "ratio": "3:2"}),
            ("delivery_in", {**ids, "quantity": "2"}),
            ("dividend", {**ids, "quantity": "0.5"}),
            ("dividend", {**ids, "amount": "7", "taxes": "1"}),
            ("distribution", {**ids, "amount": "2"}),
            ("staking", {**ids, "quantity": "0.25"}),
            ("interest", {"amount": "1.5", "currency": "USD"}),
            ("interest_charge", {"amount": "0.5", "currency": "USD"}),
            ("fee", {"amount": "3", "currency": "USD"}),
            ("fee_refund", {"amount": "1", "currency": "USD"}),
            ("tax", {"amount": "2", "currency": "USD"}),
            ("tax_refund", {"amount": "1", "currency": "USD"}),
            ("return_of_capital", {**ids, "amount": "20"}),
            ("spin_off", {**ids, "to_instrument_id": new.pk, "ratio": "0.5", "amount": "100"}),
            ("delivery_out", {**ids, "quantity": "1"}),
            ("sell", {**ids, "quantity": "3", "price": "90"}),
            ("symbol_change", {**ids, "to_instrument_id": new.pk}),
            ("liability", {"amount": "1000", "currency": "EUR"}),
            ("withdrawal", {"amount": "10", "currency": "USD"}),
        ):
            post(empty, type_, "2026-02-02", **fields)
            assert_books_are_right(empty)
        seen = snapshot(Portfolio.objects.get(pk=empty.pk), now=NOW)
        assert seen.liabilities_value == 1000


class TestSetHolding:
    def test_books_the_difference(self, filled, acme, owner):
        def hold(quantity: str) -> Any:
            return set_holding(
                portfolio_id=filled.pk, instrument_id=acme.pk, quantity=D(quantity), unit_price=D(100),
                on=date(2026, 5, 1), actor=owner, now=NOW,
            )  # fmt: skip

        assert hold("10").type == "buy"
        assert hold("4").type == "sell"
        assert hold("4") is None
        assert position_quantity(filled.pk, acme.pk) == 4
        assert_books_are_right(filled)


class TestPlannedEntries:
    def test_are_posted_on_their_day(self, empty, owner):
        entry = Entry(type="deposit", occurred=date(2026, 7, 1), amount=D(5), currency="EUR", tags=("plan",))
        draft = post_transaction(portfolio_id=empty.pk, entry=entry, actor=owner, now=NOW)
        assert isinstance(draft, DraftTransaction)
        assert post_due_drafts(now=NOW) == 0
        assert cash_balance(empty.pk, "EUR") == 0
        assert post_due_drafts(now=NOW + timedelta(days=40)) == 1
        assert post_due_drafts(now=NOW + timedelta(days=40)) == 0
        assert cash_balance(empty.pk, "EUR") == 5
        assert_books_are_right(empty)

    def test_one_that_cannot_be_says_why(self, empty, owner, acme):
        entry = Entry(
            type="sell", occurred=date(2026, 7, 1), instrument_id=acme.pk, quantity=D(1), price=D(1)
        )
        post_transaction(portfolio_id=empty.pk, entry=entry, actor=owner, now=NOW)
        assert post_due_drafts(now=NOW + timedelta(days=40)) == 0
        assert "Only 0 ACME is held" in DraftTransaction.objects.get().refusal


class TestPaper:
    def test_journal_is_written_by_trading_alone(self, owner, acme):
        paper = make_portfolio(owner, kind="paper", base_currency="USD", starting_cash=D(1000))
        with pytest.raises(PaperJournalClosed):
            post(paper, "deposit", "2026-05-01", amount="1")

    def test_trade_is_booked_once_and_never_without_cash(self, owner, acme):
        paper = make_portfolio(owner, kind="paper", base_currency="USD", starting_cash=D(1000))
        fill = {
            "portfolio_id": paper.pk, "instrument_id": acme.pk, "side": "buy", "quantity": D(5), "price": D(100),
            "fees": D(1), "occurred_at": NOW, "external_id": "fill-1", "actor": owner, "now": NOW,
        }  # fmt: skip
        with transaction.atomic():
            lock_portfolio(paper.pk)
            post_trade(**fill)
        assert (cash_balance(paper.pk, "USD"), position_quantity(paper.pk, acme.pk)) == (499, 5)
        with pytest.raises(AlreadyPosted), transaction.atomic():
            post_trade(**fill)
        with pytest.raises(EntryRefused) as refused, transaction.atomic():
            post_trade(**{**fill, "external_id": "fill-2"})
        assert refused.value.code == "cash_short"
        assert_books_are_right(paper)

    def test_starting_cash_is_for_paper(self, owner):
        with pytest.raises(PortfolioRefused):
            create_portfolio(owner=owner, name="X", base_currency="EUR", starting_cash=D(1), now=NOW)


class TestCommands:
    def test_verify_finds_the_exact_difference_and_rebuild_mends_it(self, filled):
        out = StringIO()
        call_command("verify_books", stdout=out)
        assert "books are right" in out.getvalue()
        CashBalance.objects.filter(portfolio=filled).update(balance=D("1.00000001"))
        out = StringIO()
        with pytest.raises(CommandError) as failed:
            call_command("verify_books", portfolio=filled.pk, stdout=out)
        assert failed.value.returncode == 1
        assert "stored 1.00000001, replayed 737.33" in out.getvalue()
        call_command("rebuild_holdings", portfolio=filled.pk, stdout=StringIO())
        assert_books_are_right(filled)

    def test_an_unknown_portfolio_is_said(self):
        with pytest.raises(CommandError, match="no portfolio 5"):
            call_command("verify_books", portfolio=5)

    def test_rebuild_restores_every_table(self, filled):
        for model in (Lot, Position, CashBalance, RealisedTrade):
            model.objects.filter(portfolio=filled).delete()
        assert len(verify_portfolio(filled.pk).problems) > 4
        rebuild_holdings(portfolio_id=filled.pk)
        assert_books_are_right(filled)
