"""The wire's streams: who follows which account in this process, and waking them when there is something new."""

from __future__ import annotations

import asyncio

from portfolio_site.kernel.loops import OfLoop
from portfolio_site.kernel.subscription import Subscription
from trading.operations.trade_log import WAKE_CHANNEL


class LogHub:
    """The one subscription of this event loop to what is announced of accounts' logs."""

    def __init__(self) -> None:
        self._followers: dict[int, set[asyncio.Event]] = {}
        self._subscription = Subscription(WAKE_CHANNEL, self._deliver, self._wake_all)

    def follow(self, portfolio_id: int, news: asyncio.Event) -> None:
        """Set ``news`` whenever the account's log has grown."""
        self._followers.setdefault(portfolio_id, set()).add(news)
        self._subscription.run(wanted=True)

    def leave(self, portfolio_id: int, news: asyncio.Event) -> None:
        """Undo ``follow``."""
        followers = self._followers.get(portfolio_id, set())
        followers.discard(news)
        if not followers:
            self._followers.pop(portfolio_id, None)
        self._subscription.run(wanted=bool(self._followers))

    async def _deliver(self, message: bytes) -> None:
        for news in self._followers.get(int(message), ()):
            news.set()

    def _wake_all(self) -> None:
        for followers in self._followers.values():
            for news in followers:
                news.set()


#: The hub of the running event loop.
log_hub = OfLoop(LogHub)
