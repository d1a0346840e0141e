"""The bell: live prices. One message on one Redis channel per refresh, one subscription per server process.

Each quote is encoded once, where the refresh happened. A server process hears the message once and gives the ready text to
its own sockets, so that what a tick costs does not grow with the number of people in the channel layer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Protocol

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from marketdata.queries import QuoteView, cached_quotes, latest_quotes
from portfolio_site.kernel import valkey
from portfolio_site.kernel.api.fields import plain
from portfolio_site.kernel.loops import OfLoop
from portfolio_site.kernel.subscription import Subscription

log = structlog.get_logger(__name__)

CHANNEL: Final = "hf:prices"


class Watcher(Protocol):
    """A socket that wants prices."""

    def take_quote(self, instrument_id: int, encoded: str) -> None:
        """Remember the latest quote of an instrument and see to it that it is sent soon."""


def encode_quote(quote: QuoteView) -> str:
    """One entry of a ``prices`` frame, as JSON text."""
    fraction = quote.change_fraction
    return json.dumps(
        {
            "id": quote.instrument_id,
            "last": plain(quote.last),
            "bid": _plain(quote.bid),
            "ask": _plain(quote.ask),
            "previous_close": _plain(quote.previous_close),
            "change": _plain(quote.change),
            "change_pct": None if fraction is None else f"{fraction * 100:.2f}",
            "volume": _plain(quote.volume),
            "at": quote.quoted_at.isoformat().replace("+00:00", "Z"),
            "is_simulated": quote.is_simulated,
        },
        separators=(",", ":"),
    )


def frame_of(encoded: Iterable[str]) -> str:
    """A ``prices`` frame out of encoded quotes."""
    return '{"type":"prices","quotes":[' + ",".join(encoded) + "]}"


def current_quotes(ids: Iterable[int]) -> dict[int, str]:
    """The latest known quote of each instrument, encoded; for a socket that begins to watch."""
    return {pk: encode_quote(quote) for pk, quote in cached_quotes(ids).items()}


def publish_quotes(ids: Iterable[int]) -> None:
    """Tell every server process the latest quotes of these instruments, after the commit.

    Nothing is read or encoded while nobody watches anywhere. Best effort: the next refresh brings the next prices.
    """
    wanted = list(ids)

    def tell() -> None:
        try:
            client = _client()
            if not dict(client.pubsub_numsub(CHANNEL)).get(CHANNEL.encode()):
                return
            entries = [[pk, encode_quote(quote)] for pk, quote in latest_quotes(wanted).items()]
            if entries:
                client.publish(CHANNEL, json.dumps(entries, separators=(",", ":")))
        except (RedisError, OSError) as error:
            log.warning("prices_not_sent", error=str(error))

    transaction.on_commit(tell, robust=True)


class PriceHub:
    """The one subscription of this process (more exactly: of this event loop) and who of its sockets watches what."""

    def __init__(self) -> None:
        self._watchers: dict[int, set[Watcher]] = {}
        self._wanted: dict[Watcher, frozenset[int]] = {}
        self._subscription = Subscription(CHANNEL, self._deliver, lambda: None)

    def watch(self, watcher: Watcher, ids: frozenset[int]) -> None:
        """Replace what a socket watches; an empty set ends it."""
        for pk in self._wanted.pop(watcher, frozenset()):
            self._watchers[pk].discard(watcher)
            if not self._watchers[pk]:
                del self._watchers[pk]
        if ids:
            self._wanted[watcher] = ids
            for pk in ids:
                self._watchers.setdefault(pk, set()).add(watcher)
        self._subscription.run(wanted=bool(self._wanted))

    async def _deliver(self, message: bytes) -> None:
        """Give a message of the channel to the sockets that watch its instruments."""
        for pk, encoded in json.loads(message):
            for watcher in self._watchers.get(pk, ()):
                watcher.take_quote(pk, encoded)


#: The hub of the running event loop.
hub = OfLoop(PriceHub)


def _client() -> Any:
    return valkey.client()


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
