"""Market data operations: watchlists. Whoever may see a list and does not own it (an auditor) is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from marketdata.events import WatchlistChanged
from marketdata.models import Instrument, Watchlist, WatchlistItem
from marketdata.models.watchlists import NAME_LENGTH
from marketdata.operations.history import request_histories, request_history
from marketdata.queries import InstrumentNotFound, WatchlistNotFound, WatchlistView, visible_watchlist
from portfolio_site.kernel.errors import DomainError, ForbiddenError
from portfolio_site.kernel.events import publish

MOST_WATCHLISTS = 50
MOST_ITEMS = 250


class WatchlistRefused(DomainError):
    """A list that cannot be like this; `field` says where."""

    code = "watchlist_refused"


def create_watchlist(
    *, owner: Any, name: str, now: datetime, instrument_ids: Iterable[int] = ()
) -> WatchlistView:
    """Make a list, last among the person's, with these instruments in this order (each once).

    Raises `WatchlistRefused` (`watchlist_name_taken`, `too_many_watchlists`, `too_many_instruments`, an empty
    or long name) and `InstrumentNotFound`.
    """
    _may_write(owner)
    with transaction.atomic():
        # The person's row is the lock under which their lists are counted and put in order.
        get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)
        present = list(Watchlist.objects.filter(owner=owner.pk).values_list("position", flat=True))
        if len(present) >= MOST_WATCHLISTS:
            raise WatchlistRefused(
                f"There are {MOST_WATCHLISTS} watchlists already. Delete one first.",
                code="too_many_watchlists",
            )
        made = Watchlist(
            owner=owner,
            name=_checked_name(name),
            position=max(present, default=-1) + 1,
            created_at=now,
            updated_at=now,
        )
        _save(made, force_insert=True)
        _fill(made, _checked_instruments(owner, instrument_ids), now=now)
        return _changed(made)


def rename_watchlist(*, watchlist_id: UUID, actor: Any, name: str, now: datetime) -> WatchlistView:
    """Give a list another name. Raises `WatchlistRefused` and `WatchlistNotFound`."""

    def rename(found: Watchlist) -> None:
        wanted = _checked_name(name)
        if wanted != found.name:
            found.name, found.updated_at = wanted, now
            _save(found, update_fields=["name", "updated_at"])

    return _change(watchlist_id, actor, rename)


def delete_watchlist(*, watchlist_id: UUID, actor: Any) -> None:
    """Delete a list; what was on it stays. Raises `WatchlistNotFound`."""
    with transaction.atomic():
        found = _locked(watchlist_id, actor)
        owner_id = found.owner_id
        found.delete()
        publish(WatchlistChanged(watchlist_id=watchlist_id, user_id=owner_id))


def add_to_watchlist(*, watchlist_id: UUID, actor: Any, instrument_id: int, now: datetime) -> WatchlistView:
    """Put an instrument at the end of a list; one that is on it stays where it is.

    Raises `WatchlistRefused` (`too_many_instruments`), `InstrumentNotFound` and `WatchlistNotFound`.
    """

    def add(found: Watchlist) -> None:
        present = dict(found.items.values_list("instrument_id", "position"))
        (wanted,) = _checked_instruments(actor, [instrument_id])
        if wanted in present:
            return
        if len(present) >= MOST_ITEMS:
            raise _too_many()
        WatchlistItem.objects.create(
            watchlist=found,
            instrument_id=wanted,
            position=max(present.values(), default=-1) + 1,
            added_at=now,
        )
        _touch(found, now)
        request_history(instrument_id=wanted, reason="watched", now=now)

    return _change(watchlist_id, actor, add)


def remove_from_watchlist(
    *, watchlist_id: UUID, actor: Any, instrument_id: int, now: datetime
) -> WatchlistView:
    """Take an instrument off a list. Raises `InstrumentNotFound` when it is not on it, and
    `WatchlistNotFound`."""

    def remove(found: Watchlist) -> None:
        if not found.items.filter(instrument_id=instrument_id).delete()[0]:
            raise InstrumentNotFound("This instrument is not on the watchlist.", field="instrument_id")
        _touch(found, now)

    return _change(watchlist_id, actor, remove)


def reorder_watchlist(
    *, watchlist_id: UUID, actor: Any, instrument_ids: Sequence[int], now: datetime
) -> WatchlistView:
    """Put the items of a list in this order. What is not named (added in another window meanwhile) keeps its
    order behind the rest; what is named and not on the list is left out. Raises `WatchlistNotFound`."""

    def reorder(found: Watchlist) -> None:
        items = {item.instrument_id: item for item in found.items.order_by("position", "pk")}
        wanted = [pk for pk in dict.fromkeys(instrument_ids) if pk in items]
        order = [*wanted, *(pk for pk in items if pk not in set(wanted))]
        moved = []
        for position, pk in enumerate(order):
            if items[pk].position != position:
                items[pk].position = position
                moved.append(items[pk])
        if moved:
            WatchlistItem.objects.bulk_update(moved, ["position"])
            _touch(found, now)

    return _change(watchlist_id, actor, reorder)


def replace_watchlist(
    *, watchlist_id: UUID, actor: Any, now: datetime, instrument_ids: Iterable[int], name: str | None = None
) -> WatchlistView:
    """Let a list hold exactly these instruments in this order (each once), and give it a new name if told.

    Raises `WatchlistRefused`, `InstrumentNotFound` and `WatchlistNotFound`; then nothing has changed.
    """

    def replace(found: Watchlist) -> None:
        if name is not None:
            found.name = _checked_name(name)
            _save(found, update_fields=["name"])
        wanted = _checked_instruments(actor, instrument_ids)
        items = {item.instrument_id: item for item in found.items.all()}
        found.items.exclude(instrument_id__in=wanted).delete()
        for position, pk in enumerate(wanted):
            if pk in items:
                items[pk].position = position
        WatchlistItem.objects.bulk_update([items[pk] for pk in wanted if pk in items], ["position"])
        _fill(found, wanted, now=now, present=items.keys())
        _touch(found, now)

    return _change(watchlist_id, actor, replace)


def order_watchlists(*, actor: Any, watchlist_ids: Sequence[UUID]) -> None:
    """Put the person's lists in this order; those not named follow in the order they had."""
    _may_write(actor)
    with transaction.atomic():
        get_user_model().objects.select_for_update(no_key=True).get(pk=actor.pk)
        lists = {found.pk: found for found in Watchlist.objects.of(actor)}
        wanted = [pk for pk in dict.fromkeys(watchlist_ids) if pk in lists]
        order = [*wanted, *(pk for pk in lists if pk not in set(wanted))]
        for position, pk in enumerate(order):
            lists[pk].position = position
        Watchlist.objects.bulk_update(lists.values(), ["position"])


