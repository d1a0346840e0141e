"""Margin accounts, groups, replacements, liquidation and switches with many hands at once: real threads on real
connections. Whoever comes first wins, the others are told, and nothing is held, owed or sold twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Sum

from holdings import queries as books
from portfolio_site.kernel.errors import DomainError
from trading.engine.states import OPEN, OrderStatus
from trading.engine.terms import StopLoss, TakeProfit
from trading.models import Fill, Order, TradeEvent
from trading.operations import (
    cancel_all_orders,
    cancel_order,
    check_orders,
    close_position,
    match_resting_orders,
    open_paper_account,
    place_order,
    reconcile_orders,
    replace_order,
    set_kill_switch,
    watch_margins,
)
from trading.queries.accounts import account_figures
from trading.tests.support import NOW, later, make_instrument, make_user, order, set_quote
from trading.tests.test_races import at_once, check_all

D = Decimal
THREADS = 8
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person() -> Any:
    return make_user("hands")


@pytest.fixture
def thing() -> Any:
    instrument = make_instrument()
    set_quote(instrument, "100.00", "100.00")
    return instrument


def margin_account(person: Any, cash: str = "10000") -> int:
    return open_paper_account(
        owner=person, name="Margin", cash=D(cash), currency="USD", multiplier=2, now=later(-86400)
    )


def codes(answers: list[Any]) -> set[str]:
    """What was refused. Anything that is neither an answer nor a refusal has been raised already."""
    return {answer.code for answer in answers if isinstance(answer, DomainError)}


def check_everything(account: int) -> None:
    """The books, the reservations, the orders, the log: all agree, and a pass over them finds nothing to do."""
    check_all()
    assert check_orders(since=NOW) == []
    found = reconcile_orders(now=later(60), thorough=True)
    assert (found.faults, found.repairs, found.executions) == ((), (), 0)
    numbers = TradeEvent.objects.filter(portfolio_id=account).order_by("number")
    assert list(numbers.values_list("number", flat=True)) == list(range(1, numbers.count() + 1))
    for each in Order.objects.filter(filled_quantity__gt=0):
        executed = Fill.objects.filter(order=each).aggregate(sum=Sum("quantity"))["sum"]
        assert executed == each.filled_quantity


def bracket_of(account: int, person: Any, thing: Any, quantity: int = 10) -> tuple[Any, Order, Order]:
    head = order(
        account,
        person,
        thing,
        quantity=quantity,
        order_class="bracket",
        time_in_force="gtc",
        take_profit=TakeProfit(limit_price=D(105)),
        stop_loss=StopLoss(stop_price=D(95)),
    )
    legs = {leg.role: leg for leg in Order.objects.filter(parent_id=head.id)}
    return head, legs["take_profit"], legs["stop_loss"]


class TestBuyingPower:
    def test_orders_at_once_never_borrow_more_than_there_is(self, person, thing):
        account = margin_account(person)  # 20 000: a market buy of 30 holds 3 075, so six fit, and none more
        answers = at_once(*[lambda: order(account, person, thing, quantity=30)] * THREADS)
        assert codes(answers) == {"insufficient_buying_power"}
        assert Fill.objects.count() == 6
        assert books.cash_balance(account, "USD") == 10_000 - 18_000
        assert account_figures(account, now=later()).buying_power >= 0
        check_everything(account)

    def test_resting_orders_and_short_sales_draw_on_the_same_power(self, person, thing):
        account = margin_account(person)
        other = make_instrument()
        set_quote(other, "50.00", "50.00")
        answers = at_once(
            *[lambda: order(account, person, thing, quantity=40, limit_price="99")] * 4,
            *[lambda: order(account, person, other, side="sell", quantity=80)] * 4,
        )
        assert codes(answers) == {"insufficient_buying_power"}
        figures = account_figures(account, now=later())
        held = Order.objects.open().aggregate(held=Sum("reserved_cash"))["held"] or D(0)
        assert figures.buying_power >= 0
        assert held + 2 * figures.initial_margin <= 20_000 + D("0.01")
        check_everything(account)

    def test_a_cash_account_is_never_overdrawn_by_notional_orders(self, person, thing):
        account = open_paper_account(
            owner=person, name="Cash", cash=D(1000), currency="USD", now=later(-86400)
        )
        at_once(
            *[lambda: order(account, person, thing, quantity=None, notional="300")] * THREADS,
        )
        assert 0 <= books.cash_balance(account, "USD") <= 400
        check_everything(account)


class TestShares:
    def test_the_same_shares_are_sold_once(self, person, thing):
        account = margin_account(person)
        order(account, person, thing, quantity=10)
        answers = at_once(
            *[lambda: order(account, person, thing, side="sell", quantity=10)] * 3,
            *[lambda: order(account, person, thing, side="sell", quantity=10, limit_price="120")] * 2,
            *[
                lambda: close_position(
                    portfolio_id=account, instrument_id=thing.pk, actor=person, now=later(1)
                )
            ]
            * 2,
        )
        # Whoever comes after a sale that is done may sell short; after one that rests nobody sells the same again.
        sold = Fill.objects.filter(order__side="sell", order__position_intent="sell_to_close").aggregate(
            sum=Sum("quantity")
        )["sum"] or D(0)
        held = Order.objects.open().aggregate(sum=Sum("reserved_quantity"))["sum"] or D(0)
        assert sold + held == 10
        assert len(answers) == 7
        check_everything(account)

    def test_a_cash_account_never_ends_short(self, person, thing):
        account = open_paper_account(
            owner=person, name="Cash", cash=D(10_000), currency="USD", now=later(-86400)
        )
        order(account, person, thing, quantity=10)
        at_once(
            *[lambda: order(account, person, thing, side="sell", quantity=7)] * 4,
            *[
                lambda: close_position(
                    portfolio_id=account, instrument_id=thing.pk, actor=person, now=later(1)
                )
            ]
            * 4,
        )
        assert books.position_quantity(account, thing.pk) >= 0
        check_everything(account)


class TestGroups:
    @pytest.mark.parametrize("price", ["106", "94"])
    def test_only_one_exit_trades_whoever_matches(self, person, thing, price):
        account = margin_account(person)
        _, take, stop = bracket_of(account, person, thing)
        set_quote(thing, price, price, at=later())
        at_once(*[lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(2))] * 6)
        states = {Order.objects.get(pk=take.pk).status, Order.objects.get(pk=stop.pk).status}
        assert states == {"filled", "canceled"}
        assert books.position_quantity(account, thing.pk) == 0
        check_everything(account)

    def test_both_exits_reached_from_two_sides_trade_once(self, person, thing):
        """One hand matches the price at which the profit is taken, the other moves it to where the loss is stopped."""
        account = margin_account(person)
        _, take, stop = bracket_of(account, person, thing)

        def move(price: str, seconds: int) -> None:
            set_quote(thing, price, price, at=later(seconds))
            match_resting_orders(instrument_ids=[thing.pk], now=later(seconds))

        at_once(*[lambda: move("106", 3), lambda: move("94", 3)] * 3)
        match_resting_orders(instrument_ids=[thing.pk], now=later(4))
        filled = Order.objects.filter(pk__in=[take.pk, stop.pk], status="filled")
        assert filled.count() == 1
        assert books.position_quantity(account, thing.pk) == 0
        check_everything(account)

    @pytest.mark.parametrize("which", ["entry", "take", "stop"])
    def test_an_exit_that_fills_while_the_group_is_cancelled_ends_one_way(self, person, thing, which):
        account = margin_account(person)
        head, take, stop = bracket_of(account, person, thing)
        target = {"entry": head.id, "take": take.pk, "stop": stop.pk}[which]
        set_quote(thing, "106", "106", at=later())
        answers = at_once(
            lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(2)),
            lambda: cancel_order(order_id=target, actor=person, now=later(2)),
            lambda: match_resting_orders(instrument_ids=None, now=later(2)),
            lambda: cancel_order(order_id=take.pk, actor=person, now=later(2)),
        )
        assert codes(answers) <= {"order_not_cancelable"}
        position = books.position_quantity(account, thing.pk)
        done = Order.objects.get(pk=take.pk).status
        assert (done, position) in {("filled", D(0)), ("canceled", D(10))}
        assert Order.objects.get(pk=stop.pk).status == "canceled"
        check_everything(account)

    def test_an_entry_filled_by_two_hands_arms_its_exits_once(self, person, thing):
        account = margin_account(person)
        head = order(
            account,
            person,
            thing,
            quantity=10,
            limit_price="98",
            order_class="bracket",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(105)),
            stop_loss=StopLoss(stop_price=D(95)),
        )
        set_quote(thing, "97.90", "97.95", at=later())
        at_once(*[lambda: match_resting_orders(instrument_ids=None, now=later(2))] * 5)
        legs = Order.objects.filter(parent_id=head.id)
        assert sum(leg.reserved_quantity for leg in legs) == 10
        assert Fill.objects.count() == 1
        check_everything(account)


class TestReplacing:
    def test_a_replacement_and_a_fill_at_once_trade_the_quantity_once(self, person, thing):
        account = margin_account(person)
        resting = order(account, person, thing, quantity=10, limit_price="99")
        set_quote(thing, "98.50", "98.60", at=later())
        answers = at_once(
            lambda: match_resting_orders(instrument_ids=[thing.pk], now=later(2)),
            lambda: replace_order(order_id=resting.id, actor=person, limit_price=D("98.80"), now=later(2)),
            lambda: match_resting_orders(instrument_ids=None, now=later(2)),
            lambda: replace_order(order_id=resting.id, actor=person, quantity=D(12), now=later(2)),
        )
        assert codes(answers) <= {"order_not_replaceable"}
        match_resting_orders(instrument_ids=None, now=later(3))
        chain = list(Order.objects.order_by("submitted_at"))
        assert [each.status for each in chain].count("filled") == 1
        assert {each.status for each in chain} <= {"filled", "replaced"}
        bought = Fill.objects.aggregate(sum=Sum("quantity"))["sum"]
        assert bought in (10, 12)
        assert books.position_quantity(account, thing.pk) == bought
        check_everything(account)

    def test_two_replacements_of_one_order_leave_one(self, person, thing):
        account = margin_account(person)
        resting = order(account, person, thing, quantity=10, limit_price="90")
        answers = at_once(
            *[
                lambda limit=limit: replace_order(
                    order_id=resting.id, actor=person, limit_price=D(limit), now=later(1)
                )
                for limit in (85, 86, 87, 88)
            ]
        )
        assert codes(answers) == {"order_not_replaceable"}
        assert Order.objects.open().count() == 1
        assert Order.objects.get(status="replaced").replaced_by_id == Order.objects.open().get().pk
        check_everything(account)

    def test_cancel_and_replace_at_once_leave_nothing_or_one(self, person, thing):
        account = margin_account(person)
        resting = order(account, person, thing, quantity=10, limit_price="90")
        answers = at_once(
            lambda: replace_order(order_id=resting.id, actor=person, limit_price=D(88), now=later(1)),
            lambda: cancel_order(order_id=resting.id, actor=person, now=later(1)),
        )
        assert codes(answers) <= {"order_not_replaceable", "order_not_cancelable"}
        assert Order.objects.open().count() == (Order.objects.get(pk=resting.id).status == "replaced")
        check_everything(account)


class TestSwitchesAndLiquidation:
    def test_orders_stop_with_the_switch_and_cancels_still_work(self, person, thing):
        account = margin_account(person)
        resting = [order(account, person, thing, limit_price="90") for _ in range(2)]
        answers = at_once(
            *[lambda: order(account, person, thing)] * 5,
            lambda: set_kill_switch(portfolio_id=account, actor=person, on=True, now=later(1)),
            *[
                lambda each=each: cancel_order(order_id=each.id, actor=person, now=later(1))
                for each in resting
            ],
        )
        assert codes(answers) <= {"trading_suspended", "account_blocked", "site_halted"}
        assert {each.status for each in Order.objects.filter(pk__in=[o.id for o in resting])} == {"canceled"}
        before = Order.objects.count()
        with pytest.raises(DomainError):
            order(account, person, thing, now=later(2))
        assert Order.objects.count() == before
        check_everything(account)

    def test_liquidation_and_orders_at_once_leave_no_more_than_is_carried(self, person, thing):
        account = margin_account(person)
        order(account, person, thing, quantity=180)
        set_quote(thing, "52", "52", at=later())  # worth 9 360, owed 8 000: below half of what is to be kept
        answers = at_once(
            lambda: watch_margins(now=later(2)),
            *[lambda: order(account, person, thing, side="sell", quantity=180, now=later(2))] * 2,
            *[lambda: order(account, person, thing, quantity=50, now=later(2))] * 2,
            lambda: watch_margins(now=later(2)),
        )
        assert codes(answers) <= {
            "insufficient_buying_power",
            "insufficient_quantity",
            "account_blocked",
            "opposite_opening",
            "wash_trade",
            "short_needs_equity",
            "not_shortable",
        }
        watch_margins(now=later(3))
        figures = account_figures(account, now=later(4))
        assert books.position_quantity(account, thing.pk) >= 0
        assert figures.equity >= figures.maintenance_margin / 2
        check_everything(account)


class TestEverythingAtOnce:
    def test_two_accounts_and_two_instruments_in_a_storm_neither_lock_up_nor_disagree(self, person, thing):
        """Places, replaces, cancels, closes, matches, reconciles and liquidates across the same rows: PostgreSQL would end a
        circle of locks with an error, which is no refusal and so fails here."""
        other = make_instrument()
        set_quote(other, "50.00", "50.02")
        accounts = [margin_account(person), margin_account(person)]
        turn = itertools.count()

        def trade(account: int, first: Any, second: Any) -> list[Any]:
            answers: list[Any] = []
            for step in range(6):
                try:
                    answers.append(
                        do_something(next(turn) + step, account, person, first, second, later(step))
                    )
                except DomainError as refusal:
                    answers.append(refusal)
            return answers

        def match() -> None:
            for step, price in enumerate(("100", "94", "106", "100")):
                set_quote(thing, price, price, at=later(step))
                match_resting_orders(instrument_ids=None, now=later(step))

        at_once(
            lambda: trade(accounts[0], thing, other),
            lambda: trade(accounts[0], other, thing),
            lambda: trade(accounts[1], thing, other),
            lambda: trade(accounts[1], other, thing),
            match,
            lambda: [match_resting_orders(instrument_ids=None, now=later(n)) for n in range(4)],
            lambda: [reconcile_orders(now=later(n)) for n in range(2)],
            lambda: [watch_margins(now=later(n)) for n in range(2)],
        )
        for account in accounts:
            cancel_all_orders(portfolio_id=account, actor=person, now=later(30))
        assert not Order.objects.filter(status__in=[status.value for status in OPEN]).exists()
        assert not Order.objects.filter(filled_quantity__gt=F("quantity")).exists()
        for account in accounts:
            check_everything(account)


def do_something(number: int, account: int, person: Any, first: Any, second: Any, now: datetime) -> Any:
    """One of the things a person may do, chosen by a number."""
    works: list[Callable[[], Any]] = [
        lambda: order(account, person, first, quantity=2, now=now),
        lambda: order(account, person, second, quantity=3, limit_price="49", now=now),
        lambda: bracket_of(account, person, first, 2),
        lambda: cancel_all_orders(portfolio_id=account, actor=person, now=now),
        lambda: close_position(portfolio_id=account, instrument_id=first.pk, actor=person, now=now),
        lambda: replace_any(account, person, now),
    ]
    return works[number % len(works)]()


def replace_any(account: int, person: Any, now: datetime) -> Any:
    found = Order.objects.open().filter(portfolio_id=account, status=OrderStatus.NEW).first()
    if found is None:
        return None
    return replace_order(order_id=found.pk, actor=person, quantity=found.quantity + 1, now=now)


def test_one_client_order_id_from_many_hands_is_one_order_on_margin(person, thing):
    account = margin_account(person)
    answers = at_once(
        *[
            lambda: place_order(
                portfolio_id=account,
                actor=person,
                client_order_id="the same",
                instrument_id=thing.pk,
                side="buy",
                type="market",
                time_in_force="day",
                quantity=D(5),
                now=later(1),
            )
        ]
        * THREADS
    )
    assert len({answer.id for answer in answers}) == 1
    assert books.position_quantity(account, thing.pk) == 5
    check_everything(account)


class TestOneCancelsTheOther:
    def test_both_exits_triggered_at_once_fill_exactly_one(self, person, thing):
        account = margin_account(person)
        order(account, person, thing, quantity=10)
        exits = order(
            account,
            person,
            thing,
            side="sell",
            quantity=10,
            order_class="oco",
            time_in_force="gtc",
            limit_price="105",
            take_profit=TakeProfit(limit_price=D(105)),
            stop_loss=StopLoss(stop_price=D(95)),
        )

        def tick(price: str, seconds: int) -> None:
            set_quote(thing, price, price, at=later(seconds))
            match_resting_orders(instrument_ids=[thing.pk], now=later(seconds))

        # The market jumps up and down at the same moment, seen by many hands.
        at_once(*[lambda: tick("106.00", 1), lambda: tick("94.00", 1)] * (THREADS // 2))
        group = Order.objects.filter(order_class="oco")
        assert group.count() == 2
        assert sorted(group.values_list("status", flat=True)) == ["canceled", "filled"]
        assert Fill.objects.filter(order__in=group).aggregate(sum=Sum("quantity"))["sum"] == 10
        assert exits.id in set(group.values_list("pk", flat=True))
        assert books.position_quantity(account, thing.pk) == 0
        check_everything(account)
