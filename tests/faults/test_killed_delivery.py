"""Whoever delivers is killed at every step of its work. Afterwards each event was handled once by everybody, and the numbers that
browsers follow have neither gap nor double."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model

from devkit.paths import ROOT
from notifications.models import EventCounter, Notification, UserEvent
from portfolio_site.kernel.events.registry import Lane, encode, handlers_of, name_of
from portfolio_site.kernel.models import EventReceipt, OutboxEvent
from tests.support import live_site as live
from trading.events import OrderAccepted, OrderFilled, stream_of

PEOPLE, ORDERS = 3, 12
_LIVES = "import django; django.setup(); from tests.faults.deliveries import main; main()"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("poison", [False, True], ids=["sound", "poisoned"])
def test_everything_is_told_once_and_in_order_wherever_the_deliverer_is_killed(poison: bool) -> None:
    people = [get_user_model().objects.create_user(f"p{n}@example.com", "secret-1") for n in range(PEOPLE)]
    told: dict[int, list[int]] = defaultdict(list)
    for number in range(ORDERS):
        person = people[number % PEOPLE]
        for pk in _tell_of_order(person.pk, number):
            told[person.pk].append(pk)
    stuck: set[int] = set()
    if poison:
        # An event that cannot be read, in the middle of the first person's stream: what comes after it waits.
        bad = told[people[0].pk][3]
        OutboxEvent.objects.filter(pk=bad).update(payload={"nonsense": 1})
        stuck = {pk for pk in told[people[0].pk] if pk >= bad}

    lives = _deliver_with_kills()

    # Each life does more than the one before; the whole work is one of more than a dozen steps.
    assert lives["exit"] == 0
    assert lives["killed"] > 12
    assert set(OutboxEvent.objects.filter(dispatched_at=None).values_list("pk", flat=True)) == stuck
    for person in people:
        heard = [pk for pk in told[person.pk] if pk not in stuck]
        rows = UserEvent.objects.filter(user=person).order_by("number").values_list("number", "event_id")
        assert list(rows) == list(enumerate(heard, start=1))
        assert EventCounter.objects.get(user=person).last_number == len(heard)
        entries = Notification.objects.filter(user=person).order_by("pk").values_list("event_id", flat=True)
        assert list(entries) == heard
    receipts = set(EventReceipt.objects.values_list("event_id", "subscriber"))
    wanted = {
        (row.pk, subscriber)
        for row in OutboxEvent.objects.exclude(pk__in=stuck)
        for lane in Lane
        for subscriber in handlers_of(row.name, lane)
    }
    assert receipts == wanted


def _tell_of_order(user_id: int, number: int) -> list[int]:
    """Store what an order that fills at once publishes, without waking anybody; returns the ids."""
    one = Decimal(1)
    same = {
        "order_id": uuid4(), "portfolio_id": user_id, "user_id": user_id, "instrument_id": 1, "symbol": f"S{number}",
        "side": "buy", "quantity": one, "currency": "USD", "at": datetime(2026, 11, 21, tzinfo=UTC),
    }  # fmt: skip
    price = Decimal("10.5")
    events = [
        OrderAccepted(**same, type="market", price=None, status="new", position_quantity=None),
        OrderFilled(
            **same, fill_id=uuid4(), price=price, fees=Decimal(0), order_quantity=one, filled_quantity=one,
            filled_avg_price=price, status="filled", position_quantity=one,
        ),
    ]  # fmt: skip
    rows = [
        OutboxEvent.objects.create(
            name=name_of(type(event)), stream=stream_of(user_id), payload=encode(event)
        )
        for event in events
    ]
    return [row.pk for row in rows]


def _deliver_with_kills() -> dict[str, int]:
    environ = {**os.environ, "DATABASE_URL": live.test_database_url(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _LIVES],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found
