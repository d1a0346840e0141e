"""The bell: telling people, and marking what they have read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from notifications import channel
from notifications.messages import BY_CODE, Message
from notifications.models import Notification, Preference
from notifications.queries import (
    FACTS,
    MANY_UNREAD,
    Facts,
    expired_events,
    facts_from,
    facts_of,
    frame_text,
    unread_count,
    visible_notification,
)
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.statements import Statement
from portfolio_site.kernel.writing import Writing

KEEP_EVENTS: Final = timedelta(days=30)
KEEP_READ: Final = timedelta(days=365)

# Takes so many numbers of each person and, with them, the locks on their counter rows until this transaction ends; everybody
# takes them in the same order. What is read beside it is what was there before any of it was waited for: the counter as
# it was then says whether that still holds.
_TAKE_NUMBERS = Statement(f"""
WITH wanted AS MATERIALIZED (
    SELECT n.user_id, n.count FROM unnest(%(users)s::bigint[], %(counts)s::bigint[]) AS n(user_id, count)
    WHERE EXISTS (SELECT FROM accounts_user u WHERE u.id = n.user_id)),
taken AS (
    INSERT INTO notifications_eventcounter (user_id, last_number)
    SELECT user_id, count FROM wanted ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET last_number = notifications_eventcounter.last_number + excluded.last_number
    RETURNING user_id, last_number)
