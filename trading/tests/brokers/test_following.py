"""Orders at a broker: what becomes of them, by list and by stream."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from holdings import queries as books
from marketdata.models import Instrument
from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite
from trading import operations
from trading.models import BrokerConnection, BrokerExecution, BrokerOrder, Fill, Order
from trading.operations.brokering.follower import Follower
from trading.tests.brokers.support import Desk
from trading.tests.support import set_quote

pytestmark = pytest.mark.django_db(transaction=True)


class TestAfterwards:
    def test_cancel_goes_to_the_broker(self, desk: Desk):
        order = desk.place(limit_price="90")
        desk.send()
        view = operations.cancel_order(order_id=order.pk, actor=desk.user, now=clock.now())
        assert view.status == "pending_cancel"
        desk.send()
        order.refresh_from_db()
        assert (order.status, order.reserved_cash) == ("canceled", 0)
        assert desk.there()[0].status == "canceled"

    def test_cancelling_all_says_what_the_broker_is_only_asked_for(self, desk: Desk):
        from django.test import Client
        from django.urls import reverse

        desk.place(limit_price="90")
        desk.send()
        client = Client()
        client.force_login(desk.user)
        answer = client.post(reverse("trading:cancel_all"), follow=True)
        assert "The broker is asked to cancel 1 order." in answer.content.decode()
        assert "1 order cancelled" not in answer.content.decode()

    def test_a_cancel_that_comes_too_late_leaves_the_fill(self, desk: Desk):
        order = desk.place(limit_price="90")
        desk.send()
        operations.cancel_order(order_id=order.pk, actor=desk.user, now=clock.now())
        desk.quote("89.00", "89.50")
        desk.send()
        desk.catch_up()
        order.refresh_from_db()
        assert (order.status, order.filled_quantity) == ("filled", 5)
        assert desk.compare() == []

    def test_replace_makes_the_brokers_new_order(self, desk: Desk):
        order = desk.place(limit_price="90")
        desk.send()
        new = operations.replace_order(
            order_id=order.pk, actor=desk.user, limit_price=Decimal(91), quantity=Decimal(7), now=clock.now()
        )
        order.refresh_from_db()
        assert (order.status, new.status) == ("pending_replace", "pending_new")
        desk.send()
        order.refresh_from_db()
        after = Order.objects.get(pk=new.id)
        assert (order.status, order.replaced_by_id) == ("replaced", after.pk)
        assert (after.status, after.quantity, after.limit_price) == ("new", 7, 91)
        assert after.reserved_cash >= 7 * 91
        assert [(row.status, row.quantity) for row in desk.there()] == [("replaced", 5), ("new", 7)]

    def test_a_refused_replacement_leaves_the_order_as_it_was(self, desk: Desk):
        order = desk.place(limit_price="90")
        desk.send()
        new = operations.replace_order(
            order_id=order.pk, actor=desk.user, limit_price=Decimal(91), now=clock.now()
        )
        operations.set_kill_switch(
            on=True, actor=desk.remote.user, portfolio_id=desk.remote.portfolio_id, now=clock.now()
        )
        desk.send()
        order.refresh_from_db()
        assert order.status == "new"
        assert Order.objects.get(pk=new.id).status == "rejected"
        assert Order.objects.get(pk=new.id).reserved_cash == 0

    def test_partial_fills_are_booked_one_by_one_and_once(self, desk: Desk):
        order = desk.place(limit_price="90", quantity="10")
        desk.send()
        from marketdata.models import Quote

        for size in (4, 3, 3):
            set_quote(desk.share, "89.00", "89.50", at=clock.now())
            Quote.objects.filter(instrument=desk.share).update(ask_size=size)
            operations.match_resting_orders(instrument_ids=[desk.share.pk], now=clock.now())
            desk.catch_up()
            desk.catch_up()
        order.refresh_from_db()
        assert order.status == "filled"
        assert [row.quantity for row in Fill.objects.filter(order=order).order_by("number")] == [4, 3, 3]
        assert BrokerExecution.objects.filter(order=order).count() == 3
        assert desk.compare() == []
        call_command("verify_books", verbosity=0)

    def test_a_bracket_is_the_brokers_to_keep(self, desk: Desk):
        head = desk.place(
            order_class="bracket",
            take_profit=operations.TakeProfit(limit_price=Decimal(110)),
            stop_loss=operations.StopLoss(stop_price=Decimal(95)),
        )
        desk.send()
        desk.catch_up()
        assert {leg.role: leg.status for leg in head.legs.all()} == {
            "take_profit": "new",
            "stop_loss": "held",
        }
        assert all(BrokerOrder.objects.get(order=leg).remote_id for leg in head.legs.all())
        desk.quote("110.00", "110.02")
        desk.catch_up()
        assert {leg.role: leg.status for leg in head.legs.all()} == {
            "take_profit": "filled",
            "stop_loss": "canceled",
        }
        assert desk.compare() == []

    def test_an_order_by_amount_ends_with_what_it_bought(self, desk: Desk):
        Instrument.objects.filter(pk=desk.share.pk).update(quantity_step=Decimal("0.001"))
        order = desk.place(quantity=None, notional="1000")
        desk.send()
        desk.catch_up()
        order.refresh_from_db()
        assert order.status == "filled"
        assert order.filled_quantity == order.quantity > 9
        assert desk.compare() == []

    def test_what_is_traded_at_the_brokers_own_site_is_taken_over(self, desk: Desk):
        answer = desk.remote.send(
            "POST", "/v2/orders",
            {"symbol": "ACME", "qty": "3", "side": "buy", "type": "market", "time_in_force": "day"},
        )  # fmt: skip
        assert answer.status_code == 200
        desk.catch_up()
        order = Order.objects.get(portfolio_id=desk.portfolio_id)
        assert (order.origin, order.status, order.filled_quantity) == ("broker", "filled", 3)
        assert desk.compare() == []


class TestTheStream:
    def follow(self, desk: Desk) -> tuple[threading.Thread, threading.Event]:
        stop = threading.Event()
        follower = Follower(desk.connection_id, clock=clock.now, stop=stop)
        thread = threading.Thread(target=follower.run, daemon=True)
        thread.start()
        return thread, stop

    def wait_for(self, what: Any) -> None:
        import time

        end = time.monotonic() + 30
        while not what():
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.05)

    def test_fills_arrive_by_themselves_also_after_the_broker_was_gone(
        self, desk: Desk, settings: Any, tmp_path: Any
    ):
        """A server of the test's own, killed while it is followed, and started again under the same address."""
        broker = LiveSite(tmp_path)
        broker.start()
        settings.BROKER_ALLOWED_HOSTS = [f"127.0.0.1:{broker.port}"]
        BrokerConnection.objects.update(base_url=f"{broker.url}/alpaca")
        thread, stop = self.follow(desk)
        try:
            first = desk.place()
            self.wait_for(lambda: Order.objects.get(pk=first.pk).status == "filled")
            broker.stop()
            self.wait_for(lambda: desk.row().state == "failing")
            lost = desk.place(limit_price="99")
            # While nobody can hear it, somebody trades there.
            operations.place_order(
                portfolio_id=desk.remote.portfolio_id, actor=desk.remote.user, instrument_id=desk.share.pk,
                side="sell", type="market", time_in_force="day", quantity=Decimal(2), now=clock.now(),
            )  # fmt: skip
            broker, port = LiveSite(tmp_path), broker.port
            broker.port, broker.url = port, f"http://127.0.0.1:{port}"
            broker.start()
            self.wait_for(lambda: Order.objects.get(pk=lost.pk).status == "new")
            self.wait_for(lambda: books.position_quantity(desk.portfolio_id, desk.share.pk) == 3)
            assert desk.row().state == "connected"
            assert desk.compare() == []
        finally:
            stop.set()
            thread.join(20)
            broker.stop()
        assert Fill.objects.filter(portfolio_id=desk.portfolio_id).count() == 2

    def test_two_that_follow_book_everything_once(self, desk: Desk):
        followers = [self.follow(desk), self.follow(desk)]
        try:
            orders = [desk.place(quantity="1") for _ in range(6)]
            self.wait_for(lambda: all(Order.objects.get(pk=order.pk).status == "filled" for order in orders))
        finally:
            for _, stop in followers:
                stop.set()
            for thread, _ in followers:
                thread.join(20)
        assert len(desk.there()) == 6
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 6
        assert desk.compare() == []
