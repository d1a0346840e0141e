"""Many hands at once, on real PostgreSQL with real threads: nothing oversold, overspent or doubled."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Sum

from holdings import queries as books
from holdings.operations import lock_portfolio
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.models import OutboxEvent
from trading.engine.states import TERMINAL
from trading.engine.terms import StopLoss, TakeProfit
from trading.models import Fill, Order
from trading.operations import (
    OrderRefusedError,
    cancel_order,
    check_reservations,
    match_resting_orders,
    matching,
    working,
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


class TestSettlingTogether:
    """Many portfolios in one transaction: the same as one by one, whoever is in the way."""

    @pytest.fixture
    def waiting(self, thing):
        """Five people with an order each that a price of 90 fills, by their accounts."""
        people = [make_user(f"together{number}") for number in range(5)]
        accounts = [make_account(each, "1000") for each in people]
        return {
            account: order(account, each, thing, limit_price="95", quantity=1).id
            for account, each in zip(accounts, people, strict=True)
        }

    def test_a_portfolio_that_somebody_is_at_holds_up_nobody_else(self, thing, waiting):
        set_quote(thing, "90.00", "90.00", at=later(60))
        busy = next(iter(waiting))
        asked, free = threading.Event(), threading.Event()

        def keep() -> None:
            with transaction.atomic():
                lock_portfolio(busy)
                asked.set()
                assert free.wait(30)

        with ThreadPoolExecutor(2) as pool:
            keeper = pool.submit(in_a_thread, keep)
            assert asked.wait(30)
            matching = pool.submit(
                in_a_thread, lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(60))
            )
            others = [pk for account, pk in waiting.items() if account != busy]
            wait_for(lambda: Order.objects.filter(pk__in=others, status="filled").count() == 4)
            assert Order.objects.get(pk=waiting[busy]).status == "new"
            free.set()
            keeper.result(timeout=30)
            assert matching.result(timeout=30).executions == 5
        assert Order.objects.get(pk=waiting[busy]).status == "filled"
        check_all()

    def test_a_portfolio_that_fails_takes_nobody_with_it(self, thing, waiting, monkeypatch):
        set_quote(thing, "90.00", "90.00", at=later(60))
        broken, work = list(waiting)[2], working.work

        def failing(desk: Any, *arguments: Any) -> Any:
            if desk.portfolio.id == broken:
                raise OperationalError("out of shared memory")
            return work(desk, *arguments)

        monkeypatch.setattr(matching, "work", failing)
        report = match_resting_orders(instrument_ids=[thing.pk], now=later(60))
        assert (report.executions, report.failed_portfolios) == (4, (broken,))
        assert Order.objects.get(pk=waiting[broken]).status == "new"
        monkeypatch.setattr(matching, "work", work)
        report = match_resting_orders(instrument_ids=[thing.pk], now=later(61))
        assert (report.executions, report.failed_portfolios) == (1, ())
        assert Fill.objects.count() == 5
        check_all()

    def test_two_passes_at_once_fill_each_order_once(self, thing, waiting):
        set_quote(thing, "90.00", "90.00", at=later(60))
        one = lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(60))  # noqa: E731
        reports = at_once(one, one, one)
        assert sum(report.executions for report in reports) == 5
        assert Fill.objects.count() == 5
        check_all()

    def test_groups_of_several_portfolios_shrink_each_their_own_other_leg(self, thing):
        people = [make_user(f"grouped{number}") for number in range(3)]
        accounts = [make_account(each, "1000") for each in people]
        for account, each in zip(accounts, people, strict=True):
            order(
                account, each, thing, quantity=2, order_class="bracket",
                take_profit=TakeProfit(limit_price=Decimal(110)), stop_loss=StopLoss(stop_price=Decimal(80)),
            )  # fmt: skip
        set_quote(thing, "111.00", "111.00", at=later(60))
        assert match_resting_orders(instrument_ids=[thing.pk], now=later(60)).executions == 3
        statuses = Counter(Order.objects.filter(role="stop_loss").values_list("status", flat=True))
        assert statuses == {"canceled": 3}
        check_all()


def in_a_thread(work: Callable[[], Any]) -> Any:
    """What it returns; its connection is closed afterwards."""
    try:
        return work()
    finally:
        connection.close()


def wait_for(true: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
