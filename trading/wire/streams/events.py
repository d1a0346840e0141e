"""The wire's order stream over plain HTTP: server-sent events at ``/alpaca/v2/events/trades``, for clients without sockets.

``since_id`` (or the browser's ``Last-Event-ID``) names the last event that was seen, ``since`` an instant; without either
only what happens from now on is told. ``until_id`` ends the stream after that event.
"""

from __future__ import annotations

import uuid
from io import BytesIO
from typing import Any, Final

import orjson
from channels.generic.http import AsyncHttpConsumer
from django.core.handlers.asgi import ASGIRequest

from trading.queries import KeyHolder, last_log_number, log_number_at
from trading.wire.calls import Reply
from trading.wire.errors import METHOD_NOT_ALLOWED, WireError, invalid
from trading.wire.gate import Visit, limit_headers, told
from trading.wire.streams.threads import aside
from trading.wire.streams.updates import KeyRevoked, updates
from trading.wire.values import read_instant

_HEADERS: Final = [
    (b"Content-Type", b"text/event-stream"),
    (b"Cache-Control", b"no-store"),
    (b"X-Accel-Buffering", b"no"),
]


class TradeEventsConsumer(AsyncHttpConsumer):
    """One request that stays open."""

    async def handle(self, body: bytes) -> None:
        """Answer with events until the client leaves or its key is revoked."""
        visit = Visit(ASGIRequest(self.scope, BytesIO()))
        reply = await aside(told, lambda: _asked(visit))
        facts = {"X-Request-ID": str(uuid.uuid4()), **limit_headers(visit.allowance)}
        if reply.status != 200:
            headers = _written({"Content-Type": "application/json", **facts, **reply.headers})
            await self.send_response(reply.status, orjson.dumps(reply.body), headers=headers)
            return
        await self.send_headers(headers=[*_HEADERS, *_written(facts)])
        await self._stream(visit.known_holder, *reply.body)

    async def _stream(self, holder: KeyHolder, after: int, until: int | None) -> None:
        await self.send_body(b": connected\n\n", more_body=True)
        try:
            async for update in updates(portfolio_id=holder.portfolio_id, key_pk=holder.key_pk, after=after):
                if until is not None and (after >= until or (update and update["event_id"] > until)):
                    break
                await self.send_body(_event(update), more_body=True)
                if update is not None:
                    after = update["event_id"]
        except KeyRevoked:
            pass
        await self.send_body(b"")


def _asked(visit: Visit) -> Reply:
    """The numbers after which and up to which is told, of a program that may ask."""
    if visit.request.method != "GET":
        raise WireError(METHOD_NOT_ALLOWED, "method not allowed", headers={"Allow": "GET"})
    visit.admit()
    asked = visit.request.GET
    until = _number(asked.get("until_id"), "until_id")
    seen = _number(asked.get("since_id") or visit.request.headers.get("Last-Event-ID"), "since_id")
    return Reply((_after(visit.known_holder.portfolio_id, seen, asked.get("since")), until))


def _written(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _after(portfolio_id: int, seen: int | None, since: str | None) -> int:
    """The number after which is told: the last one seen, the last one before an instant, or the latest there is."""
    if seen is not None:
        return seen
    if since:
        return log_number_at(portfolio_id, read_instant(since, "since"))
    return last_log_number(portfolio_id)


def _event(update: dict[str, Any] | None) -> bytes:
    if update is None:
        return b": nothing new\n\n"
    return b"id: %d\ndata: %s\n\n" % (update["event_id"], orjson.dumps(update))


def _number(text: str | None, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid(f"invalid {name}: {text[:40]!r}")
    return int(text)
