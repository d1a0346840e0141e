"""The wire's streams: an event of an account's log as programs are told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from trading.queries import Follower
from trading.wire.streams.following import log_hub
from trading.wire.streams.reading import MOST_EVENTS, news_reader

#: How long a socket waits for news before it looks by itself: a message may have been lost, a key revoked.
LOOK_EVERY: Final = 5.0


class KeyRevoked(Exception):
    """The key that a stream was opened with opens nothing any more."""


async def updates(*, portfolio_id: int, key_pk: int, after: int) -> AsyncIterator[dict[str, Any] | None]:
    """Every update of an account after a number, in order, each once, as it is stored; None when nothing came for a
    while. Ends with ``KeyRevoked``: a key is looked at before anything is told with it."""
    news = asyncio.Event()
    hub, reader = log_hub(), news_reader()
    hub.follow(portfolio_id, news)
    try:
        while True:
            news.clear()
            found = await reader.read(Follower(portfolio_id, key_pk, after))
            if found is None:
                raise KeyRevoked
            for form in found:
                after = form["event_id"]
                yield form
            if len(found) == MOST_EVENTS:
                continue
            try:
                await asyncio.wait_for(news.wait(), LOOK_EVERY)
            except TimeoutError:
                yield None
    finally:
        hub.leave(portfolio_id, news)
