"""Any journal, posted in any order by anybody: the books that follow from it are right."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.tests.support import make_user
from holdings.entries import Entry
from holdings.models import Account, Lot, Position, Transaction
from holdings.operations import (
    AlreadyPosted,
    EntryRefused,
    add_account,
    correct_transaction,
    lock_portfolio,
    post_transaction,
    void_transaction,
)
from holdings.queries import cash_balance, position_quantity
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


STEP = st.tuples(
    st.sampled_from(["buy", "buy", "buy", "sell", "sell", "deposit", "dividend", "fee", "split", "delivery_in",
                     "return_of_capital", "withdrawal", "transfer", "transfer", "void", "correct"]),
    st.integers(0, 80),
    st.integers(0, 1),
    st.integers(1, 40),
    st.integers(1, 9999),
    st.integers(0, 99),
    st.booleans(),
)  # fmt: skip


def places_of(portfolio: Any) -> tuple[Account, Account]:
    """Two accounts for securities: the one that the portfolio began with, and another."""
    first = Account.objects.get(portfolio=portfolio, kind="securities")
    second = add_account(portfolio_id=portfolio.pk, name="Second", kind="securities", currency="EUR", now=NOW)
    return first, second


def _summed(rows: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for instrument, quantity in rows:
        found[instrument] = found.get(instrument, Decimal(0)) + quantity
    return {instrument: quantity for instrument, quantity in found.items() if quantity}


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
        places = places_of(portfolio)
        for step in steps:
            self._take(portfolio, step, (acme, other), places)
            assert verify_portfolio(portfolio.pk).problems == ()
            assert self._in_lots(portfolio) == self._in_positions(portfolio)

    @staticmethod
    def _in_lots(portfolio: Any) -> dict[int, Decimal]:
        rows = Lot.objects.filter(portfolio=portfolio).values_list("instrument_id", "quantity")
        return _summed(rows)

    @staticmethod
    def _in_positions(portfolio: Any) -> dict[int, Decimal]:
        rows = Position.objects.filter(portfolio=portfolio).values_list("instrument_id", "quantity")
        return _summed(rows)

    def _take(
        self, portfolio: Any, step: tuple[Any, ...], things: tuple[Any, Any], places: tuple[Any, Any]
    ) -> None:
        kind, day, which, quantity, cents, fees, elsewhere = step
        here, there = places[elsewhere].pk, places[not elsewhere].pk
        occurred, thing = date(2026, 1, 5) + timedelta(days=day), things[which]
        price, costs = Decimal(cents) / 100, Decimal(fees) / 100
        fields: dict[str, Any] = {
            "buy": {
                "instrument_id": thing.pk,
                "account_id": here,
                "quantity": Decimal(quantity) / 4,
                "price": price,
                "fees": costs,
            },
            "sell": {
                "instrument_id": thing.pk,
                "account_id": here,
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
            "transfer": {
                "instrument_id": thing.pk,
                "account_id": here,
                "to_account_id": there,
                "quantity": Decimal(quantity) / 16,
            },
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
