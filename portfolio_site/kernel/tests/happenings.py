"""What tests of events publish, and who hears it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from portfolio_site.kernel.events import Delivery, Event, Lane, event, subscribe_batch
from portfolio_site.kernel.models import OutboxEvent


@event("kernel.tests.happened")
@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    """An event for these tests only."""

    number: int
    amount: Decimal | None = None
    at: datetime | None = None
    who: UUID | None = None
    ids: list[int] | None = None


def tell(number: int, stream: str = "s") -> None:
    """Store one event without sending its delivery task."""
    OutboxEvent.objects.create(name="kernel.tests.happened", stream=stream, payload={"number": number})


class Listener:
    """A subscriber to batches that notes what it was handed, and refuses the numbers that it is told to."""

    def __init__(
        self, *, lane: Lane = Lane.LATER, alone: bool = False, name: str = "kernel.tests.many"
    ) -> None:
        self.calls: list[list[int]] = []
        self.transactions: list[int] = []
        self.refuses: set[int] = set()
        self.reply: Callable[[], None] = lambda: None
        subscribe_batch(name, [Happened], self, lane=lane, alone=(lambda _: True) if alone else None)

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        numbers = [each.item.number for each in deliveries]
        if self.refuses & set(numbers):
            raise ValueError("not this one")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            number = cursor.fetchone()[0]
        self.reply()
        # What is rolled back was not heard.
        transaction.on_commit(lambda: self._note(numbers, number))

    def _note(self, numbers: list[int], transaction_id: int) -> None:
        self.calls.append(numbers)
        self.transactions.append(transaction_id)

    @property
    def heard(self) -> list[int]:
        return [number for call in self.calls for number in call]


def again() -> None:
    """What failed is due for another attempt now."""
    OutboxEvent.objects.filter(dispatched_at=None).update(next_attempt_at=F("created_at"))


def waiting() -> list[int]:
    rows = OutboxEvent.objects.filter(dispatched_at=None).order_by("pk")
    return [payload["number"] for payload in rows.values_list("payload", flat=True)]
