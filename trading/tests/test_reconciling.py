"""Reconciliation, case by case: each thing that may be left behind is made, found, mended with a word of it, and mended once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from portfolio_site.kernel.events import dispatch_pending
from portfolio_site.kernel.models import OutboxEvent
from trading.engine.terms import StopLoss, TakeProfit
from trading.models import Fill, Order, TradeEvent
from trading.operations import check_deliveries, reconcile_orders
from trading.tests.support import check_books, later, order, set_quote

D = Decimal


@contextmanager
def without_triggers() -> Iterator[None]:
    """As a hand in the database, or a restored part of a backup, would leave things."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = DEFAULT")


def mended(*, seconds: float = 5, thorough: bool = False) -> tuple[str, ...]:
    """Reconcile; a second pass finds nothing more to mend, and no fault is left."""
    found = reconcile_orders(now=later(seconds), thorough=thorough)
    again = reconcile_orders(now=later(seconds), thorough=thorough)
    assert (found.faults, again.faults, again.repairs) == ((), (), ())
    check_books()
    return found.repairs


def now_is(order_id) -> Order:
    return Order.objects.get(pk=order_id)


@pytest.fixture
def bracket(place):
    """A filled entry with its exits at 110 and 90."""
    return place(
        order_class="bracket",
        time_in_force="gtc",
        take_profit=TakeProfit(limit_price=D(110)),
        stop_loss=StopLoss(stop_price=D(90)),
    )


def exits(head):
    legs = {leg.role: leg for leg in Order.objects.filter(parent_id=head.id)}
    return legs["take_profit"], legs["stop_loss"]


class TestLeftBehind:
    def test_nothing_is_mended_where_nothing_is_wrong(self, place, bracket):
        place()
        place(limit_price="90", time_in_force="gtc")
        assert mended(thorough=True) == ()

    def test_an_order_whose_tick_was_never_matched_is_filled(self, place, share):
        resting = place(limit_price="95")
        set_quote(share, "94", "94.5", at=later())
        assert mended() == ()
        assert now_is(resting.id).status == "filled"

    def test_an_order_that_was_never_routed_is_filled(self, place):
        resting = place(limit_price="95")
        Order.objects.filter(pk=resting.id).update(status="pending_new", watch="now", watch_price=None)
        assert mended() == ()
        assert now_is(resting.id).status == "new"

    def test_an_order_that_nobody_looks_for_watches_again_and_trades(self, place, share):
        resting = place(limit_price="95")
        Order.objects.filter(pk=resting.id).update(watch="", watch_price=None)
        set_quote(share, "94", "94.5", at=later())
        (sentence,) = mended()
        assert "watches the market again" in sentence
        assert now_is(resting.id).status == "filled"
        assert any(line["kind"] == "repaired" for line in now_is(resting.id).trail)

    def test_an_order_whose_time_is_over_is_expired(self, place):
        resting = place(limit_price="95")
        found = reconcile_orders(now=now_is(resting.id).expires_at + timedelta(seconds=1))
        assert (found.expired, found.faults) == (1, ())
        assert now_is(resting.id).reserved_cash == 0

    def test_a_cancellation_that_was_begun_is_finished(self, place):
        resting = place(limit_price="95")
        Order.objects.filter(pk=resting.id).update(status="pending_cancel")
        (sentence,) = mended()
        assert "cancellation was finished" in sentence
        stored = now_is(resting.id)
        assert (stored.status, stored.reserved_cash, stored.watch) == ("canceled", 0, "")
        assert TradeEvent.objects.filter(order_id=resting.id).order_by("number").last().event == "canceled"
        assert (
            apps.get_model("trading", "OrderEvent")
            .objects.filter(pgh_obj_id=resting.id, status="canceled")
            .exists()
        )

    def test_a_replacement_that_never_came_is_given_up(self, place):
        resting = place(limit_price="95")
        Order.objects.filter(pk=resting.id).update(status="pending_replace")
        (sentence,) = mended()
        assert "given up" in sentence
        assert now_is(resting.id).status == "new"


