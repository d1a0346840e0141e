"""The journal and what follows from it: nothing lost, nothing doubled, nothing changed afterwards, always right."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from holdings.entries import Entry
from holdings.events import TransactionsPosted
from holdings.models import (
    Position,
    RealisedTrade,
    Transaction,
    TransactionVoid,
)
from holdings.operations import (
    AlreadyPosted,
    EntryRefused,
    EntryUnknown,
    PortfolioArchived,
    PortfolioRefused,
    archive_portfolio,
    correct_transaction,
    post_transaction,
    post_transactions,
    update_portfolio,
    void_transaction,
)
from holdings.queries import cash_balance, position_quantity
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
