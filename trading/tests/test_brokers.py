"""An account at a broker, against a running server of this very wire: sent, followed, filled, cancelled, replaced, refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from holdings import queries as books
from marketdata.models import Instrument
from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite
from tests.support.live_site import test_database_url as url_of_the_tests
from trading import operations, tasks
from trading.brokers.base import BrokerUnreachableError, DuplicateClientOrderIdError
from trading.models import BrokerConnection, BrokerExecution, BrokerInstruction, BrokerOrder, Fill, Order
from trading.operations.brokering.follower import Follower
from trading.operations.brokering.speaking import broker_of
from trading.tests.support import make_instrument, make_user, set_quote
from trading.wire.tests.support import Bot, make_bot

pytestmark = pytest.mark.django_db(transaction=True)


#: Claims and sends what waits, and is killed before it can write down the answer (or before it has sent anything).
_KILLED = """
import os, signal, sys
from uuid import UUID
import django
django.setup()
from portfolio_site.kernel import clock
from trading.brokers.alpaca import AlpacaBroker
from trading.operations import send_waiting
submit = AlpacaBroker.submit
def dies(self, order):
    if sys.argv[2] == "1":
        submit(self, order)
    os.kill(os.getpid(), signal.SIGKILL)
AlpacaBroker.submit = dies
send_waiting(connection_id=UUID(sys.argv[1]), clock=clock.now)
"""


@dataclass
class Desk:
    """A person's account at the broker: the connection, the portfolio, and the broker's own side of it."""

    user: Any
    connection_id: UUID
    portfolio_id: int
    share: Instrument
    remote: Bot

    def place(self, **terms: Any) -> Order:
        """Place an order here; nothing is sent by this."""
        fields: dict[str, Any] = {
            "side": "buy",
            "type": "limit" if "limit_price" in terms else "market",
            "time_in_force": "day",
            "quantity": Decimal(5),
            "instrument_id": self.share.pk,
        }
        fields |= {
            name: Decimal(value) if isinstance(value, str) and value[0].isdigit() else value
            for name, value in terms.items()
        }
        view = operations.place_order(
            portfolio_id=self.portfolio_id, actor=self.user, now=clock.now(), **fields
        )
        return Order.objects.get(pk=view.id)

    def send(self) -> int:
        """Say what waits to be said."""
        return operations.send_waiting(connection_id=self.connection_id, clock=clock.now)

    def catch_up(self) -> int:
        """Read the broker's lists."""
        return operations.catch_up(connection_id=self.connection_id, clock=clock.now)

    def compare(self) -> list[Any]:
        """Lay the books beside each other."""
        return operations.compare(connection_id=self.connection_id, clock=clock.now)

    def quote(self, bid: str, ask: str) -> None:
        """Move the market, and let the broker's resting orders meet it."""
        set_quote(self.share, bid, ask, at=clock.now())
        operations.match_resting_orders(instrument_ids=[self.share.pk], now=clock.now())

    def there(self) -> list[Order]:
        """The orders that the broker has."""
        return list(Order.objects.filter(portfolio_id=self.remote.portfolio_id).order_by("submitted_at"))

    def row(self) -> BrokerConnection:
        """The connection as it is stored."""
        return BrokerConnection.objects.get(pk=self.connection_id)


def connect(user: Any, bot: Bot, live_site: Any, settings: Any, **fields: Any) -> UUID:
    settings.BROKER_ALLOWED_HOSTS = [f"127.0.0.1:{live_site.port}"]
    values = {"name": "Mine", "environment": "paper", "base_url": f"{live_site.url}/alpaca", **fields}
    return operations.connect_broker(
        actor=user, key_id=bot.key_id, secret=bot.secret, now=clock.now(), **values
    )


