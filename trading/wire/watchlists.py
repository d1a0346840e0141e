"""The wire's watchlists: the same lists as on the pages, by id or by name."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from marketdata.models import Instrument
from marketdata.operations import (
    add_to_watchlist,
    create_watchlist,
    delete_watchlist,
    remove_from_watchlist,
    replace_watchlist,
)
from marketdata.queries import WatchlistNotFound, WatchlistView, visible_watchlist, watchlists_of
from trading.wire.accounts import account_id_of
from trading.wire.assets import asset_objects, find_asset, find_assets, spelled
from trading.wire.calls import NO_CONTENT, Call
from trading.wire.errors import WireError, invalid, not_found
from trading.wire.values import moment

_MOST_SYMBOLS: Final = 250


def list_watchlists(call: Call) -> Any:
    """``GET /watchlists``: without their assets."""
    return [_head(call, view) for view in watchlists_of(call.actor)]


def create(call: Call) -> Any:
    """``POST /watchlists``"""
    call.refuse_read_only()
    body = call.body()
    name = body.text("name")
    if name is None or not name.strip():
        raise invalid("name is required")
    ids = [row.pk for row in _instruments(body.texts("symbols", most=_MOST_SYMBOLS) or [])]
    return _object(call, create_watchlist(owner=call.actor, name=name, now=call.now, instrument_ids=ids))


def get_one(call: Call, watchlist_id: str) -> Any:
    """``GET /watchlists/{id}``"""
    return _object(call, _by_id(call, watchlist_id))


def get_by_name(call: Call) -> Any:
    """``GET /watchlists:by_name?name=``"""
    return _object(call, _by_name(call))


def update(call: Call, watchlist_id: str) -> Any:
    """``PUT /watchlists/{id}``"""
    call.refuse_read_only()
    return _update(call, _by_id(call, watchlist_id))


def update_by_name(call: Call) -> Any:
    """``PUT /watchlists:by_name?name=``"""
    call.refuse_read_only()
    return _update(call, _by_name(call))


def add(call: Call, watchlist_id: str) -> Any:
    """``POST /watchlists/{id}``: one symbol at the end."""
    call.refuse_read_only()
    return _add(call, _by_id(call, watchlist_id))


def add_by_name(call: Call) -> Any:
    """``POST /watchlists:by_name?name=``"""
    call.refuse_read_only()
    return _add(call, _by_name(call))


def delete(call: Call, watchlist_id: str) -> Any:
    """``DELETE /watchlists/{id}``"""
    call.refuse_read_only()
    delete_watchlist(watchlist_id=_by_id(call, watchlist_id).id, actor=call.actor)
    return NO_CONTENT


def delete_by_name(call: Call) -> Any:
    """``DELETE /watchlists:by_name?name=``"""
    call.refuse_read_only()
    delete_watchlist(watchlist_id=_by_name(call).id, actor=call.actor)
    return NO_CONTENT


def remove(call: Call, watchlist_id: str, symbol: str) -> Any:
    """``DELETE /watchlists/{id}/{symbol}``: answers the list as it is then."""
    call.refuse_read_only()
    view = _by_id(call, watchlist_id)
    rows = Instrument.objects.visible_to(call.actor).in_bulk(view.instrument_ids)
    gone = next((row for row in rows.values() if spelled(row, symbol)), None)
    if gone is None:
        raise not_found(f"asset not found for {symbol[:64]}")
    changed = remove_from_watchlist(
        watchlist_id=view.id, actor=call.actor, instrument_id=gone.pk, now=call.now
    )
    return _object(call, changed)


def _update(call: Call, view: WatchlistView) -> Any:
    body = call.body()
    name, symbols = body.text("name"), body.texts("symbols", most=_MOST_SYMBOLS)
    if name is None and symbols is None:
        raise invalid("name or symbols is required")
    ids = view.instrument_ids if symbols is None else [row.pk for row in _instruments(symbols)]
    changed = replace_watchlist(
        watchlist_id=view.id, actor=call.actor, now=call.now, instrument_ids=ids, name=name
    )
    return _object(call, changed)


def _add(call: Call, view: WatchlistView) -> Any:
    symbol = call.body().text("symbol")
    if not symbol:
        raise invalid("symbol is required")
    found = find_asset(symbol)
    if found is None:
        raise not_found(f"asset not found for {symbol[:64]}")
    changed = add_to_watchlist(watchlist_id=view.id, actor=call.actor, instrument_id=found.pk, now=call.now)
    return _object(call, changed)


def _by_id(call: Call, watchlist_id: str) -> WatchlistView:
    try:
        view = visible_watchlist(call.actor, UUID(watchlist_id))
    except (ValueError, WatchlistNotFound):
        raise _unknown() from None
    if view.owner_id != call.actor.pk:
        raise _unknown()
    return view


def _by_name(call: Call) -> WatchlistView:
    name = call.text("name")
    if name is None:
        raise invalid("name is required")
    wanted = " ".join(name.split()).lower()
    found = next((view for view in watchlists_of(call.actor) if view.name.lower() == wanted), None)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> WireError:
    return not_found("watchlist not found")


def _instruments(symbols: list[str]) -> list[Instrument]:
    found = find_assets(symbols)
    missing = next((symbol for symbol in symbols if symbol not in found), None)
    if missing is not None:
        raise not_found(f"asset not found for {missing[:64]}")
    return [found[symbol] for symbol in symbols]


def _head(call: Call, view: WatchlistView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "account_id": account_id_of(call),
        "name": view.name,
        "created_at": moment(view.created_at),
        "updated_at": moment(view.updated_at),
    }


def _object(call: Call, view: WatchlistView) -> dict[str, Any]:
    rows = Instrument.objects.visible_to(call.actor).in_bulk(view.instrument_ids)
    assets = asset_objects(rows[pk] for pk in view.instrument_ids if pk in rows)
    return {**_head(call, view), "assets": assets}
