"""Orders at a broker: sent once, also after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from holdings import queries as books
from portfolio_site.kernel import clock
from tests.support.live_site import test_database_url as url_of_the_tests
from trading import operations
from trading.brokers.base import DuplicateClientOrderIdError
from trading.models import BrokerConnection, BrokerInstruction, Order
from trading.operations.brokering.speaking import broker_of
from trading.tests.brokers.support import _KILLED, Desk

pytestmark = pytest.mark.django_db(transaction=True)


class TestSending:
    def test_an_order_waits_here_until_it_is_sent_and_is_filled_by_the_broker(self, desk: Desk):
        order = desk.place(quantity="10")
        assert (order.status, order.watch) == ("pending_new", "")
        assert not desk.there()
        assert desk.send() == 1
        assert [row.client_order_id for row in desk.there()] == [order.client_order_id]
        assert desk.catch_up() == 1
        order.refresh_from_db()
        assert (order.status, order.filled_quantity, order.reserved_cash) == ("filled", 10, 0)
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 10
        assert desk.compare() == []
        call_command("verify_books", verbosity=0)

    def test_nothing_is_sent_twice(self, desk: Desk):
        desk.place()
        assert (desk.send(), desk.send()) == (1, 0)
        assert len(desk.there()) == 1

    def test_the_simulated_exchange_never_touches_it(self, desk: Desk):
        order = desk.place(limit_price="101")
        operations.match_resting_orders(instrument_ids=None, now=clock.now())
        operations.expire_orders(now=clock.now() + timedelta(days=200))
        assert operations.reconcile_orders(now=clock.now()).faults == ()
        order.refresh_from_db()
        assert order.status == "pending_new"

    def test_a_refusal_is_told_in_the_brokers_words(self, desk: Desk):
        operations.set_kill_switch(
            on=True, actor=desk.remote.user, portfolio_id=desk.remote.portfolio_id, now=clock.now()
        )
        order = desk.place()
        desk.send()
        order.refresh_from_db()
        assert order.status == "rejected"
        assert order.reason.startswith("The broker refused it:")
        assert order.reserved_cash == 0
        assert BrokerInstruction.objects.get(order=order).state == "refused"

    def test_a_broker_that_is_away_leaves_it_waiting_and_cancelable(self, desk: Desk, settings: Any):
        order = desk.place()
        BrokerConnection.objects.update(base_url="http://127.0.0.1:9/alpaca")
        settings.BROKER_ALLOWED_HOSTS = ["127.0.0.1:9"]
        assert desk.send() == 0
        row = BrokerInstruction.objects.get(order=order)
        assert (row.state, row.attempts) == ("waiting", 0)
        assert desk.row().state == "failing"
        assert desk.row().failing_since is not None
        view = operations.cancel_order(order_id=order.pk, actor=desk.user, now=clock.now())
        assert view.status == "canceled"
        assert not desk.there()

    def test_an_order_whose_time_is_over_is_not_sent_any_more(self, desk: Desk):
        order = desk.place()
        BrokerInstruction.objects.filter(order=order).update(not_after=clock.now())
        desk.send()
        order.refresh_from_db()
        assert (order.status, order.reserved_cash) == ("expired", 0)
        assert not desk.there()

    def test_the_kill_switch_stops_what_waits(self, desk: Desk):
        order = desk.place()
        operations.set_kill_switch(on=True, actor=desk.user, portfolio_id=desk.portfolio_id, now=clock.now())
        desk.send()
        order.refresh_from_db()
        assert order.status == "canceled"
        assert not desk.there()

    def test_an_address_that_is_not_allowed_any_more_is_not_spoken_to(self, desk: Desk, settings: Any):
        desk.place()
        settings.BROKER_ALLOWED_HOSTS = []
        assert desk.send() == 0
        assert not desk.there()


class TestAfterACrash:
    """Claimed and perhaps sent: the broker is asked before anything is sent again."""

    def crash(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, *, arrives: bool) -> Order:
        """Die between the request and writing down its answer."""
        from trading.brokers.alpaca import AlpacaBroker

        submit = AlpacaBroker.submit
        order = desk.place(limit_price="90")

        class KilledError(BaseException):
            pass

        def dies(self: Any, asked: Any) -> Any:
            if arrives:
                submit(self, asked)
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(AlpacaBroker, "submit", dies)
            with pytest.raises(KilledError):
                desk.send()
        BrokerInstruction.objects.update(claimed_at=clock.now() - timedelta(minutes=2))
        return order

    def test_one_that_arrived_is_found_by_its_name(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        order = self.crash(desk, monkeypatch, arrives=True)
        assert desk.send() == 1
        assert len(desk.there()) == 1
        order.refresh_from_db()
        assert order.status == "new"
        assert order.broker_order.remote_id == str(desk.there()[0].pk)

    def test_one_that_did_not_is_sent_again(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        self.crash(desk, monkeypatch, arrives=False)
        assert desk.send() == 1
        assert len(desk.there()) == 1

    @pytest.mark.parametrize("arrives", [True, False])
    def test_kill_9_before_the_answer_was_written_down_doubles_nothing(
        self, desk: Desk, live_site: Any, arrives: bool
    ):
        order = desk.place(limit_price="90")
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(desk.connection_id), str(int(arrives))],
            env={
                **os.environ,
                "DATABASE_URL": url_of_the_tests(),
                "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.test",
                "BROKER_ALLOWED_HOSTS": f"127.0.0.1:{live_site.port}",
            },
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert BrokerInstruction.objects.get().state == "sending"
        assert desk.send() == 0  # it may still be on its way
        BrokerInstruction.objects.update(claimed_at=clock.now() - timedelta(minutes=2))
        assert desk.send() == 1
        assert len(desk.there()) == 1
        order.refresh_from_db()
        assert order.status == "new"

    @pytest.mark.parametrize("arrives", [True, False])
    def test_a_cancel_in_between_is_carried_out_either_way(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, arrives: bool
    ):
        order = self.crash(desk, monkeypatch, arrives=arrives)
        operations.cancel_order(order_id=order.pk, actor=desk.user, now=clock.now())
        desk.send()
        desk.catch_up()
        order.refresh_from_db()
        assert order.status == "canceled"
        assert [row.status for row in desk.there()] == (["canceled"] if arrives else [])

    def test_the_broker_itself_takes_a_name_once(self, desk: Desk):
        from trading.operations.brokering.claiming import claim_next

        desk.place(limit_price="90")
        claim = claim_next(desk.connection_id, clock.now())
        assert claim is not None
        assert claim.new_order is not None
        broker = broker_of(desk.row())
        broker.submit(claim.new_order)
        with pytest.raises(DuplicateClientOrderIdError):
            broker.submit(claim.new_order)
