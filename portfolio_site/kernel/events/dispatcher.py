"""Events: delivery, many at a time. Several dispatchers may run at once; none delivers a stream out of order or an event twice.

A batch is one transaction: claim, receipts, what the subscribers do, and the mark on the events, so that a process which dies
anywhere leaves all or nothing of it. First it is tried whole; when that fails, once more with each subscriber in a savepoint and
in the end each event by itself. What goes out (sockets, jobs) goes after the commit. A dispatcher that skips events because
another holds their stream loses nothing: the holder looks again after each batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from django.db import DatabaseError, connection, transaction

from portfolio_site.kernel import clock

from .claiming import (
    BATCH,
    Claimed,
    Outdated,
    claim,
    hand_on,
    put_off,
    take,
    take_back_receipts,
    write_receipts,
)
from .registry import Delivery, Lane, Subscription, decode, handlers_of

log = structlog.get_logger(__name__)

#: Seconds before the n-th further attempt; the last one repeats until the event is delivered.
BACKOFF = (1, 5, 30, 120, 600)


class _NeedsCare(Exception):
    """A batch that cannot be delivered as one."""


def dispatch_pending(*, limit: int = 10_000, lanes: Sequence[Lane] = tuple(Lane)) -> int:
    """Deliver waiting events, oldest first, until none is left or `limit` were delivered; return how many.

    A handler that raises leaves its event waiting for a later attempt, and with it the later ones of the same stream; all
    others are delivered (other subscribers keep what they did), and it is logged with its traceback.
    """
    delivered, look_again = 0, True
    while look_again and delivered < limit:
        look_again = False
        for lane in lanes:
            while delivered < limit and (done := deliver_batch(lane, limit=limit - delivered)) is not None:
                delivered += done.delivered
                # Handlers of a later lane may have published what begins in the first.
                look_again = look_again or lane != lanes[0]
    return delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a batch. ``taken`` events were handled or failed; ``delivered`` of them have no lane before them.
    ``more``: there was more than that to be had."""

    taken: int
    delivered: int
    more: bool


def deliver_batch(lane: Lane, *, limit: int = BATCH) -> Done | None:
    """Take at most so many waiting events through a lane, in one transaction. None when nothing waits."""
    limit = min(limit, BATCH)
    try:
        with transaction.atomic():
            return _deliver_whole(lane, limit)
    except (Outdated, _NeedsCare):
        pass
    except Exception as error:  # noqa: BLE001 - nothing of it is left; which event it was shows when each is handled by itself
        log.info("event_batch_failed", lane=lane.name, error=f"{type(error).__name__}: {error}"[:500])
    with transaction.atomic():
        return _deliver_carefully(lane, limit)


def _deliver_whole(lane: Lane, limit: int) -> Done | None:
    """All or nothing, without a savepoint: one statement beside those of the subscribers."""
    taken = take(lane, limit=limit)
    if not taken.rows:
        return None
    batch = _Batch(lane)
    if len(batch.take(taken.rows)) < len(taken.rows) or not batch.may_be_whole:
        raise _NeedsCare
    batch.deliver_whole(taken.fresh)
    return Done(taken=len(taken.rows), delivered=taken.delivered, more=len(taken.rows) == limit)


def _deliver_carefully(lane: Lane, limit: int) -> Done | None:
    """What each subscriber does in a savepoint, so that what fails takes nothing else with it."""
    found = claim(lane, limit=limit)
    if not found:
        return None if found is None else Done(taken=0, delivered=0, more=True)
    batch = _Batch(lane)
    rows = batch.take(found)
    batch.deliver_carefully()
    put_off(batch.failures, {row.id: _next_attempt(row) for row in rows if row.id in batch.failures})
    delivered = hand_on(lane, [row for row in rows if not batch.is_left(row)])
    return Done(taken=len(rows), delivered=delivered, more=len(rows) == limit or len(rows) < len(found))


def _next_attempt(row: Claimed) -> datetime:
    return clock.now() + timedelta(seconds=BACKOFF[min(row.attempts, len(BACKOFF) - 1)])


