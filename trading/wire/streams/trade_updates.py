"""The wire's order stream, at ``/alpaca/stream``: a program signs in, listens, and is told what happens to its orders.

The client speaks first; nothing is sent before it is known. Frames are JSON in binary messages, as the broker sends them (or
MessagePack for a client that says so in its ``Content-Type``). A client that comes back names the last event it saw
(``since_id`` in ``listen``, or in the address) and gets what it missed.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import msgpack
import orjson
import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from trading.queries import KeyHolder, last_log_number
from trading.wire.auth import holder_by, pair_of
from trading.wire.streams.threads import aside
from trading.wire.streams.updates import KeyRevoked, updates

log = structlog.get_logger(__name__)

#: Seconds to sign in, bytes of a frame, sockets of an account (in one server process).
SIGN_IN_WITHIN: Final = 10.0
MOST_BYTES: Final = 16_384
MOST_SOCKETS: Final = 20
STREAMS: Final = ("trade_updates",)
#: Close codes, as the site's own socket has them: bad frame, bad key, too large, too many, a fault of ours.
_BAD, _UNAUTHORIZED, _TOO_BIG, _CROWDED, _FAILED = 4400, 4401, 4413, 4429, 4500

_open: Counter[int] = Counter()


class TradeUpdatesConsumer(AsyncWebsocketConsumer):
    """One socket of one program."""

    async def connect(self) -> None:
        """Take the connection and wait to be spoken to."""
        self.holder: KeyHolder | None = None
        self._told: asyncio.Task[None] | None = None
        headers = dict(self.scope["headers"])
        self._packed = headers.get(b"content-type", b"").lower() == b"application/msgpack"
        await self.accept()
        self._patience = asyncio.get_running_loop().create_task(self._expect_sign_in())

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        self._patience.cancel()
        self._stop_telling()
        if self.holder is not None:
            _open[self.holder.portfolio_id] -= 1
            if not _open[self.holder.portfolio_id]:
                del _open[self.holder.portfolio_id]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a frame of the program."""
        raw = text_data.encode() if text_data is not None else bytes_data or b""
        if len(raw) > MOST_BYTES:
            await self.close(_TOO_BIG)
            return
        frame = self._read(raw)
        action = frame.get("action")
        if action in {"authenticate", "auth"}:
            await self._sign_in(frame)
        elif action == "listen":
            await self._listen(frame)
        else:
            await self._fail("invalid action" if frame else "invalid syntax")

    def _read(self, raw: bytes) -> dict[str, Any]:
        """A frame as the client writes it; JSON is understood either way. Empty for what is no object."""
        found: Any = None
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            with suppress(ValueError, RecursionError, msgpack.exceptions.UnpackException):
                found = msgpack.unpackb(raw, raw=False, strict_map_key=False)
        return found if isinstance(found, dict) else {}

    async def _sign_in(self, frame: dict[str, Any]) -> None:
        if self.holder is not None:
            await self._authorization("authorized", "authenticate")
            return
        data = frame.get("data")
        facts = data if isinstance(data, dict) else frame
        key_id = facts.get("key_id", facts.get("key"))
        secret = facts.get("secret_key", facts.get("secret"))
        if isinstance(facts.get("oauth_token"), str):
            key_id, secret = pair_of(facts["oauth_token"])
        holder = await aside(holder_by, key_id, secret)
        if holder is None:
            await self._authorization("unauthorized", "authenticate")
            await self.close(_UNAUTHORIZED)
            return
        if _open[holder.portfolio_id] >= MOST_SOCKETS:
            await self._fail("too many connections", code=_CROWDED)
            return
        _open[holder.portfolio_id] += 1
        self.holder = holder
        self._patience.cancel()
        await self._authorization("authorized", "authenticate")

    async def _listen(self, frame: dict[str, Any]) -> None:
        if self.holder is None:
            await self._authorization("unauthorized", "listen")
            return
        data = frame.get("data")
        data = data if isinstance(data, dict) else {}
        wanted = data.get("streams")
        if not isinstance(wanted, list):
            await self._fail("invalid syntax")
            return
        taken = [name for name in STREAMS if name in wanted]
        since = self._since(data)
        self._stop_telling()
        if taken:
            # What happens from here on is told; it is stored only after this number was read.
            after = await aside(last_log_number, self.holder.portfolio_id) if since is None else since
            await self._send({"stream": "listening", "data": {"streams": taken}})
            self._told = asyncio.get_running_loop().create_task(self._tell(self.holder, after))
        else:
            await self._send({"stream": "listening", "data": {"streams": []}})

    def _since(self, data: dict[str, Any]) -> int | None:
        """The last event the client has seen, as it says when it listens or in its address."""
        asked = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        for value in (
            data.get("since_id"),
            data.get("last_event_id"),
            *asked.get("since_id", []),
            *asked.get("last_event_id", []),
        ):
            text = str(value) if value is not None and not isinstance(value, bool) else ""
            if text.isascii() and text.isdigit() and len(text) <= 18:
                return int(text)
        return None

    async def _tell(self, holder: KeyHolder, after: int) -> None:
        try:
            async for update in updates(portfolio_id=holder.portfolio_id, key_pk=holder.key_pk, after=after):
                if update is not None:
                    await self._send({"stream": "trade_updates", "data": update})
        except KeyRevoked:
            await self._authorization("unauthorized", "listen")
            await self.close(_UNAUTHORIZED)
        except Exception:
            # The client comes back and asks for what it missed; a socket that is silent for ever would be worse.
            log.exception("trade_updates_failed", portfolio_id=holder.portfolio_id)
            await self.close(_FAILED)

    def _stop_telling(self) -> None:
        if self._told is not None:
            self._told.cancel()
            self._told = None

    async def _expect_sign_in(self) -> None:
        await asyncio.sleep(SIGN_IN_WITHIN)
        await self._fail("auth timeout")

    async def _authorization(self, status: str, action: str) -> None:
        await self._send({"stream": "authorization", "data": {"status": status, "action": action}})

    async def _fail(self, message: str, *, code: int = _BAD) -> None:
        await self._send({"action": "error", "data": {"error_message": message}})
        await self.close(code)

    async def _send(self, frame: dict[str, Any]) -> None:
        await self.send(bytes_data=msgpack.packb(frame) if self._packed else orjson.dumps(frame))
