"""The journal and what follows from it: nothing lost, nothing doubled, nothing changed afterwards, always right."""

from __future__ import annotations

import random
import threading
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.tests.support import make_user
from holdings.entries import Entry
from holdings.events import TransactionsPosted
from holdings.models import (
    CashBalance,
    DraftTransaction,
    Lot,
    Portfolio,
    Position,
    RealisedTrade,
    Transaction,
    TransactionVoid,
)
from holdings.operations import (
    AlreadyPosted,
    EntryRefused,
    EntryUnknown,
    PaperJournalClosed,
    PortfolioArchived,
    PortfolioRefused,
    archive_portfolio,
    correct_transaction,
    create_portfolio,
    lock_portfolio,
    post_due_drafts,
    post_trade,
    post_transaction,
    post_transactions,
    rebuild_holdings,
    set_holding,
    update_portfolio,
    void_transaction,
)
from holdings.queries import cash_balance, position_quantity, snapshot
from holdings.queries.verification import verify_portfolio
from holdings.tests.support import (
    NOW,
    D,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    make_rates,
    post,
)
from portfolio_site.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db


class TestLeadingTrackersWrongAnswer:
    def test_partial_sale_rebuy_and_sale_gain_400(self, empty, acme, owner):
        """Buy 10 at 100, sell 5 at 120, buy 5 at 140, sell 5 at 150, price 150: by FIFO the whole gain is 400."""
        portfolio = make_portfolio(owner, base_currency="USD", name="Dollars")
        for type_, day, quantity, price in (
            ("buy", "2026-01-02", "10", "100"),
            ("sell", "2026-02-02", "5", "120"),
            ("buy", "2026-03-02", "5", "140"),
            ("sell", "2026-04-02", "5", "150"),
        ):
            post(portfolio, type_, day, instrument_id=acme.pk, quantity=quantity, price=price)
        (position,) = Position.objects.filter(portfolio=portfolio)
        unrealised = position.quantity * 150 - position.cost_basis
        assert (position.realised_gain, unrealised) == (350, 50)
        assert_books_are_right(portfolio)


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE holdings_transaction SET note = 'x'",
            "DELETE FROM holdings_transaction",
            "TRUNCATE holdings_transaction CASCADE",
            "UPDATE holdings_transactionvoid SET reason = 'x'",
            "DELETE FROM holdings_transactionvoid",
            "TRUNCATE holdings_transactionvoid",
        ],
    )
    def test_database_refuses_to_change_what_was_posted(self, filled, owner, statement):
        row = Transaction.objects.filter(portfolio=filled, type="dividend").get()
        void_transaction(portfolio_id=filled.pk, transaction_id=row.pk, actor=owner, now=NOW)
        with (
            pytest.raises(DatabaseError, match="Cannot"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")

    def test_models_cannot_either(self, filled):
        row = Transaction.objects.filter(portfolio=filled).first()
        row.note = "changed"
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            row.save()


class TestDatabaseRules:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("quantity", "'NaN'"),
            ("price", "'NaN'"),
            ("amount", "'NaN'"),
            ("fees", "'NaN'"),
            ("quantity", "'Infinity'"),
            ("quantity", "-1"),
            ("price", "-1"),
            ("amount", "-1"),
            ("fees", "-1"),
            ("fx_rate", "0"),
            ("type", "'nonsense'"),
            ("occurred_date", "'0001-01-01'"),
            ("sequence", "1"),
        ],
    )
    def test_refuses_what_cannot_be(self, filled, column, value):
        columns = [
            f.column for f in Transaction._meta.concrete_fields if f.column not in ("id", column, "sequence")
        ]
        names = ", ".join([*columns, column, *(["sequence"] if column != "sequence" else [])])
        chosen = ", ".join([*columns, value, *(["sequence + 100"] if column != "sequence" else [])])
        statement = f"INSERT INTO holdings_transaction ({names}) SELECT {chosen} FROM holdings_transaction WHERE type = 'buy'"
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_derived_figures_are_finite(self, filled):
        for value in ("NaN", "Infinity", "-Infinity"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("UPDATE holdings_position SET quantity = %s::numeric", [value])


class TestPosting:
    def test_rounds_to_the_minor_unit_half_even(self, empty, owner):
        thing = make_instrument("JP", currency="JPY")
        make_rates(EURJPY="150", EURUSD="1.25")
        for price, booked in (("10.5", "10"), ("11.5", "12")):
            row = post(empty, "buy", "2026-01-02", instrument_id=thing.pk, quantity="1", price=price)
            assert row.amount == D(booked)
        assert_books_are_right(empty)

    def test_records_the_rate_of_the_day(self, filled):
        row = Transaction.objects.get(portfolio=filled, type="buy")
        assert row.fx_rate == D("0.8")
        make_rates(USDCHF="9")
        from marketdata.models import FxRate

        FxRate.objects.filter(base="EUR").update(rate=D("5"))
        assert_books_are_right(filled)

    @pytest.mark.parametrize(
        ("fields", "field", "code"),
        [
            ({"quantity": D("NaN")}, "quantity", "not_a_number"),
            ({"quantity": D("Infinity")}, "quantity", "not_a_number"),
            ({"quantity": D("1e400")}, "quantity", "too_large"),
            ({"quantity": D("1e-13")}, "quantity", "too_small"),
            ({"quantity": D(0)}, "quantity", None),
            ({"price": D(-1)}, "price", "negative"),
            ({"price": None}, "price", "missing"),
            ({"fees": D(-1)}, "fees", "negative"),
            ({"currency": "XYZ"}, "currency", "unknown_currency"),
            ({"currency": "SEK"}, "fx_rate", "missing_rate"),
            ({"instrument_id": 999_999}, "instrument_id", "unknown_instrument"),
            ({"account_id": 999_999}, "account_id", "unknown_account"),
            ({"occurred": date(1, 1, 1)}, "occurred", None),
            ({"occurred": date(9999, 12, 31)}, "occurred", None),
            ({"type": "nonsense"}, "type", None),
            ({"type": "split", "ratio": "0"}, "ratio", None),
            ({"type": "split", "ratio": "1:0"}, "ratio", None),
        ],
    )
    def test_refuses_with_field_and_sentence(self, filled, acme, owner, fields, field, code):
        values = {
            "type": "buy", "occurred": date(2026, 5, 1), "instrument_id": acme.pk, "quantity": D(1), "price": D(1)
        } | fields  # fmt: skip
        before = filled.revision
        with pytest.raises(EntryRefused) as refused:
            post_transaction(portfolio_id=filled.pk, entry=Entry(**values), actor=owner, now=NOW)
        assert refused.value.field == field
        assert code is None or refused.value.code == code
        assert refused.value.message.endswith(".")
        filled.refresh_from_db()
        assert filled.revision == before
        assert Transaction.objects.filter(portfolio=filled).count() == 4

    def test_a_float_is_a_mistake_of_the_program(self, filled, acme, owner):
        entry = Entry(type="buy", occurred=date(2026, 5, 1), instrument_id=acme.pk, quantity=1.5, price=D(1))
        with pytest.raises(TypeError):
            post_transaction(portfolio_id=filled.pk, entry=entry, actor=owner, now=NOW)

    def test_several_are_posted_together_or_not_at_all(self, filled, acme, owner):
        good = Entry(type="deposit", occurred=date(2026, 5, 1), amount=D(1), currency="EUR")
        bad = Entry(type="sell", occurred=date(2026, 5, 2), instrument_id=acme.pk, quantity=D(99), price=D(1))
        with pytest.raises(EntryRefused) as refused:
            post_transactions(portfolio_id=filled.pk, entries=[good, bad], actor=owner, now=NOW)
        assert list(refused.value.rows) == [1]
        assert Transaction.objects.filter(portfolio=filled).count() == 4

    def test_a_split_of_what_is_not_held_is_refused(self, empty, acme, owner):
        with pytest.raises(EntryRefused) as refused:
            post(empty, "split", "2026-05-01", instrument_id=acme.pk, ratio="2")
        assert refused.value.field == "instrument_id"

    def test_an_outside_id_is_booked_once(self, empty, owner):
        entry = Entry(type="deposit", occurred=date(2026, 5, 1), amount=D(1), source="api", external_id="a")
        first = post_transaction(portfolio_id=empty.pk, entry=entry, actor=owner, now=NOW)
        with pytest.raises(AlreadyPosted):
            post_transaction(portfolio_id=empty.pk, entry=entry, actor=owner, now=NOW)
        void_transaction(portfolio_id=empty.pk, transaction_id=first.pk, actor=owner, now=NOW)
        post_transaction(portfolio_id=empty.pk, entry=entry, actor=owner, now=NOW)
        assert cash_balance(empty.pk, "EUR") == 1

    def test_announces_what_it_did(self, empty, owner):
        row = post(empty, "deposit", "2026-05-01", amount="1")
        event = OutboxEvent.objects.filter(name="holdings.transactions_posted").latest("id")
        assert event.stream == f"portfolio:{empty.pk}"
        assert event.payload["transaction_ids"] == [row.pk]
        assert TransactionsPosted.__dataclass_fields__.keys() == event.payload.keys()

    def test_archived_portfolios_take_nothing(self, empty, owner):
        archive_portfolio(portfolio_id=empty.pk, actor=owner, now=NOW)
        with pytest.raises(PortfolioArchived):
            post(empty, "deposit", "2026-05-01", amount="1")

    def test_shorts_where_they_are_allowed(self, owner, acme):
        portfolio = make_portfolio(owner, allow_short=True)
        post(portfolio, "sell", "2026-01-02", instrument_id=acme.pk, quantity="3", price="100")
        assert position_quantity(portfolio.pk, acme.pk) == -3
        with pytest.raises(PortfolioRefused):
            update_portfolio(portfolio_id=portfolio.pk, actor=owner, now=NOW, allow_short=False)
        post(portfolio, "buy", "2026-02-02", instrument_id=acme.pk, quantity="5", price="90")
        assert RealisedTrade.objects.get(portfolio=portfolio).direction == "short"
        assert_books_are_right(portfolio)

    def test_costs_the_same_however_long_the_journal_is(self, filled, acme):
        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                post(filled, "buy", "2026-05-20", instrument_id=acme.pk, quantity="1", price="9")
            return len(captured)

        first = statements()
        for _ in range(20):
            post(filled, "buy", "2026-05-20", instrument_id=acme.pk, quantity="1", price="9")
        assert statements() <= first < 25


class TestVoidAndCorrect:
    def test_past_dated_entries_replay(self, filled, acme):
        post(filled, "buy", "2025-12-01", instrument_id=acme.pk, quantity="1", price="10")
        assert RealisedTrade.objects.filter(portfolio=filled).count() == 2
        assert_books_are_right(filled)

    def test_a_void_is_final(self, filled, owner):
        row = Transaction.objects.get(portfolio=filled, type="dividend")
        void_transaction(portfolio_id=filled.pk, transaction_id=row.pk, actor=owner, now=NOW, reason="Typo")
        with pytest.raises(EntryUnknown):
            void_transaction(portfolio_id=filled.pk, transaction_id=row.pk, actor=owner, now=NOW)
        void = TransactionVoid.objects.get(transaction=row)
        assert (void.voided_by, void.reason) == (owner, "Typo")
        assert_books_are_right(filled)

    def test_a_correction_that_cannot_be_changes_nothing(self, filled, owner, acme):
        row = Transaction.objects.get(portfolio=filled, type="buy")
        entry = Entry(type="buy", occurred=date(2026, 1, 2), instrument_id=acme.pk, quantity=D(1), price=D(1))
        with pytest.raises(EntryRefused) as refused:
            correct_transaction(
                portfolio_id=filled.pk, transaction_id=row.pk, entry=entry, actor=owner, now=NOW
            )
        assert "could not have happened" in refused.value.message
        assert not TransactionVoid.objects.exists()
        assert_books_are_right(filled)

    def test_specific_lots_follow_a_correction(self, empty, acme, owner):
        post(empty, "buy", "2026-01-02", instrument_id=acme.pk, quantity="1", price="10")
        second = post(empty, "buy", "2026-01-03", instrument_id=acme.pk, quantity="1", price="20")
        post(empty, "sell", "2026-02-02", instrument_id=acme.pk, quantity="1", price="30", lots=(second.pk,))
        entry = Entry(
            type="buy", occurred=date(2026, 1, 3), instrument_id=acme.pk, quantity=D(1), price=D(25)
        )
        correct_transaction(
            portfolio_id=empty.pk, transaction_id=second.pk, entry=entry, actor=owner, now=NOW
        )
        assert RealisedTrade.objects.get(portfolio=empty).cost == 25
        assert_books_are_right(empty)


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


STEP = st.tuples(
    st.sampled_from(["buy", "buy", "buy", "sell", "sell", "deposit", "dividend", "fee", "split", "delivery_in",
                     "return_of_capital", "withdrawal", "void", "correct"]),
    st.integers(0, 80),
    st.integers(0, 1),
    st.integers(1, 40),
    st.integers(1, 9999),
    st.integers(0, 99),
)  # fmt: skip


class TestAnyJournal:
    @settings(
        max_examples=12,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        steps=st.lists(STEP, min_size=3, max_size=12),
        method=st.sampled_from(["fifo", "lifo", "hifo", "average", "section104"]),
        tax_country=st.sampled_from(["", "US"]),
    )
    def test_posted_in_any_order_the_books_are_right(self, owner, acme, steps, method, tax_country):
        from marketdata.models import Instrument

        other = Instrument.objects.filter(symbol="OTHER").first() or make_instrument("OTHER", currency="CHF")
        portfolio = make_portfolio(owner, cost_basis_method=method, tax_country=tax_country)
        for step in steps:
            self._take(portfolio, step, (acme, other))
            assert verify_portfolio(portfolio.pk).problems == ()

    def _take(self, portfolio: Any, step: tuple[Any, ...], things: tuple[Any, Any]) -> None:
        kind, day, which, quantity, cents, fees = step
        occurred, thing = date(2026, 1, 5) + timedelta(days=day), things[which]
        price, costs = Decimal(cents) / 100, Decimal(fees) / 100
        fields: dict[str, Any] = {
            "buy": {
                "instrument_id": thing.pk,
                "quantity": Decimal(quantity) / 4,
                "price": price,
                "fees": costs,
            },
            "sell": {
                "instrument_id": thing.pk,
                "quantity": Decimal(quantity) / 8,
                "price": price,
                "fees": costs,
            },
            "deposit": {"amount": price, "currency": "USD"},
            "withdrawal": {"amount": price, "currency": "EUR"},
            "dividend": {"instrument_id": thing.pk, "amount": price, "taxes": costs},
            "fee": {"amount": price, "instrument_id": thing.pk},
            "split": {"instrument_id": thing.pk, "ratio": f"{quantity}:3"},
            "delivery_in": {"instrument_id": thing.pk, "quantity": Decimal(quantity), "cost": price},
            "return_of_capital": {"instrument_id": thing.pk, "amount": price},
        }.get(kind, {})
        try:
            if kind not in ("void", "correct"):
                post(portfolio, kind, occurred, **fields)
                return
            rows = list(Transaction.objects.filter(portfolio=portfolio).counting().order_by("pk"))
            if not rows:
                return
            row = rows[quantity % len(rows)]
            common = {
                "portfolio_id": portfolio.pk,
                "transaction_id": row.pk,
                "actor": portfolio.owner,
                "now": NOW,
            }
            if kind == "void":
                void_transaction(**common)
            elif row.type in ("buy", "sell"):
                entry = Entry(
                    type=row.type, occurred=occurred, instrument_id=row.instrument_id, quantity=Decimal(quantity),
                    price=price,
                )  # fmt: skip
                correct_transaction(**common, entry=entry)
        except EntryRefused:
            return


@pytest.mark.django_db(transaction=True)
class TestTwoPeopleAtOnce:
    def _run(self, count: int, work: Any) -> list[BaseException]:
        errors: list[BaseException] = []
        barrier = threading.Barrier(count)

        def one(number: int) -> None:
            try:
                barrier.wait(timeout=20)
                work(number)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        return errors

    def test_the_lock_is_refused_outside_a_transaction(self):
        portfolio = make_portfolio(make_user("owner@example.org"))
        with pytest.raises(RuntimeError):
            lock_portfolio(portfolio.pk)

    def test_no_row_is_lost_or_doubled(self):
        owner = make_user("owner@example.org", base_currency="USD")
        thing = make_instrument()
        portfolio = make_portfolio(owner, base_currency="USD")
        days = list(range(1, 29))
        random.Random(7).shuffle(days)

        def work(number: int) -> None:
            for day in days[number * 5 : number * 5 + 5]:
                post(portfolio, "buy", f"2026-02-{day:02}", instrument_id=thing.pk, quantity="1", price="10")

        assert self._run(4, work) == []
        assert Transaction.objects.filter(portfolio=portfolio).count() == 20
        assert position_quantity(portfolio.pk, thing.pk) == 20
        assert sorted(Transaction.objects.values_list("sequence", flat=True)) == list(range(1, 21))
        assert_books_are_right(portfolio)

    def test_what_is_held_is_sold_once(self):
        owner = make_user("owner@example.org", base_currency="USD")
        thing = make_instrument()
        portfolio = make_portfolio(owner, base_currency="USD")
        post(portfolio, "buy", "2026-01-02", instrument_id=thing.pk, quantity="10", price="10")

        def work(number: int) -> None:
            post(portfolio, "sell", "2026-02-02", instrument_id=thing.pk, quantity="10", price="11")

        errors = self._run(3, work)
        assert len(errors) == 2
        assert all(isinstance(error, EntryRefused) for error in errors)
        assert position_quantity(portfolio.pk, thing.pk) == 0
        assert_books_are_right(portfolio)

    def test_the_same_outside_id_is_booked_once(self):
        owner = make_user("owner@example.org", base_currency="USD")
        portfolio = make_portfolio(owner, base_currency="USD")
        entry = Entry(type="deposit", occurred=date(2026, 2, 2), amount=D(5), source="api", external_id="x")

        def work(number: int) -> None:
            post_transaction(portfolio_id=portfolio.pk, entry=entry, actor=owner, now=NOW)

        errors = self._run(4, work)
        assert len(errors) == 3
        assert all(isinstance(error, AlreadyPosted) for error in errors)
        assert cash_balance(portfolio.pk, "USD") == 5
