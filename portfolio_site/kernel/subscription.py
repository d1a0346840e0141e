"""The ground floor: one Redis subscription of a server process to a channel, shared by all its sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from django.conf import settings
from redis.asyncio import Redis as AsyncRedis

from portfolio_site.kernel.valkey import UNREACHABLE

log = structlog.get_logger(__name__)

_LONGEST_PAUSE: Final = 10.0


class Subscription:
    """Listens to a channel while somebody wants it to, and comes back by itself when the connection is lost.

    ``deliver`` gets each message; ``renewed`` is called when listening has begun (again): what was said meanwhile was
    not heard.
    """

    def __init__(
        self, channel: str, deliver: Callable[[bytes], Awaitable[None]], renewed: Callable[[], None]
    ) -> None:
        self._channel = channel
        self._deliver = deliver
        self._renewed = renewed
        self._task: asyncio.Task[None] | None = None

    def run(self, *, wanted: bool) -> None:
        """Begin or end to listen."""
        if wanted and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())
        elif not wanted and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _listen(self) -> None:
        pause = 0.5
        while True:
            try:
                async with (
                    AsyncRedis.from_url(settings.REDIS_LOCATION) as client,
                    client.pubsub() as subscription,
                ):
                    await subscription.subscribe(self._channel)
                    async for message in subscription.listen():
                        if message["type"] == "subscribe":
                            pause = 0.5
                            self._renewed()
                        elif message["type"] == "message":
                            await self._deliver(message["data"])
            except UNREACHABLE as error:
                log.warning("subscription_lost", channel=self._channel, error=str(error), retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