class _Batch:
    """The events of one transaction, what their subscribers made of them, and what has to stay."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        #: Event -> what went wrong with it.
        self.failures: dict[int, str] = {}
        self._unread: list[tuple[Claimed, Exception]] = []
        self._stopped: dict[str, int] = {}
        self._work: dict[str, list[tuple[Delivery, Subscription]]] = {}

    def take(self, rows: Sequence[Claimed]) -> Sequence[Claimed]:
        """Read the events and sort them by subscriber; returns those that belong into this transaction."""
        for place, row in enumerate(rows):
            handlers = handlers_of(row.name, self.lane)
            if not handlers:
                continue
            try:
                item = decode(row.name, row.payload)
            except Exception as error:  # noqa: BLE001 - an event nobody can read must not stop all others behind it
                self._unread.append((row, error))
                continue
            wants_alone = any(one.alone is not None and one.alone(item) for one in handlers.values())
            if wants_alone and place:
                return rows[:place]
            delivery = Delivery(item=item, envelope=row.envelope)
            for subscriber, subscription in handlers.items():
                self._work.setdefault(subscriber, []).append((delivery, subscription))
            if wants_alone:
                return rows[:1]
        return rows

    @property
    def may_be_whole(self) -> bool:
        """Whether it is worth trying to handle everything together: everything could be read, and nobody is called for each
        event (their calls would be made a second time when something fails)."""
        return not self._unread and all(
            subscription.batch is not None for work in self._work.values() for _, subscription in work
        )

    @property
    def receipts(self) -> list[tuple[int, str]]:
        """Event and subscriber of everything there is to do."""
        return [(delivery.envelope.id, name) for name, work in self._work.items() for delivery, _ in work]

    def deliver_whole(self, fresh: AbstractSet[tuple[int, str]]) -> None:
        """Call every subscriber with what it has no receipt for yet; raises what any of them raises."""
        for _, subscription, deliveries in self._runs(fresh):
            if subscription.batch is not None:
                subscription.batch(deliveries)

    def deliver_carefully(self) -> None:
        """Call every subscriber with what it has no receipt for yet; what fails is noted and stays."""
        for row, error in self._unread:
            self._fail(row.id, row.envelope.stream, "decode", error)
        unheard: list[tuple[int, str]] = []
        for subscriber, subscription, deliveries in self._runs(write_receipts(self.receipts)):
            if len(deliveries) > 1 and self._at_once(subscription, deliveries):
                continue
            unheard += [
                (delivery.envelope.id, subscriber)
                for delivery in deliveries
                if not self._by_itself(subscriber, subscription, delivery)
            ]
        take_back_receipts(unheard)

    def is_left(self, row: Claimed) -> bool:
        """Whether an event stays where it is: it failed, or an earlier one of its stream did."""
        return row.id in self.failures or self._is_behind_failure(row.id, row.envelope.stream)

    def _runs(
        self, fresh: AbstractSet[tuple[int, str]]
    ) -> Iterator[tuple[str, Subscription, list[Delivery]]]:
        """Subscribers with the events that one call may hand over."""
        for subscriber, work in self._work.items():
            wanted = [one for one in work if (one[0].envelope.id, subscriber) in fresh]
            for subscription, run in groupby(wanted, key=lambda one: one[1]):
                yield subscriber, subscription, [delivery for delivery, _ in run]

    def _at_once(self, subscription: Subscription, deliveries: list[Delivery]) -> bool:
        """Hand over all events in one call, where the subscriber takes them so; whether they are handled now."""
        if subscription.batch is None or self._stopped:
            return False
        try:
            with transaction.atomic():
                subscription.batch(deliveries)
        except Exception as error:  # noqa: BLE001 - which event it was shows when each is handled by itself
            _raise_if_lost(error)
            return False
        return True

    def _by_itself(self, subscriber: str, subscription: Subscription, delivery: Delivery) -> bool:
        """Hand over one event; whether it is handled now. It is not when it fails, or an earlier one of its stream did."""
        envelope = delivery.envelope
        if self._is_behind_failure(envelope.id, envelope.stream):
            return False
        with structlog.contextvars.bound_contextvars(request_id=envelope.request_id, event_id=envelope.id):
            try:
                with transaction.atomic():
                    if subscription.batch is not None:
                        subscription.batch([delivery])
                    elif subscription.each is not None:
                        subscription.each(delivery.item, envelope)
            except Exception as error:  # noqa: BLE001 - a subscriber's fault must not stop the others; it is kept and logged
                _raise_if_lost(error)
                self._fail(envelope.id, envelope.stream, subscriber, error)
                return False
        return True

    def _is_behind_failure(self, event_id: int, stream: str) -> bool:
        return event_id > self._stopped.get(stream, event_id)

    def _fail(self, event_id: int, stream: str, subscriber: str, error: Exception) -> None:
        log.error("event_handler_failed", subscriber=subscriber, event_id=event_id, exc_info=error)
        # PostgreSQL keeps no NUL; a fault that could not be written down would come back at once, for ever.
        text = f"{subscriber}: {type(error).__name__}: {error}".replace("\x00", "")[:2000]
        self.failures[event_id] = text
        if stream:
            self._stopped[stream] = min(event_id, self._stopped.get(stream, event_id))


def _raise_if_lost(error: Exception) -> None:
    """Raise the error of a statement that took the whole transaction with it."""
    if isinstance(error, DatabaseError) and (connection.needs_rollback or not connection.is_usable()):
        raise error
