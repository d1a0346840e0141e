"""The wire's streams: one reader of accounts' logs for all sockets of an event loop.

What is asked for while a statement is under way is read by the next one, for all who ask: the more happens, the less each
event costs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from portfolio_site.kernel.loops import OfLoop
from trading.queries import Follower, LoggedEvent, news_for
from trading.wire.orderforms import order_form
from trading.wire.streams.threads import aside
from trading.wire.values import moment, text_of

#: Events of one follower, and followers, that are read by one statement.
MOST_EVENTS: Final = 200
MOST_FOLLOWERS: Final = 50

#: The data of updates in the order of their events; None where the key opens nothing any more.
News = list[dict[str, Any]] | None


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


class NewsReader:
    """Reads what followers have not heard yet, one statement at a time."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Follower, asyncio.Future[News]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def read(self, follower: Follower) -> News:
        """What is new for ``follower``, at most ``MOST_EVENTS``."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[News] = loop.create_future()
        self._waiting.append((follower, answer))
        if self._task is None:
            self._task = loop.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                asking = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_FOLLOWERS))]
                await self._answer(asking)
        finally:
            self._task = None

    async def _answer(self, asking: list[tuple[Follower, asyncio.Future[News]]]) -> None:
        try:
            found = await aside(_read, [follower for follower, _ in asking])
        except Exception as error:  # noqa: BLE001 - whatever it was, it is theirs who asked
            for _, answer in asking:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), news in zip(asking, found, strict=True):
            # Whoever has left meanwhile waits no longer.
            if not answer.done():
                answer.set_result(news)


def _read(followers: list[Follower]) -> list[News]:
    found = news_for(followers, limit=MOST_EVENTS)
    return [None if events is None else [update_form(event) for event in events] for events in found]


#: The reader of the running event loop.
news_reader = OfLoop(NewsReader)