@pytest.fixture(autouse=True)
def _sent_by_the_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task that sends after each commit stays away: the tests say when."""
    monkeypatch.setattr(tasks.send_to_broker, "apply_async", lambda **_: None)


@pytest.fixture
def desk(live_site: Any, settings: Any) -> Desk:
    """An account of 100 000 USD at the broker, connected and opened here."""
    share = make_instrument("ACME", quantity_step=Decimal(1))
    set_quote(share, "100.00", "100.02", at=clock.now())
    user, remote = make_user("trader"), make_bot()
    connection_id = connect(user, remote, live_site, settings)
    portfolio_id = operations.open_broker_account(
        connection_id=connection_id, actor=user, name="At the broker", clock=clock.now
    )
    return Desk(user=user, connection_id=connection_id, portfolio_id=portfolio_id, share=share, remote=remote)


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


class TestComparing:
    def test_a_difference_is_shown_and_not_hidden(self, desk: Desk):
        desk.place()
        desk.send()
        desk.catch_up()
        # Shares that came to the broker by another way than a trade.
        from django.db import transaction

        from holdings.operations import Entry, post_account_entry

        with transaction.atomic():
            post_account_entry(
                portfolio_id=desk.remote.portfolio_id,
                entry=Entry(
                    type="delivery_in",
                    occurred=clock.now(),
                    instrument_id=desk.share.pk,
                    quantity=Decimal(2),
                    price=Decimal(100),
                ),
                actor=desk.remote.user,
                now=clock.now(),
            )  # fmt: skip
        found = desk.compare()
        assert [(row.kind, row.ours, row.theirs) for row in found] == [("position", 5, 7)]
        since = desk.row().differences[0]["since"]
        desk.compare()
        assert desk.row().differences[0]["since"] == since
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 5
        assert (
            operations.book_differences(connection_id=desk.connection_id, actor=desk.user, clock=clock.now)
            == 1
        )
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 7
        assert desk.compare() == []
        call_command("verify_books", verbosity=0)

    def test_what_the_broker_charges_and_pays_is_booked_once(self, desk: Desk):
        from django.db import transaction

        from holdings.operations import Entry, post_account_entry

        for kind, amount in (("deposit", "250"), ("fee", "1.5"), ("interest", "3.25")):
            with transaction.atomic():
                post_account_entry(
                    portfolio_id=desk.remote.portfolio_id,
                    entry=Entry(type=kind, occurred=clock.now(), amount=Decimal(amount), currency="USD"),
                    actor=desk.remote.user,
                    now=clock.now(),
                )
        assert desk.compare() == []
        assert desk.compare() == []
        assert books.cash_balance(desk.portfolio_id, "USD") == Decimal("100251.75")

    def test_the_account_begins_with_what_the_broker_has(self, live_site: Any, settings: Any):
        share = make_instrument("ACME", quantity_step=Decimal(1))
        set_quote(share, "100.00", "100.02", at=clock.now())
        user, remote = make_user("trader"), make_bot(multiplier=2)
        for side, quantity, symbol in (("buy", 4, "ACME"),):
            answer = remote.send(
                "POST", "/v2/orders",
                {"symbol": symbol, "qty": quantity, "side": side, "type": "market", "time_in_force": "day"},
            )  # fmt: skip
            assert answer.status_code == 200
        remote.send(
            "POST", "/v2/orders",
            {"symbol": "ACME", "qty": "2", "side": "buy", "type": "limit", "limit_price": "80", "time_in_force": "gtc"},
        )  # fmt: skip
        connection_id = connect(user, remote, live_site, settings)
        portfolio_id = operations.open_broker_account(
            connection_id=connection_id, actor=user, name="There", clock=clock.now
        )
        assert books.position_quantity(portfolio_id, share.pk) == 4
        assert Order.objects.open().get(portfolio_id=portfolio_id).limit_price == 80
        assert operations.compare(connection_id=connection_id, clock=clock.now) == []
        assert Fill.objects.filter(portfolio_id=portfolio_id).count() == 0


class TestReading:
    def test_an_answer_that_makes_no_sense_is_no_answer(self):
        from trading.brokers.alpaca_words import order_of, read_as

        with pytest.raises(BrokerUnreachableError):
            read_as(order_of, {"id": "x"})
