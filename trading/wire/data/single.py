"""Market data on the wire: the same answers for one stock whose symbol stands in the path, as older clients ask.

``alpaca-py`` asks for several symbols always; ``alpaca-trade-api`` and the clients of other languages use these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trading.wire.calls import Call, Reply
from trading.wire.data import views
from trading.wire.errors import not_found

DataView = Callable[[Call, str], Reply]


def points(view: DataView, key: str) -> DataView:
    """Bars, quotes or trades: ``{"symbol", key: [...], "next_page_token"}``; null for no points, as clients expect."""

    def answer(call: Call, kind: str) -> Reply:
        symbol, reply = _asked(view, call, kind)
        found = reply.body[key].get(symbol)
        return replace(
            reply, body={"symbol": symbol, key: found, "next_page_token": reply.body["next_page_token"]}
        )

    return answer


def latest(view: DataView, key: str) -> DataView:
    """The latest bar, quote or trade: ``{"symbol", key: {...}}``; 404 when there is none."""

    def answer(call: Call, kind: str) -> Reply:
        symbol, reply = _asked(view, call, kind)
        found = reply.body[f"{key}s"].get(symbol)
        if found is None:
            raise not_found(f"no {key} found for {symbol[:64]}")
        return replace(reply, body={"symbol": symbol, key: found})

    return answer


def snapshot(call: Call, kind: str) -> Reply:
    """``GET /stocks/{symbol}/snapshot``; 404 when nothing is known of it."""
    symbol, reply = _asked(views.snapshots, call, kind)
    found = reply.body.get(symbol)
    if found is None:
        raise not_found(f"no snapshot found for {symbol[:64]}")
    return replace(reply, body={"symbol": symbol, **found})


def _asked(view: DataView, call: Call, kind: str) -> tuple[str, Reply]:
    symbol = call.from_path["symbols"]
    if "," in symbol:
        raise not_found(f"asset not found for {symbol[:64]}")
    return symbol, view(call, kind)
