"""Market data on the wire: pages of points of several symbols, ordered by symbol, then time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from trading.wire.calls import Call
from trading.wire.errors import bad_request

DEFAULT_POINTS: Final = 1000
MOST_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a series."""

    at: datetime
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Points by symbol, and the token of the next page; None when this is the last."""

    points: dict[str, list[dict[str, Any]]]
    next_token: str | None


def page_of(
    call: Call, symbols: Sequence[str], series: Callable[[str], Sequence[Point]], *, descending: bool
) -> Page:
    """Gather the page that the call asks for. ``series`` answers all points of a symbol, in the order asked for.

    Only the series of this page are asked. Raises ``WireError`` (400) for a token that is none of ours.
    """
    limit = call.whole("limit", default=DEFAULT_POINTS, least=1, most=MOST_POINTS)
    after = _read_token(call.text("page_token"))
    found: dict[str, list[dict[str, Any]]] = {}
    room = limit
    for symbol in sorted(symbols):
        if after is not None and symbol < after[0]:
            continue
        if room == 0:
            # There is more only if somebody is left to have any.
            if series(symbol):
                return Page(found, _token(symbol, None))
            continue
        points = series(symbol)
        if after is not None and symbol == after[0] and after[1] is not None:
            points = [point for point in points if _is_after(point.at, after[1], descending)]
        if points:
            found[symbol] = [point.form for point in points[:room]]
        if len(points) > room:
            return Page(found, _token(symbol, points[room - 1].at))
        room -= len(points)
    return Page(found, None)


def _is_after(at: datetime, last: datetime, descending: bool) -> bool:
    return at < last if descending else at > last


def _token(symbol: str, at: datetime | None) -> str:
    plain = f"{symbol}|{at.isoformat() if at else ''}"
    return base64.urlsafe_b64encode(plain.encode()).decode()


def _read_token(token: str | None) -> tuple[str, datetime | None] | None:
    if token is None:
        return None
    try:
        plain = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        symbol, bar, at = plain.partition("|")
        moment = datetime.fromisoformat(at).astimezone(UTC) if at else None
    except (binascii.Error, ValueError):
        raise bad_request("invalid page_token") from None
    if not bar:
        raise bad_request("invalid page_token")
    return symbol, moment
