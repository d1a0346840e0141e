"""The bell: telling people, and marking what they have read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from notifications import channel
from notifications.messages import BY_CODE, Message
from notifications.models import Notification, Preference, UserEvent
from notifications.queries import expired_events, frame_of, is_wanted, unread_count, visible_notification
from portfolio_site.kernel.errors import DomainError

KEEP_EVENTS: Final = timedelta(days=30)
KEEP_READ: Final = timedelta(days=365)

# Takes the person's next number and, with it, the lock on their counter row until this transaction ends.
_NEXT_NUMBER = """
INSERT INTO notifications_eventcounter (user_id, last_number) VALUES (%s, 1)
ON CONFLICT (user_id) DO UPDATE SET last_number = notifications_eventcounter.last_number + 1
RETURNING last_number
"""


class KindUnknown(DomainError):
    """There is no such kind of notification, or it cannot be switched off."""

    code = "kind_unknown"


def notify(*, message: Message, event_id: int, now: datetime) -> int | None:
    """Tell one person of one event: an inbox entry and a numbered event, once for each (person, event).

    Returns the event's number, or None when the person was told before. Open pages hear of it after the commit. What the
    person does not want still gets its number, quietly, because pages have to renew what they show.
    """
    with transaction.atomic():
        if UserEvent.objects.filter(user_id=message.user_id, event_id=event_id).exists():
            return None
        wanted = is_wanted(user_id=message.user_id, kind=message.kind)
        number = _next_number(message.user_id)
        if wanted and message.is_kept:
            Notification.objects.create(
                user_id=message.user_id,
                event_id=event_id,
                kind=message.kind,
                level=message.level,
                title=message.title[:200],
                body=message.body[:1000],
                url=message.url,
                created_at=now,
            )
        payload: dict[str, Any] = {
            "kind": message.kind,
            "level": message.level,
            "title": message.title[:200],
            "body": message.body[:1000],
            "url": message.url,
            "refresh": [*message.refresh, *(["bell"] if wanted and message.is_kept else [])],
            "at": now.isoformat().replace("+00:00", "Z"),
            "unread": unread_count(message.user_id),
        }
        if not wanted:
            payload["quiet"] = True
        UserEvent.objects.create(
            user_id=message.user_id,
            number=number,
            event_id=event_id,
            kind=message.kind,
            payload=payload,
            created_at=now,
        )
        frame = frame_of(number, payload)
        transaction.on_commit(lambda: channel.send_event(message.user_id, frame))
    return number


def refresh(*, user_id: int, regions: Iterable[str]) -> None:
    """Let the person's open pages renew these regions after the commit, without announcing anything."""
    names = list(regions)
    transaction.on_commit(lambda: channel.send_refresh(user_id, {"type": "refresh", "refresh": names}))


def check_access(*, user_id: int) -> None:
    """Let the person's open sockets find out, after the commit, whether their session is still good."""
    transaction.on_commit(lambda: channel.send_check(user_id))


def mark_read(*, notification_id: int, actor: Any, now: datetime) -> Notification:
    """Mark one entry as read; it stays at the time it was first read. Raises `NotificationNotFound`."""
    return _mark(notification_id, actor, now)


def mark_unread(*, notification_id: int, actor: Any) -> Notification:
    """Mark one entry as not read. Raises `NotificationNotFound`."""
    return _mark(notification_id, actor, None)


def mark_all_read(*, actor: Any, now: datetime, up_to: int | None = None) -> int:
    """Mark all the actor's entries as read (those up to id ``up_to``, where given: what the page showed); how many."""
    with transaction.atomic():
        unread = Notification.objects.visible_to(actor).filter(read_at__isnull=True)
        if up_to is not None:
            unread = unread.filter(pk__lte=up_to)
        count: int = unread.update(read_at=now)
        if count:
            _bell_changed(actor.pk)
    return count


def set_preferences(*, actor: Any, wanted: dict[str, bool]) -> None:
    """Store which kinds the actor wants in the inbox and as a toast. Raises `KindUnknown`."""
    for kind, in_page in wanted.items():
        known = BY_CODE.get(kind)
        if known is None or (not known.may_be_off and not in_page):
            raise KindUnknown("There is no such setting.", field=kind)
    with transaction.atomic():
        Preference.objects.bulk_create(
            [Preference(user=actor, kind=kind, in_page=in_page) for kind, in_page in sorted(wanted.items())],
            update_conflicts=True,
            unique_fields=["user", "kind"],
            update_fields=["in_page"],
        )


def prune(*, now: datetime) -> None:
    """Forget events that no browser will ask for any more, and entries read long ago."""
    expired_events(before=now - KEEP_EVENTS).delete()
    Notification.objects.filter(read_at__lt=now - KEEP_READ).delete()


def _mark(notification_id: int, actor: Any, read_at: datetime | None) -> Notification:
    with transaction.atomic():
        entry = visible_notification(actor, notification_id)
        if (entry.read_at is None) != (read_at is None):
            entry.read_at = read_at
            entry.save(update_fields=["read_at"])
            _bell_changed(actor.pk)
    return entry


def _bell_changed(user_id: int) -> None:
    def tell() -> None:
        channel.send_refresh(
            user_id, {"type": "refresh", "refresh": ["bell"], "unread": unread_count(user_id)}
        )

    transaction.on_commit(tell)


def _next_number(user_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_NUMBER, [user_id])
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])
