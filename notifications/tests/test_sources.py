"""What people are told: the sentences made of events of the rooms below, end to end through the outbox."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from accounts.events import SecurityNoticed
from holdings.events import ImportFinished, TransactionsPosted
from notifications.models import Notification, UserEvent
from notifications.subscribers import _MESSAGES
from portfolio_site.kernel.events import Lane, dispatch_pending, publish
from portfolio_site.kernel.events.dispatcher import deliver_batch
from portfolio_site.kernel.events.registry import encode, name_of
from portfolio_site.kernel.models import OutboxEvent
from reports.events import ReportFailed, ReportReady
from trading import events as trading_events
from trading.events import (
    MarginCalled,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderReplaced,
    OrderRouted,
    OrderTriggered,
)

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ORDER = UUID("00000000-0000-4000-8000-000000000001")


def _accepted(person, **more):
    values = {
        "order_id": ORDER, "portfolio_id": 12, "user_id": person.pk, "instrument_id": 1, "symbol": "AAPL", "side": "buy",
        "type": "limit", "quantity": Decimal("3.000000000000"), "price": Decimal("187.250000000000"), "currency": "USD",
        "status": "new", "position_quantity": None, "at": AT,
    }  # fmt: skip
    return OrderAccepted(**{**values, **more})


def _fill(kind, person, **more):
    values = {
        "order_id": ORDER, "fill_id": uuid4(), "portfolio_id": 12, "user_id": person.pk, "instrument_id": 1,
        "symbol": "AAPL", "side": "buy", "quantity": Decimal("2.000000000000"), "price": Decimal("1187.250000000000"),
        "fees": Decimal(0), "currency": "USD", "order_quantity": Decimal(3), "filled_quantity": Decimal(2),
        "filled_avg_price": Decimal("187.25"), "status": "filled", "position_quantity": Decimal(2), "at": AT,
    }  # fmt: skip
    return kind(**{**values, **more})


def _ended(kind, person, **more):
    values = {
        "order_id": ORDER, "portfolio_id": 12, "user_id": person.pk, "instrument_id": 1, "symbol": "AAPL", "side": "sell",
        "quantity": Decimal(3), "filled_quantity": Decimal(0), "price": None, "currency": "USD", "status": "canceled",
        "reason_code": "", "reason": "", "position_quantity": None, "at": AT,
    }  # fmt: skip
    return kind(**{**values, **more})


def _replaced(person):
    return OrderReplaced(
        order_id=ORDER, replaced_by=UUID(int=2), portfolio_id=12, user_id=person.pk, instrument_id=1, symbol="AAPL",
        side="buy", quantity=Decimal(3), filled_quantity=Decimal(0), status="replaced", at=AT,
    )  # fmt: skip


def _triggered(person, **fields):
    defaults = {
        "order_id": ORDER, "portfolio_id": 12, "user_id": person.pk, "instrument_id": 1, "symbol": "AAPL", "side": "sell",
        "type": "stop", "quantity": Decimal(3), "stop_price": Decimal(95), "price": Decimal("94.50"), "limit_price": None,
        "currency": "USD", "status": "new", "at": AT,
    }  # fmt: skip
    return OrderTriggered(**{**defaults, **fields})


def _routed(person):
    return OrderRouted(
        order_id=ORDER,
        portfolio_id=12,
        user_id=person.pk,
        instrument_id=1,
        symbol="AAPL",
        status="new",
        at=AT,
    )


def _margin_call(person):
    return MarginCalled(
        portfolio_id=12, user_id=person.pk, account_number="PA1", amount=Decimal("120.50"), equity=Decimal(100),
        maintenance_margin=Decimal("220.50"), currency="USD", due_at=AT, at=AT,
    )  # fmt: skip


def _told(event):
    with transaction.atomic():
        publish(event, stream="portfolio:12")
    dispatch_pending()
    return Notification.objects.order_by("-id").first()


class TestOrders:
    def test_accepted(self, person):
        entry = _told(_accepted(person))
        assert entry.title == "Order accepted: AAPL"
        assert entry.body == "Buy 3 AAPL at $187.25 or better."
        assert entry.kind == "order.accepted"
        assert resolve(entry.url).view_name == "trading:detail"
        assert UserEvent.objects.get().payload["refresh"] == ["blotter", "positions:12", "bell"]

    def test_accepted_for_the_next_session(self, person):
        assert _told(_accepted(person, price=None, status="accepted")).body == (
            "Buy 3 AAPL. It waits for the next session."
        )

    def test_filled_in_the_persons_own_numbers(self, person):
        person.locale = "de"
        person.save()
        assert _told(_fill(OrderFilled, person)).body == "Bought 2 AAPL at 1.187,25\N{NO-BREAK SPACE}$."

    def test_partly_filled(self, person):
        entry = _told(_fill(OrderPartiallyFilled, person, side="sell"))
        assert entry.body == "Sold 2 AAPL at $1,187.25. 2 of 3 are done."
        assert entry.level == "success"

    def test_canceled_rejected_expired(self, person):
        assert _told(_ended(OrderCanceled, person, filled_quantity=Decimal(1))).body == (
            "Sell 3 AAPL. 1 had been filled before."
        )
        rejected = _told(_ended(OrderRejected, person, reason="The price is missing."))
        assert (rejected.body, rejected.level) == ("Sell 3 AAPL. The price is missing.", "danger")
        person.locale = "de"
        person.save()
        short = _told(_ended(OrderRejected, person, reason="It needs 12500.50 USD."))
        assert short.body == "Sell 3 AAPL. It needs 12.500,50 USD."
        assert _told(_ended(OrderExpired, person)).title == "Order expired: AAPL"

    def test_replaced_leads_to_the_new_order(self, person):
        entry = _told(_replaced(person))
        assert (entry.title, resolve(entry.url).kwargs) == ("Order replaced: AAPL", {"order_id": UUID(int=2)})

    def test_a_stop_says_that_it_waits(self, person):
        assert _told(_accepted(person, type="stop", price=None, side="sell")).body == (
            "Stop order to sell 3 AAPL. It waits for its stop."
        )

    def test_a_stop_that_is_reached(self, person):
        entry = _told(_triggered(person))
        assert (entry.title, entry.level) == ("Stop reached: AAPL", "warning")
        assert entry.body == "Sell 3 AAPL: $94.50 has traded. It goes at the market."
        limited = _told(_triggered(person, limit_price=Decimal(94)))
        assert limited.body == "Sell 3 AAPL: $94.50 has traded. It works at $94.00 or better."

    def test_an_order_that_begins_to_work_is_said_and_not_kept(self, person):
        assert _told(_routed(person)) is None
        told = UserEvent.objects.get()
        assert told.payload["title"] == "Order is working: AAPL"
        assert told.payload["refresh"] == ["blotter"]

    def test_every_event_of_an_order_tells(self):
        kinds = {kind for kind, _ in _MESSAGES}
        orders = {kind for name, kind in vars(trading_events).items() if name.startswith("Order")}
        assert orders - {trading_events.OrderEnded} <= kinds

    def test_margin_call_says_what_is_missing(self, person):
        entry = _told(_margin_call(person))
        assert (entry.title, entry.level) == ("Margin call: PA1", "danger")
        assert entry.body.startswith("$120.50 are missing to the maintenance margin.")

    def test_each_event_tells_once_however_often_it_is_delivered(self, person):
        _told(_fill(OrderFilled, person))
        dispatch_pending()
        assert Notification.objects.count() == 1
        assert UserEvent.objects.get().number == 1


class TestOthers:
    def test_import(self, person):
        event = ImportFinished(
            portfolio_id=12,
            user_id=person.pk,
            batch_id=1,
            filename="<export>.json",
            posted_count=1,
            undone=False,
        )
        entry = _told(event)
        assert (entry.title, entry.body) == ("Imported: <export>.json", "1 entry was booked.")
        undone = ImportFinished(
            portfolio_id=12, user_id=person.pk, batch_id=1, filename="x.json", posted_count=7, undone=True
        )
        assert _told(undone).body == "7 entries were taken back."

    def test_reports(self, person):
        document = uuid4()
        ready = ReportReady(
            job_id=uuid4(),
            user_id=person.pk,
            document_id=document,
            title="Summary: Savings",
            filename="Summary.pdf",
        )
        entry = _told(ready)
        assert entry.url == f"/documents/{document}/download/"
        failed = ReportFailed(job_id=uuid4(), user_id=person.pk, title="Summary: Savings", error="No rate.")
        assert (_told(failed).level, _told(failed).body) == ("danger", "No rate.")

    def test_security(self, person):
        event = SecurityNoticed(
            user_id=person.pk, kind="password_changed", title="Password changed", detail=""
        )
        entry = _told(event)
        assert (entry.title, entry.kind) == ("Password changed", "security.noticed")
        assert entry.url.startswith("/settings/")

    @pytest.mark.parametrize("length", [300])
    def test_long_names_are_cut(self, person, length):
        event = ReportFailed(job_id=uuid4(), user_id=person.pk, title="x" * length, error="y" * 2000)
        entry = _told(event)
        assert len(entry.title) == 200
        assert len(entry.body) == 1000


class TestCost:
    """What a batch costs does not depend on how much is in it. BEGIN and COMMIT are counted."""

    def _statements(self, people, count: int, lane: Lane) -> int:
        for number in range(count):
            person = people[number % len(people)]
            with transaction.atomic():
                for event in (
                    TransactionsPosted(
                        portfolio_id=person.pk, user_id=person.pk, actor_id=None, transaction_ids=[], voided_ids=[], revision=1
                    ),
                    _accepted(person, portfolio_id=person.pk),
                    _fill(OrderFilled, person, portfolio_id=person.pk),
                ):  # fmt: skip
                    OutboxEvent.objects.create(
                        name=name_of(type(event)), stream=f"portfolio:{person.pk}", payload=encode(event)
                    )
        while lane is Lane.LATER and deliver_batch(Lane.PROMPT):
            pass
        with CaptureQueriesContext(connection) as found:
            deliver_batch(lane)
        dispatch_pending()
        return len(found)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("lane", Lane)
    def test_twenty_orders_of_two_people_cost_what_one_costs(self, person, outsider, lane):
        one = self._statements([person], 1, lane)
        assert self._statements([person, outsider], 20, lane) == one
        assert one <= 7
        assert UserEvent.objects.filter(user=outsider).count() == 20
