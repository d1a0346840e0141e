"""Splits that a broker tells: booked as splits where they have one meaning, and left to the owner where they have not.

A broker tells of a split by the units that came in and went out. The ratio follows from what was held before; it is taken only
when it is a plain one and when the position that it leads to is the one that the broker has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.contrib.auth import get_user_model
from django.db import transaction

from holdings import queries as books
from holdings.operations import AlreadyPosted, Entry, EntryRefused, post_account_entry
from trading.brokers.base import RemoteActivity, RemotePosition
from trading.models import BrokerConnection
from trading.operations.brokering.symbols import instrument_at_broker
from trading.operations.desk import ZERO, open_desk

log = structlog.get_logger(__name__)
#: Alpaca's words.
SPLIT_KINDS = frozenset({"SPLIT", "SSP"})
#: Trading of an exchange's day begins before its session.
_EARLY = time(4)
_NEW_YORK = ZoneInfo("America/New_York")
#: The largest number in a ratio that is believed.
_LARGEST_TERM = 1000


def take_splits(
    *,
    connection_id: UUID,
    portfolio_id: int,
    told: Iterable[RemoteActivity],
    positions: Callable[[], list[RemotePosition]],
    now: datetime,
) -> list[RemoteActivity]:
    """Book the splits among what a broker told, each once; returns those that nobody can book for the person.
    ``positions`` asks the broker what it holds now."""
    groups: dict[tuple[str, date], list[RemoteActivity]] = defaultdict(list)
    for activity in told:
        groups[activity.symbol, activity.day].append(activity)
    if not groups:
        return []
    held = {(each.symbol, each.is_crypto): each.quantity for each in positions()}
    left: list[RemoteActivity] = []
    for (symbol, day), rows in sorted(groups.items()):
        theirs = held.get((symbol, rows[0].is_crypto), ZERO)
        if not _book(connection_id, portfolio_id, symbol, day, rows, theirs, now):
            left += rows
    return left


def _book(
    connection_id: UUID,
    portfolio_id: int,
    symbol: str,
    day: date,
    rows: list[RemoteActivity],
    theirs: Decimal,
    now: datetime,
) -> bool:
    if not symbol or any(row.amount for row in rows):
        return False  # cash in lieu of a fraction: what it is for is the owner's to say
    ids = [row.id for row in rows]
    with transaction.atomic():
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        connection = BrokerConnection.objects.select_for_update().get(pk=connection_id)
        if set(ids) <= set(connection.known_activities):
            return True
        owner = get_user_model().objects.get(pk=desk.portfolio.owner_id)
        instrument = instrument_at_broker(
            symbol, owner=owner, currency=desk.account.currency, is_crypto=rows[0].is_crypto
        )
        ours = books.position_quantity(portfolio_id, instrument.pk)
        came = sum((row.quantity or ZERO for row in rows), ZERO)
        # What was traded since the split is in both figures, so that only this difference may be left.
        if not came or ours + came != theirs:
            return False
        at = min(datetime.combine(day, _EARLY, _NEW_YORK).astimezone(UTC), now)
        before = ours - books.units_traded_since(portfolio_id, instrument.pk, at)
        ratio = _ratio(before, came)
        if ratio is None:
            return False
        entry = Entry(
            type="split",
            occurred=at,
            instrument_id=instrument.pk,
            ratio=f"{ratio.numerator}:{ratio.denominator}",
            note=f"Split ({day.isoformat()}, told by the broker)",
            external_id=f"{connection.broker}:{connection.pk}:{min(ids)}"[:200],
        )
        try:
            _post(portfolio_id, entry, theirs, now)
        except EntryRefused:
            log.warning("broker_split_refused", connection=str(connection_id), symbol=symbol)
            return False
        connection.known_activities = [*connection.known_activities, *ids]
        connection.save(update_fields=["known_activities"])
    return True


def _post(portfolio_id: int, entry: Entry, theirs: Decimal, now: datetime) -> None:
    """Book the split, unless it is; ``EntryRefused`` takes it back where it does not lead to the broker's position."""
    assert entry.instrument_id is not None
    with transaction.atomic():
        with suppress(AlreadyPosted):
            post_account_entry(portfolio_id=portfolio_id, entry=entry, actor=None, now=now)
        if books.position_quantity(portfolio_id, entry.instrument_id) != theirs:
            raise EntryRefused("The split does not lead to the broker's position.")


def _ratio(before: Decimal, came: Decimal) -> Fraction | None:
    """New units for an old one; None where it is no plain ratio."""
    if not before:
        return None
    exact = Fraction(before + came) / Fraction(before)
    plain = exact.limit_denominator(_LARGEST_TERM)
    if exact <= 0 or exact != plain or plain == 1 or plain.numerator > _LARGEST_TERM:
        return None
    return plain
