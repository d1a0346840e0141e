"""The wire's streams: an event of an account's log as programs are told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from trading.queries import LoggedEvent, is_key_live, log_after
from trading.wire.orderforms import order_form
from trading.wire.streams.following import log_hub
from trading.wire.streams.threads import aside
from trading.wire.values import moment, text_of

#: How long a socket waits for news before it looks by itself: a message may have been lost, a key revoked.
LOOK_EVERY: Final = 5.0
_BATCH: Final = 200


class KeyRevoked(Exception):
    """The key that a stream was opened with opens nothing any more."""


def update_form(found: LoggedEvent) -> dict[str, Any]:
    """The ``data`` of a trade update. ``event_id`` rises by one per account, without gaps."""
    at = moment(found.at)
    form: dict[str, Any] = {
        "event": found.event,
        "event_id": found.number,
        "at": at,
        "timestamp": at,
        "order": order_form(found.order, legs=False),
    }
    if found.execution is not None:
        form |= {
            "execution_id": str(found.execution.id),
            "price": text_of(found.execution.price),
            "qty": text_of(found.execution.quantity),
            "position_qty": text_of(found.execution.position_quantity),
        }
    return form


async def updates(*, portfolio_id: int, key_pk: int, after: int) -> AsyncIterator[dict[str, Any] | None]:
    """Every update of an account after a number, in order, each once, as it is stored; None when nothing came for a
    while. Ends with ``KeyRevoked``: a key is looked at before anything is told with it."""
    news = asyncio.Event()
    hub = log_hub()
    hub.follow(portfolio_id, news)
    try:
        while True:
            news.clear()
            found = await aside(_news, portfolio_id, key_pk, after)
            for event in found:
                after = event.number
                yield update_form(event)
            if len(found) == _BATCH:
                continue
            try:
                await asyncio.wait_for(news.wait(), LOOK_EVERY)
            except TimeoutError:
                yield None
    finally:
        hub.leave(portfolio_id, news)


def _news(portfolio_id: int, key_pk: int, after: int) -> list[LoggedEvent]:
    found = log_after(portfolio_id, after=after, limit=_BATCH)
    if not is_key_live(key_pk):
        raise KeyRevoked
    return found