SELECT t.last_number, t.last_number = w.count + coalesce(c.last_number, 0), {FACTS}
FROM wanted w JOIN taken t USING (user_id) JOIN accounts_user u ON u.id = w.user_id
LEFT JOIN notifications_eventcounter c ON c.user_id = w.user_id
""")  # noqa: S608 - columns of our own
_GIVE_BACK = Statement("""
UPDATE notifications_eventcounter c SET last_number = c.last_number - n.count
FROM unnest(%(users)s::bigint[], %(counts)s::bigint[]) AS n(user_id, count) WHERE c.user_id = n.user_id
""")


class KindUnknown(DomainError):
    """There is no such kind of notification, or it cannot be switched off."""

    code = "kind_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one person is to be told of one event: ``make`` says it in the numbers of a locale."""

    user_id: int
    event_id: int
    at: datetime
    make: Callable[[str], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Somebody who is told something: the last of the numbers taken for it, and what has to be known."""

    last: int
    facts: Facts


def notify(*, message: Message, event_id: int, now: datetime) -> int | None:
    """Tell one person of one event. Returns its number, None when the person was told before."""
    return notify_all(
        news=[News(user_id=message.user_id, event_id=event_id, at=now, make=lambda _: message)]
    )[0]


def notify_all(
    *, news: Sequence[News], regions: Mapping[int, Iterable[str]] | None = None
) -> list[int | None]:
    """Tell people of events: an inbox entry and a numbered event each, once for each (person, event). Two statements, or
    four where somebody else tells the same people at the same time, or told them before.

    Returns the number of each, in the order given, which is the order of a person's numbers; None where the person was told
    before or is gone. Open pages hear of it after the commit. What the person does not want still gets its number, quietly,
    because pages have to renew what they show. ``regions``: what else the open pages of people are to renew; what a numbered
    event names anyway is not said twice.
    """
    # Who delivers has a savepoint of their own where one is needed.
    with transaction.atomic(savepoint=False):
        told, numbers = _write(news) if news else ({}, [])
        wires = [
            channel.events_for(user_id, [(number, frame_text(number, payload)) for number, payload in events])
            for user_id, events in told.items()
        ]
        for user_id, names in (regions or {}).items():
            named = {name for _, payload in told.get(user_id, ()) for name in payload["refresh"]}
            left = [name for name in dict.fromkeys(names) if name not in named]
            if left:
                wires.append(channel.frame_for(user_id, {"type": "refresh", "refresh": left}))
        if wires:
            transaction.on_commit(lambda: channel.send(wires), robust=True)
    return numbers


def _write(
    news: Sequence[News],
) -> tuple[dict[int, list[tuple[int, dict[str, Any]]]], list[int | None]]:
    """Store what people are told; returns the numbered events of each person, and the numbers."""
    counts = Counter(each.user_id for each in news)
    people = _take_numbers(counts, events=[each.event_id for each in news])
    unread = {user_id: found.facts.unread for user_id, found in people.items()}
    known = {user_id: set(found.facts.told) for user_id, found in people.items()}
    next_number = {user_id: found.last - counts[user_id] + 1 for user_id, found in people.items()}
    told: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    numbers: list[int | None] = []
    entries, events = [], []
    for each in news:
        user_id = each.user_id
        if user_id not in people or each.event_id in known[user_id]:
            numbers.append(None)
            continue
        message = each.make(people[user_id].facts.locale)
        known[user_id].add(each.event_id)
        number = next_number[user_id]
        next_number[user_id] += 1
        wanted = message.kind not in people[user_id].facts.unwanted
        title, body = message.title[:200], message.body[:1000]
        if is_kept := wanted and message.is_kept:
            unread[user_id] = min(unread[user_id] + 1, MANY_UNREAD)
            entries.append(
                {
                    "user_id": user_id, "event_id": each.event_id, "kind": message.kind, "level": message.level,
                    "title": title, "body": body, "url": message.url, "created_at": each.at,
                }
            )  # fmt: skip
        payload: dict[str, Any] = {
            "kind": message.kind,
            "level": message.level,
            "title": title,
            "body": body,
            "url": message.url,
            "refresh": [*message.refresh, *(["bell"] if is_kept else [])],
            "at": each.at.isoformat().replace("+00:00", "Z"),
            "unread": unread[user_id],
        }
        if not wanted:
            payload["quiet"] = True
        events.append(
            {
                "user_id": user_id, "number": number, "event_id": each.event_id, "kind": message.kind,
                "payload": payload, "created_at": each.at,
            }
        )  # fmt: skip
        told.setdefault(user_id, []).append((number, payload))
        numbers.append(number)
    writing = Writing()
    writing.insert("notifications_notification", _ENTRY, entries)
    writing.insert("notifications_userevent", _EVENT, events)
    writing.execute()
    spare = {user_id: people[user_id].last + 1 - number for user_id, number in next_number.items()}
    _give_back({user_id: count for user_id, count in spare.items() if count})
    return told, numbers


_ENTRY = ("user_id", "event_id", "kind", "level", "title", "body", "url", "created_at")
_EVENT = ("user_id", "number", "event_id", "kind", "payload", "created_at")


def refresh(*, user_id: int, regions: Iterable[str]) -> None:
    """Let the person's open pages renew these regions after the commit, without announcing anything."""
    notify_all(news=[], regions={user_id: regions})


def check_access(*, user_id: int) -> None:
    """Let the person's open sockets find out, after the commit, whether their session is still good."""
    transaction.on_commit(lambda: channel.send([channel.check_of(user_id)]), robust=True)


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
        frame = {"type": "refresh", "refresh": ["bell"], "unread": unread_count(user_id)}
        channel.send([channel.frame_for(user_id, frame)])

    transaction.on_commit(tell)


def _take_numbers(counts: Mapping[int, int], *, events: Sequence[int]) -> dict[int, _Person]:
    """Take so many numbers of each person who is still there, and read what has to be known of them. One statement, two where
    somebody else told one of them something meanwhile."""
    rows = _TAKE_NUMBERS.rows(
        {
            "users": list(counts),
            "counts": list(counts.values()),
            "events": events,
            "many": MANY_UNREAD,
        }
    )
    people = {row[2]: _Person(last=row[0], facts=facts_from(row[2:])) for row in rows}
    overtaken = [row[2] for row in rows if not row[1]]
    if overtaken:
        for user_id, facts in facts_of(users=overtaken, events=events).items():
            people[user_id] = _Person(last=people[user_id].last, facts=facts)
    return people


def _give_back(counts: Mapping[int, int]) -> None:
    """Give numbers back that were not needed, within the transaction that took them."""
    if counts:
        _GIVE_BACK.run({"users": list(counts), "counts": list(counts.values())})