def _change(watchlist_id: UUID, actor: Any, do: Callable[[Watchlist], None]) -> WatchlistView:
    with transaction.atomic():
        found = _locked(watchlist_id, actor)
        do(found)
        return _changed(found)


def _changed(watchlist: Watchlist) -> WatchlistView:
    publish(WatchlistChanged(watchlist_id=watchlist.pk, user_id=watchlist.owner_id))
    return visible_watchlist(watchlist.owner, watchlist.pk)


def _locked(watchlist_id: UUID, actor: Any) -> Watchlist:
    visible = Watchlist.objects.visible_to(actor).filter(pk=watchlist_id)
    found = visible.select_for_update(no_key=True, of=("self",)).select_related("owner").first()
    if found is None:
        raise WatchlistNotFound
    if found.owner_id != actor.pk:
        raise ForbiddenError(
            "You can read this watchlist, but only its owner can change it.", code="read_only"
        )
    _may_write(actor)
    return found


def _may_write(actor: Any) -> None:
    if getattr(actor, "is_read_only", False):
        raise ForbiddenError("Your role may look at this but not change it.", code="read_only")


def _checked_name(name: str) -> str:
    wanted = " ".join(name.split())
    if not wanted:
        raise WatchlistRefused("Give the watchlist a name.", field="name")
    if len(wanted) > NAME_LENGTH:
        raise WatchlistRefused(f"A name has at most {NAME_LENGTH} characters.", field="name")
    if not wanted.isprintable():
        raise WatchlistRefused("A name has printable characters only.", field="name")
    return wanted


def _checked_instruments(owner: Any, instrument_ids: Iterable[int]) -> list[int]:
    """The ids, each once, all of them the person's to see: the shared list and what they entered."""
    wanted = list(dict.fromkeys(instrument_ids))
    if len(wanted) > MOST_ITEMS:
        raise _too_many()
    known = set(Instrument.objects.visible_to(owner).filter(pk__in=wanted).values_list("pk", flat=True))
    if any(pk not in known for pk in wanted):
        raise InstrumentNotFound(field="instrument_id")
    return wanted


def _too_many() -> WatchlistRefused:
    return WatchlistRefused(f"A watchlist has at most {MOST_ITEMS} instruments.", code="too_many_instruments")


def _save(watchlist: Watchlist, **how: Any) -> None:
    try:
        with transaction.atomic():
            watchlist.save(**how)
    except IntegrityError as error:
        raise WatchlistRefused(
            f"You already have a watchlist called “{watchlist.name}”.",
            code="watchlist_name_taken",
            field="name",
            status=409,
        ) from error


def _fill(watchlist: Watchlist, wanted: Sequence[int], *, now: datetime, present: Iterable[int] = ()) -> None:
    known = set(present)
    WatchlistItem.objects.bulk_create(
        WatchlistItem(watchlist=watchlist, instrument_id=pk, position=position, added_at=now)
        for position, pk in enumerate(wanted)
        if pk not in known
    )
    request_histories(instrument_ids=[pk for pk in wanted if pk not in known], reason="watched", now=now)


def _touch(watchlist: Watchlist, now: datetime) -> None:
    Watchlist.objects.filter(pk=watchlist.pk).update(updated_at=now)
