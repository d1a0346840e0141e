"""Events are told exactly once, in the order of their stream, and only if what they tell of was stored."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portfolio_site.kernel.events import (
    Envelope,
    Lane,
    dispatch_pending,
    publish,
    registry,
    subscribe,
)
from portfolio_site.kernel.events.dispatcher import deliver_batch
from portfolio_site.kernel.models import EventReceipt, OutboxEvent
from portfolio_site.kernel.tests.happenings import Happened, Listener, again, tell, waiting


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("forget")
class TestBatches:
    def test_hand_over_everything_that_waits_in_one_call_in_order(self) -> None:
        many = Listener()
        for number in range(30):
            tell(number, f"s{number % 7}" if number % 5 else "")
        assert dispatch_pending() == 30
        assert many.calls == [list(range(30))]
        assert EventReceipt.objects.count() == 30

    def test_take_no_more_statements_for_many_events_than_for_one(self) -> None:
        Listener(lane=Lane.PROMPT)

        def statements() -> int:
            with CaptureQueriesContext(connection) as found:
                deliver_batch(Lane.PROMPT)
            return len(found)

        tell(0)
        one = statements()
        for number in range(1, 101):
            tell(number, f"s{number}")
        assert statements() == one
        # BEGIN; what is taken; receipts and marks; what the listener sends; COMMIT.
        assert one <= 5

    def test_with_a_poisonous_event_hold_up_and_lose_none_of_its_neighbours(self) -> None:
        many, steady = Listener(), Listener(name="kernel.tests.steady")
        for number, stream in enumerate(("a", "b", "a", "c", "a", "")):
            tell(number, stream)
        many.refuses = {2}
        dispatch_pending()
        # The batch is refused whole, then taken one by one; what follows the poison in its stream waits for it.
        assert many.heard == [0, 1, 3, 5]
        assert steady.heard == [0, 1, 2, 3, 5]
        assert waiting() == [2, 4]
        poison = OutboxEvent.objects.get(payload__number=2)
        assert (poison.attempts, poison.last_error) == (1, "kernel.tests.many: ValueError: not this one")
        tell(6, "a")
        tell(7, "b")
        dispatch_pending()
        assert many.heard == [0, 1, 3, 5, 7]
        many.refuses = set()
        again()
        dispatch_pending()
        assert many.heard == [0, 1, 3, 5, 7, 2, 4, 6]
        assert sorted(steady.heard) == list(range(8))
        assert waiting() == []

    def test_keep_a_streams_order_for_each_subscriber_whoever_fails_when(self) -> None:
        many, other = Listener(), Listener(name="kernel.tests.other")
        for round_ in range(6):
            for number in range(8):
                tell(round_ * 8 + number, "one")
            many.refuses, other.refuses = {round_ * 7}, {round_ * 5 + 3}
            again()
            dispatch_pending()
        many.refuses = other.refuses = set()
        again()
        dispatch_pending()
        assert many.heard == other.heard == list(range(48))

    def test_that_cannot_be_finished_leave_nothing_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        many = Listener()
        for number in range(3):
            tell(number)

        def die() -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(many, "reply", die)
            with pytest.raises(KeyboardInterrupt):
                dispatch_pending()
        assert EventReceipt.objects.count() == 0
        assert waiting() == [0, 1, 2]
        dispatch_pending()
        assert many.calls == [[0, 1, 2]]

    def test_by_several_dispatchers_at_once_are_once_and_in_stream_order_although_some_fail(self) -> None:
        many = Listener()
        for number in range(120):
            tell(number, f"s{number % 4}")
        many.refuses = {41, 90}

        def dispatch() -> None:
            try:
                dispatch_pending()
            finally:
                connection.close()

        for _ in range(2):
            threads = [threading.Thread(target=dispatch) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            many.refuses = set()
            again()
        assert sorted(many.heard) == list(range(120))
        for stream in range(4):
            assert [n for n in many.heard if n % 4 == stream] == list(range(stream, 120, 4))

    def test_give_an_event_that_wants_to_be_alone_a_transaction_of_its_own(self) -> None:
        many = Listener()
        for number in range(3):
            tell(number)
        dispatch_pending()
        assert len(set(many.transactions)) == 1
        lonely = Listener(alone=True)
        for number in range(3, 6):
            tell(number)
        dispatch_pending()
        assert lonely.calls == [[3], [4], [5]]
        assert len(set(lonely.transactions)) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("forget")
class TestLanes:
    def test_what_is_prompt_does_not_wait_for_what_comes_later(self) -> None:
        prompt = Listener(lane=Lane.PROMPT, name="kernel.tests.prompt")
        later = Listener()
        later.refuses = {0}
        for number in range(3):
            tell(number)
        dispatch_pending()
        assert (prompt.heard, later.heard) == ([0, 1, 2], [])
        assert waiting() == [0, 1, 2]
        later.refuses = set()
        again()
        dispatch_pending()
        assert (prompt.heard, later.heard, waiting()) == ([0, 1, 2], [0, 1, 2], [])

    def test_what_is_later_waits_for_what_is_prompt(self) -> None:
        prompt = Listener(lane=Lane.PROMPT, name="kernel.tests.prompt")
        later = Listener()
        prompt.refuses = {1}
        for number in range(3):
            tell(number)
        dispatch_pending()
        assert (prompt.heard, later.heard, waiting()) == ([0], [0], [1, 2])

    def test_an_event_that_nobody_later_wants_is_done_after_the_first(self) -> None:
        Listener(lane=Lane.PROMPT)
        tell(1)
        done = deliver_batch(Lane.PROMPT)
        assert (done and done.delivered, waiting()) == (1, [])