class TestGroups:
    def test_exits_of_a_filled_entry_are_armed(self, bracket, place):
        take, stop = exits(bracket)
        Order.objects.filter(pk__in=[take.pk, stop.pk]).update(
            status="held", watch="", watch_price=None, reserved_quantity=0
        )
        assert len(mended()) == 1
        take, stop = exits(bracket)
        assert (take.status, take.watch, take.reserved_quantity) == ("new", "limit", 1)
        assert (stop.status, stop.watch) == ("held", "stop")

    def test_armed_exits_meet_the_market_at_once(self, bracket, share):
        take, stop = exits(bracket)
        Order.objects.filter(pk__in=[take.pk, stop.pk]).update(
            status="held", watch="", watch_price=None, reserved_quantity=0
        )
        set_quote(share, "111", "111.02", at=later())
        assert len(mended()) == 1
        assert [leg.status for leg in exits(bracket)] == ["filled", "canceled"]

    def test_what_hangs_on_an_ended_entry_ends(self, place):
        waiting = place(
            limit_price="95",
            order_class="bracket",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(90)),
        )
        with without_triggers():
            Order.objects.filter(pk=waiting.id).update(
                status="canceled", reserved_cash=0, watch="", watch_price=None, canceled_at=later()
            )
        assert len(mended()) >= 1
        assert {leg.status for leg in exits(waiting)} == {"canceled"}

    def test_the_exit_beside_a_filled_one_is_cancelled(self, bracket, share):
        take, stop = exits(bracket)
        set_quote(share, "110.5", "110.52", at=later())
        reconcile_orders(now=later(2))
        assert now_is(take.pk).status == "filled"
        Order.objects.filter(pk=stop.pk).update(status="held", watch="stop", watch_price=D(90))
        (sentence,) = mended()
        assert "other exit was filled" in sentence
        assert now_is(stop.pk).status == "canceled"

    def test_exits_stand_for_the_same_units_again(self, place, share):
        head = place(
            quantity=10,
            order_class="bracket",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(90)),
        )
        take, _ = exits(head)
        Order.objects.filter(pk=take.pk).update(quantity=6, reserved_quantity=6)
        assert len(mended()) == 1
        assert [leg.quantity for leg in exits(head)] == [6, 6]


class TestTold:
    def test_a_fill_that_programs_were_not_told_of_is_told(self, place):
        done = place()
        with without_triggers():
            TradeEvent.objects.filter(event="fill").delete()
        assert mended() == ()  # the quick pass does not read the log
        assert len(mended(thorough=True)) == 1
        told = TradeEvent.objects.order_by("number").last()
        assert told.event == "fill"
        assert told.payload["execution"]["id"] == str(Fill.objects.get().pk)
        assert told.payload["order"]["status"] == now_is(done.id).status

    def test_an_end_that_programs_were_not_told_of_is_told(self, place, trader):
        from trading.operations import cancel_order

        resting = place(limit_price="90")
        cancel_order(order_id=resting.id, actor=trader, now=later())
        with without_triggers():
            TradeEvent.objects.filter(event="canceled").delete()
        assert len(mended(thorough=True)) == 1
        assert TradeEvent.objects.order_by("number").last().event == "canceled"

    def test_an_event_that_was_never_delivered_is_delivered_by_the_sweep(self, place):
        place()
        assert OutboxEvent.objects.filter(dispatched_at=None).exists()
        dispatch_pending()
        assert not OutboxEvent.objects.filter(dispatched_at=None).exists()

    def test_an_event_that_is_refused_for_ever_is_reported(self, place):
        place()
        OutboxEvent.objects.filter(name="trading.order_filled").update(attempts=7, last_error="inbox: Error")
        (sentence,) = check_deliveries()
        assert "trading.order_filled" in sentence
        assert reconcile_orders(now=later()).faults == (sentence,)


class TestReported:
    def test_an_order_that_contradicts_its_fills_is_reported_and_left_alone(self, place):
        done = place(quantity=2)
        with without_triggers():
            Fill.objects.filter(order_id=done.id).update(quantity=1)
        found = reconcile_orders(now=later())
        assert any("fills add up to 1" in fault for fault in found.faults)
        assert now_is(done.id).filled_quantity == 2

    def test_units_that_are_promised_and_not_there_are_reported(self, place):
        place(quantity=2)
        resting = place(side="sell", quantity=2, limit_price="120")
        Order.objects.filter(pk=resting.id).update(quantity=3, reserved_quantity=3)
        assert any("the position is 2" in fault for fault in reconcile_orders(now=later()).faults)

    def test_the_command_says_what_it_found_and_fails(self, account, trader, share):
        from portfolio_site.kernel import clock

        set_quote(share, "100", "100.02", at=clock.now())
        resting = order(account, trader, share, limit_price="95", time_in_force="gtc", now=clock.now())
        Order.objects.filter(pk=resting.id).update(watch="", watch_price=None)
        out, err = StringIO(), StringIO()
        call_command("reconcile_orders", stdout=out, stderr=err)
        assert "1 mended, 0 faults" in out.getvalue()
        Order.objects.filter(pk=resting.id).update(reserved_cash=D(20_000))
        with pytest.raises(SystemExit):
            call_command("reconcile_orders", stdout=out, stderr=err)
        assert "open orders hold" in err.getvalue()

    def test_reservations_without_an_open_order_cannot_be_stored(self, place):
        from django.db import IntegrityError

        done = place()
        with pytest.raises(IntegrityError, match="end_releases_all"):
            Order.objects.filter(pk=done.id).update(reserved_cash=1)


def test_a_worker_that_starts_asks_for_a_thorough_pass(db, monkeypatch, django_capture_on_commit_callbacks):
    from celery.signals import worker_ready

    from trading import tasks

    asked = []
    monkeypatch.setattr(tasks.reconcile_orders_thoroughly, "apply_async", lambda **call: asked.append(call))
    with django_capture_on_commit_callbacks(execute=True):
        worker_ready.send(sender=None)
    assert len(asked) == 1
