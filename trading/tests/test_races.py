"""Many hands at once, on real PostgreSQL with real threads: nothing oversold, overspent or doubled."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from holdings import queries as books
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.models import OutboxEvent
from trading.engine.states import TERMINAL
from trading.models import Fill, Order
from trading.operations import (
    OrderRefusedError,
    cancel_order,
    check_reservations,
    match_resting_orders,
)
from trading.tests.support import (
    NOW,
    check_books,
    later,
    make_account,
    make_instrument,
    make_user,
    order,
    set_quote,
)

THREADS = 8
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all at the same moment, each on a connection of its own; returns results, refusals included."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            gate.wait(timeout=20)
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, work) for work in works]]


def check_all() -> None:
    check_books()
    assert check_reservations() == []
    assert not Order.objects.closed().exclude(reserved_cash=0, reserved_quantity=0).exists()


@pytest.fixture
def person() -> Any:
    return make_user("racer")


@pytest.fixture
def thing() -> Any:
    instrument = make_instrument()
    set_quote(instrument, "100.00", "100.00")
    return instrument


class TestEightHands:
    def test_buying_with_cash_for_three_exactly_three_fill(self, person, thing):
        account = make_account(person, "3100")  # a market buy of 10 holds 1025.00, and costs 1000.00
        answers = at_once(*[lambda: order(account, person, thing, quantity=10)] * THREADS)
        refused = [answer for answer in answers if isinstance(answer, OrderRefusedError)]
        assert len(refused) == THREADS - 3
        assert {refusal.code for refusal in refused} == {"insufficient_buying_power"}
        assert Fill.objects.count() == 3
        assert books.cash_balance(account, "USD") == 100
        assert books.position_quantity(account, thing.pk) == 30
        check_all()

    def test_same_client_order_id_makes_one_order(self, person, thing):
        account = make_account(person)
        answers = at_once(*[lambda: order(account, person, thing, client_order_id="same")] * THREADS)
        assert len({answer.id for answer in answers}) == 1
        assert (Order.objects.count(), Fill.objects.count()) == (1, 1)
        assert Counter(
            OutboxEvent.objects.filter(name__startswith="trading.").values_list("name", flat=True)
        ) == {"trading.order_accepted": 1, "trading.order_filled": 1}
        check_all()

    def test_selling_never_oversells(self, person, thing):
        account = make_account(person)
        order(account, person, thing, quantity=10)
        answers = at_once(
            *[lambda: order(account, person, thing, side="sell", quantity=3)] * (THREADS // 2),
            *[lambda: order(account, person, thing, side="sell", quantity=3, limit_price="200")]
            * (THREADS // 2),
        )
        refused = [answer for answer in answers if isinstance(answer, OrderRefusedError)]
        assert len(refused) == THREADS - 3
        assert {refusal.code for refusal in refused} == {"insufficient_quantity"}
        held = Order.objects.open().aggregate(held=Sum("reserved_quantity"))["held"] or 0
        sold = Fill.objects.filter(order__side="sell").aggregate(sold=Sum("quantity"))["sold"] or 0
        assert sold + held == 9
        assert books.position_quantity(account, thing.pk) == 10 - sold
        check_all()


class TestPlaceCancelMatch:
    @pytest.mark.parametrize("round_", range(4))
    def test_every_order_ends_once_and_everything_adds_up(self, person, thing, round_):
        account = make_account(person, "5000")
        resting = [order(account, person, thing, quantity=10, limit_price="99") for _ in range(4)]
        set_quote(thing, "98.50", "98.60", at=later())
        answers = at_once(
            lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(2)),
            lambda: match_resting_orders(instrument_ids=None, now=later(2)),
            lambda: cancel_order(order_id=resting[0].id, actor=person, now=later(2)),
            lambda: cancel_order(order_id=resting[1].id, actor=person, now=later(2)),
            lambda: cancel_order(order_id=resting[1].id, actor=person, now=later(2)),
            lambda: order(account, person, thing, quantity=10, limit_price="99", now=later(2)),
            lambda: order(account, person, thing, quantity=50, limit_price="99", now=later(2)),
        )
        codes = {answer.code for answer in answers if isinstance(answer, DomainError)}
        assert codes <= {"insufficient_buying_power", "order_not_cancelable"}
        match_resting_orders(instrument_ids=None, now=later(3))
        ends = Counter(Order.objects.values_list("status", flat=True))
        assert set(ends) <= {status.value for status in TERMINAL}
        filled = ends["filled"]
        assert Fill.objects.count() == filled
        spent = Fill.objects.aggregate(spent=Sum("amount"))["spent"] or Decimal(0)
        assert books.cash_balance(account, "USD") == 5000 - spent
        told = Counter(OutboxEvent.objects.values_list("name", flat=True))
        assert told["trading.order_filled"] == filled
        assert told["trading.order_canceled"] == ends["canceled"]
        check_all()

    def test_two_portfolios_do_not_wait_for_each_other_in_a_circle(self, thing):
        people = [make_user("circle") for _ in range(2)]
        accounts = [make_account(user) for user in people]
        for _ in range(3):
            for user, account in zip(people, accounts, strict=True):
                order(account, user, thing, quantity=1, limit_price="99")
        set_quote(thing, "98", "98.5", at=later())
        at_once(*[lambda: match_resting_orders(instrument_ids=None, now=later(2))] * 4)
        assert Fill.objects.count() == 6
        check_all()


def test_unique_constraint_is_the_last_line_of_defence(person, thing):
    """Were the lock ever left out, the database would still refuse the second order."""
    from django.db import IntegrityError

    account = make_account(person)
    placed = order(account, person, thing, client_order_id="once")
    copy = Order.objects.get(pk=placed.id)
    copy.pk = uuid.uuid4()
    copy._state.adding = True
    with pytest.raises(IntegrityError, match="trading_order_client_id_once"):
        copy.save(force_insert=True)
    assert placed.submitted_at == NOW
