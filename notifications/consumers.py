"""The bell: the socket of one open page (docs/live.md has the protocol).

Layers as everywhere: what the socket knows it reads through `queries`; it changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.queries.attention import note_ids
from notifications import sockets
from notifications.channel import group_of
from notifications.prices import current_quotes, frame_of, hub
from portfolio_site.kernel.writing import document

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 16_384
MOST_WATCHED: Final = 500
MOST_SOCKETS: Final = 20
FAULTS_ALLOWED: Final = 5
RATE: Final = (60, 10.0)
"""Frames in so many seconds."""
PRICE_PAUSE: Final = 0.25
"""Seconds between two price frames of a socket."""

BAD, SIGNED_OUT, FOREIGN, CROWDED, TOO_LARGE, FLOODED, FAILED = 4400, 4401, 4403, 4409, 4413, 4429, 4500

#: Open sockets per person, in this process.
_open: Counter[int] = Counter()


class UserConsumer(AsyncWebsocketConsumer):
    """Tells one page what concerns its person: numbered events in order without gap or double, and prices."""

    user_id: int = 0
    is_counted = False
    said_hello = False
    last_sent = 0
    faults = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket to its end. After a fault in a frame nobody says that it is disconnected: it is left all the same."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.is_counted:
                await self.disconnect(FAILED)

    async def connect(self) -> None:
        """Let in who is signed in here and comes from a page of this site; tell the others why not."""
        self.prepare()
        user = self.scope.get("user")
        # Refused sockets are accepted and closed: a browser shows a script no reason of a refused handshake.
        await self.accept()
        if not sockets.is_own_origin(self.scope):
            await self.close(FOREIGN)
            return
        if user is None or not user.is_authenticated or not user.is_active:
            await self.close(SIGNED_OUT)
            return
        self.user_id = user.pk
        if _open[self.user_id] >= MOST_SOCKETS:
            await self.close(CROWDED)
            return
        _open[self.user_id] += 1
        self.is_counted = True
        structlog.contextvars.bind_contextvars(socket_id=uuid.uuid4().hex[:12], user_id=self.user_id)
        self._start(self._expect_hello())
        self._start(self._beat())
        self._start(self._watch_session())

    def prepare(self) -> None:
        """Set up what this socket keeps in mind."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._received: deque[float] = deque(maxlen=RATE[0] + 1)
        self._watched: frozenset[int] = frozenset()
        self._pending: dict[int, str] = {}
        self._price_timer: asyncio.TimerHandle | None = None
        self._prices_sent_at = 0.0
        # Numbered events go out by one task at a time: what is caught up on by the watch over the session and
        # what comes live would tell the same event twice, or out of order, where they meet.
        self._in_order = asyncio.Lock()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Messages of the channel layer need no database connection to be looked after first: what a socket asks the database, it
        asks in threads that do so themselves."""
        if message["type"] in ("user.events", "user.event", "user.frame"):
            await getattr(self, message["type"].replace(".", "_"))(message)
        else:
            await super().dispatch(message)

    async def disconnect(self, code: int) -> None:
        """Leave nothing behind."""
        for task in self._tasks:
            task.cancel()
        if self._price_timer is not None:
            self._price_timer.cancel()
        if self.is_counted:
            self.is_counted = False
            _open[self.user_id] -= 1
            if not _open[self.user_id]:
                del _open[self.user_id]
            hub().watch(self, frozenset())
            await self.channel_layer.group_discard(group_of(self.user_id), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a frame of the page; whatever is wrong with it is answered, not raised."""
        if not self.is_counted:
            return
        self._received.append(time.monotonic())
        if len(self._received) > RATE[0] and self._received[-1] - self._received[0] < RATE[1]:
            await self.close(FLOODED)
            return
        if len(text_data or bytes_data or "") > MOST_BYTES:
            await self.close(TOO_LARGE)
            return
        fault = await self._answer(text_data)
        if fault is None:
            self.faults = 0
            return
        self.faults += 1
        await self._send({"type": "error", "code": fault[0], "message": fault[1]})
        if self.faults >= FAULTS_ALLOWED:
            await self.close(BAD)

    async def _answer(self, text: str | None) -> tuple[str, str] | None:
        """Do what a frame asks for; what is wrong with it as (code, sentence), or None."""
        try:
            frame = json.loads(text or "")
        except (ValueError, RecursionError):
            return "bad_json", "Frames are JSON text."
        if not isinstance(frame, dict) or not isinstance(frame.get("action"), str):
            return "bad_frame", "A frame is an object with an “action”."
        action = frame["action"]
        if action == "hello":
            return await self._hello(frame.get("last_event_id"))
        if not self.said_hello:
            return "hello_first", "Say hello first."
        if action == "watch":
            return await self._watch(frame.get("instruments"))
        if action == "ping":
            await self._send({"type": "pong", "at": _now()})
            return None
        return "unknown_action", "There is no such action."

    # --- events ---------------------------------------------------------------------------------------------------

    async def _hello(self, last_event_id: Any) -> tuple[str, str] | None:
        if self.said_hello:
            return "bad_frame", "Hello was said already."
        if last_event_id is not None and (type(last_event_id) is not int or not 0 <= last_event_id < 2**63):
            return "bad_frame", "“last_event_id” is a number from 0 on, or null."
        async with self._in_order:
            self.said_hello = True
            # First listen, then read: what commits in between arrives both ways and is told once, by its number.
            await self.channel_layer.group_add(group_of(self.user_id), self.channel_name)
            if last_event_id is None:
                self.last_sent = await sockets.last_number(self.user_id)
                replayed = 0
            else:
                self.last_sent = last_event_id
                replayed = await self._catch_up()
            await self._send(
                {
                    "type": "ready",
                    "last_event_id": self.last_sent,
                    "replayed": replayed,
                    "heartbeat_seconds": sockets.BEAT,
                }
            )
        return None

    async def _catch_up(self) -> int:
        """Send what is stored after the last number sent; how many events. To be called in order."""
        missed = await sockets.missed_events(self.user_id, self.last_sent)
        self.last_sent = missed.last_number
        if missed.frames is None:
            await self._send({"type": "resync", "last_event_id": missed.last_number})
            return 0
        for frame in missed.frames:
            await self._send(frame)
        return len(missed.frames)

    async def user_events(self, message: dict[str, Any]) -> None:
        """Numbered events from the channel layer, each with its ready frame."""
        async with self._in_order:
            for number, text in message["frames"]:
                if number <= self.last_sent:
                    continue
                if number > self.last_sent + 1:
                    # Numbers commit in order: what lies between is stored, only its message was late or lost.
                    await self._catch_up()
                    continue
                self.last_sent = number
                await self.send(text_data=text)

    async def user_event(self, message: dict[str, Any]) -> None:
        """One numbered event, from a process that still runs the release before."""
        frame = message["frame"]
        await self.user_events({"frames": [(frame["id"], document(frame))]})

    async def user_frame(self, message: dict[str, Any]) -> None:
        """A frame without a number from the channel layer."""
        await self._send(message["frame"])

    async def user_check(self, message: dict[str, Any]) -> None:
        """Somebody's access changed: look now, and once more when a log-out under way has finished."""
        await self._check_session()
        self._start(self._check_soon())

    # --- prices ---------------------------------------------------------------------------------------------------

    async def _watch(self, ids: Any) -> tuple[str, str] | None:
        if not isinstance(ids, list) or not all(type(pk) is int and 0 < pk < 2**63 for pk in ids):
            return "bad_frame", "“instruments” is a list of ids."
        if len(ids) > MOST_WATCHED:
            return "too_many_instruments", f"A page watches at most {MOST_WATCHED} instruments."
        visible = await sockets.visible_instruments(self.user_id, ids)
        self._pending.clear()
        self._watched = visible
        hub().watch(self, visible)
        for pk, encoded in (await sockets.in_thread(current_quotes)(visible)).items():
            self._pending.setdefault(pk, encoded)
        self._schedule_prices()
        return None

    def take_quote(self, instrument_id: int, encoded: str) -> None:
        """From the hub: the latest quote of an instrument that this page watches."""
        self._pending[instrument_id] = encoded
        self._schedule_prices()

    def _schedule_prices(self) -> None:
        if self._pending and self._price_timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._prices_sent_at + PRICE_PAUSE - loop.time())
            self._price_timer = loop.call_later(wait, lambda: self._start(self._send_prices()))

    async def _send_prices(self) -> None:
        self._price_timer = None
        self._prices_sent_at = asyncio.get_running_loop().time()
        pending, self._pending = self._pending, {}
        if pending:
            await self.send(text_data=frame_of(pending.values()))

    # --- staying open ---------------------------------------------------------------------------------------------

    async def _expect_hello(self) -> None:
        await asyncio.sleep(sockets.HELLO_WITHIN)
        if not self.said_hello:
            await self.close(BAD)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(sockets.BEAT)
            await self._send({"type": "ping", "at": _now()})

    async def _watch_session(self) -> None:
        # Soon after the beginning once: a message published while the subscription was on its way shows here.
        await asyncio.sleep(1)
        while True:
            await self._check_session()
            await asyncio.sleep(sockets.CHECK)

    async def _check_soon(self) -> None:
        await asyncio.sleep(1)
        await self._check_session()

    async def _check_session(self) -> None:
        """Close when the session is no longer good; catch up when a message was lost on the way."""
        last = await sockets.last_number_if_allowed(self.user_id, self.scope["session"].session_key)
        if last is None:
            await self.close(SIGNED_OUT)
            return
        async with self._in_order:
            if self.said_hello and last > self.last_sent:
                await self._catch_up()
        if self._watched:
            # What is on an open page goes on to matter: it is refreshed often.
            await sockets.in_thread(note_ids)(self._watched)

    async def _send(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=document(frame))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("socket_task_failed", exc_info=error)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
