"""The bell: reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from notifications.messages import BY_CODE, KINDS, Kind
from notifications.models import EventCounter, Notification, Preference, UserEvent
from portfolio_site.kernel.errors import NotFoundError
from portfolio_site.kernel.statements import Statement
from portfolio_site.kernel.writing import document

#: A browser that missed more than this re-fetches its page instead of being told everything.
MOST_REPLAYED = 200


class NotificationNotFound(NotFoundError):
    """The person has no such entry."""

    code = "notification_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bell:
    """What the bell in the page header shows, and where live updates go on from."""

    unread: int
    last_event_id: int


_BELL = """
SELECT (SELECT count(*) FROM notifications_notification WHERE user_id = %s AND read_at IS NULL),
       coalesce((SELECT last_number FROM notifications_eventcounter WHERE user_id = %s), 0)
"""


def bell(user_id: int) -> Bell:
    """The number of unread entries and of the latest event: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_BELL, [user_id, user_id])
        row = cursor.fetchone()
    assert row is not None
    return Bell(unread=row[0], last_event_id=row[1])


def last_number(user_id: int) -> int:
    """The number of the person's latest event; 0 before the first."""
    number = EventCounter.objects.filter(user_id=user_id).values_list("last_number", flat=True).first()
    return number or 0


def unread_count(user_id: int) -> int:
    """How many inbox entries the person has not read."""
    return Notification.objects.filter(user_id=user_id, read_at__isnull=True).count()


def inbox(user: Any, *, unread_only: bool = False) -> QuerySet[Notification]:
    """The person's entries, newest first."""
    found: QuerySet[Notification] = Notification.objects.visible_to(user)
    if unread_only:
        found = found.filter(read_at__isnull=True)
    return found.order_by("-id")


def visible_notification(user: Any, notification_id: int) -> Notification:
    """One of the person's entries. Raises `NotificationNotFound`, also for somebody else's."""
    entry: Notification | None = Notification.objects.visible_to(user).filter(pk=notification_id).first()
    if entry is None:
        raise NotificationNotFound("There is no such notification.")
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What a browser missed: the frames after the number it saw, or None when it should start afresh."""

    frames: list[dict[str, Any]] | None
    last_number: int


def missed_events(*, user_id: int, after: int) -> Missed:
    """The person's events after number ``after``, in order.

    ``frames`` is None when more than `MOST_REPLAYED` are missing, when some of them are no longer kept, or when ``after``
    was never reached here.
    """
    last = last_number(user_id)
    if after == last:
        return Missed(frames=[], last_number=last)
    if after > last or last - after > MOST_REPLAYED:
        return Missed(frames=None, last_number=last)
    rows = list(
        UserEvent.objects.filter(user_id=user_id, number__gt=after)
        .order_by("number")
        .values_list("number", "payload")
    )
    if not rows or rows[0][0] != after + 1:
        return Missed(frames=None, last_number=last)
    return Missed(frames=[frame_of(number, payload) for number, payload in rows], last_number=rows[-1][0])


def frame_of(number: int, payload: dict[str, Any]) -> dict[str, Any]:
    """The frame that tells an event to a browser."""
    return {"type": "event", "id": number, **payload}


def frame_text(number: int, payload: dict[str, Any]) -> str:
    """The same as the text that goes over the socket."""
    return document(frame_of(number, payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What has to be known of a person to tell them something: how they read numbers, how much is unread, which kinds they do
    not want, and which of the events they were told of before."""

    locale: str
    unread: int
    unwanted: frozenset[str]
    told: Sequence[int]


#: So many unread entries are not counted further for each new one: pages show “99+”.
MANY_UNREAD = 100

#: What `facts_from` makes facts of: columns of a statement in which ``u`` is the person's row and ``events`` and ``many``
#: are values.
FACTS = """u.id, u.locale,
       (SELECT count(*) FROM (SELECT FROM notifications_notification n
                              WHERE n.user_id = u.id AND n.read_at IS NULL LIMIT %(many)s) counted),
       ARRAY(SELECT p.kind FROM notifications_preference p WHERE p.user_id = u.id AND NOT p.in_page),
       ARRAY(SELECT e.event_id FROM notifications_userevent e
             WHERE e.user_id = u.id AND e.event_id = ANY(%(events)s::bigint[]))"""
_FACTS = Statement(f"SELECT {FACTS} FROM accounts_user u WHERE u.id = ANY(%(users)s::bigint[])")  # noqa: S608


def facts_of(*, users: Iterable[int], events: Sequence[int]) -> dict[int, Facts]:
    """What has to be known of people to tell them of events. One statement."""
    return {
        row[0]: facts_from(row)
        for row in _FACTS.rows({"users": list(users), "events": events, "many": MANY_UNREAD})
    }


def facts_from(row: Sequence[Any]) -> Facts:
    """The facts in the columns `FACTS`."""
    _, locale, unread, off, told = row
    return Facts(
        locale=locale,
        unread=unread,
        # What may not be switched off is wanted, whatever was stored.
        unwanted=frozenset(kind for kind in off if kind not in BY_CODE or BY_CODE[kind].may_be_off),
        told=told,
    )


def preferences(user: Any) -> list[tuple[Kind, bool]]:
    """Every kind and whether the person wants it."""
    off = set(Preference.objects.visible_to(user).filter(in_page=False).values_list("kind", flat=True))
    return [(kind, kind.code not in off or not kind.may_be_off) for kind in KINDS]


def expired_events(*, before: datetime) -> QuerySet[UserEvent]:
    """Events that are too old to be caught up on; the latest of each person is kept, it anchors the numbering."""
    newest = EventCounter.objects.filter(user_id=OuterRef("user_id")).values("last_number")
    return UserEvent.objects.filter(created_at__lt=before).exclude(Q(number=Subquery(newest)))
