"""Events are told exactly once, in the order of their stream, and only if what they tell of was stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection, transaction

from portfolio_site.kernel.events import (
    Envelope,
    Event,
    dispatch_pending,
    event,
    publish,
    registry,
    subscribe,
)
from portfolio_site.kernel.models import EventReceipt, OutboxEvent


@event("kernel.tests.happened")
@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    """An event for these tests only."""

    number: int
    amount: Decimal | None = None
    at: datetime | None = None
    who: UUID | None = None
    ids: list[int] | None = None


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """A subscriber that notes the numbers it hears."""
    numbers: list[int] = []
    subscribe("kernel.tests.ear", Happened, lambda item, _: numbers.append(item.number))
    yield numbers
    registry._handlers.pop("kernel.tests.happened", None)


def tell(number: int, stream: str = "s") -> None:
    """Store one event without sending its delivery task."""
    OutboxEvent.objects.create(name="kernel.tests.happened", stream=stream, payload={"number": number})


@pytest.mark.django_db
class TestPublish:
    def test_comes_back_as_it_went_in(self) -> None:
        got: list[tuple[Happened, Envelope]] = []
        subscribe("kernel.tests.types", Happened, lambda item, envelope: got.append((item, envelope)))
        sent = Happened(
            number=1,
            amount=Decimal("1.10"),
            at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
            who=uuid4(),
            ids=[1, 2],
        )
        publish(sent, stream="portfolio:1")
        dispatch_pending()
        registry._handlers.pop("kernel.tests.happened", None)
        assert [item for item, _ in got] == [sent]
        assert got[0][1].stream == "portfolio:1"

    def test_carries_no_floats(self) -> None:
        with pytest.raises(TypeError):
            publish(Happened(number=1.5))


@pytest.mark.django_db(transaction=True)
class TestDelivery:
    def test_needs_a_transaction(self) -> None:
        with pytest.raises(RuntimeError, match="inside the transaction"):
            publish(Happened(number=1))

    def test_happens_by_itself_once_the_transaction_commits(self, heard: list[int]) -> None:
        with transaction.atomic():
            publish(Happened(number=1))
            publish(Happened(number=2))
            assert heard == []
        assert heard == [1, 2]

    def test_does_not_happen_when_the_transaction_rolls_back(self, heard: list[int]) -> None:
        def fail_after_publishing() -> None:
            with transaction.atomic():
                publish(Happened(number=1))
                raise LookupError

        with pytest.raises(LookupError):
            fail_after_publishing()
        dispatch_pending()
        assert heard == []

    def test_is_made_up_for_by_the_sweep_after_a_crash(self, heard: list[int]) -> None:
        tell(7)
        assert dispatch_pending() == 1
        assert heard == [7]
        assert dispatch_pending() == 0

    def test_of_one_failing_subscriber_is_retried_without_repeating_the_other(self, heard: list[int]) -> None:
        broken = [True]

        def sometimes(item: Happened, envelope: Envelope) -> None:
            if broken[0]:
                raise ValueError("not now")

        subscribe("kernel.tests.sometimes", Happened, sometimes)
        with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False):
            tell(1)
            dispatch_pending()
            row = OutboxEvent.objects.get()
            assert (row.dispatched_at, row.attempts) == (None, 1)
            assert "not now" in row.last_error
        OutboxEvent.objects.update(next_attempt_at=datetime(2020, 1, 1, tzinfo=UTC))
        broken[0] = False
        dispatch_pending()
        assert heard == [1]
        assert OutboxEvent.objects.get().dispatched_at is not None
        assert EventReceipt.objects.count() == 2

    def test_keeps_a_stream_in_order_while_its_oldest_event_waits_for_another_attempt(
        self, heard: list[int]
    ) -> None:
        tell(1, "a")
        tell(2, "a")
        tell(3, "b")
        OutboxEvent.objects.filter(payload__number=1).update(next_attempt_at=datetime(2999, 1, 1, tzinfo=UTC))
        dispatch_pending()
        assert heard == [3]

    def test_goes_on_past_an_event_that_nobody_can_read(self, heard: list[int]) -> None:
        """Such as one stored by another version of the site: it waits and is logged, the others are told."""
        OutboxEvent.objects.create(name="kernel.tests.happened", stream="a", payload={"amount": "1"})
        tell(2, "b")
        dispatch_pending()
        assert heard == [2]
        assert "decode: TypeError" in OutboxEvent.objects.get(dispatched_at=None).last_error

    def test_writes_down_a_fault_with_characters_that_the_database_refuses(self, heard: list[int]) -> None:
        def fail(item: Happened, envelope: Envelope) -> None:
            raise ValueError("not \x00 this")

        subscribe("kernel.tests.nul", Happened, fail)
        tell(1)
        dispatch_pending()
        assert OutboxEvent.objects.get().last_error == "kernel.tests.nul: ValueError: not  this"

    def test_by_several_dispatchers_at_once_is_once_and_in_stream_order(self, heard: list[int]) -> None:
        for number in range(60):
            tell(number, f"s{number % 3}")

        def dispatch() -> None:
            try:
                dispatch_pending()
            finally:
                connection.close()

        threads = [threading.Thread(target=dispatch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(heard) == list(range(60))
        for stream in range(3):
            assert [n for n in heard if n % 3 == stream] == list(range(stream, 60, 3))
