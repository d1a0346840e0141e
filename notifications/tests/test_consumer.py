"""The socket's own order of things, where two of its tasks meet: driven by hand, so that they meet every time."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from notifications import sockets
from notifications.consumers import UserConsumer
from notifications.queries import Missed


class Books:
    """What is stored for the person, read as slowly as a test wants it."""

    def __init__(self) -> None:
        self.last = 0
        self.reads = 0
        self.gate = asyncio.Event()
        self.is_read = asyncio.Event()

    async def missed_events(self, user_id: int, after: int) -> Missed:
        self.reads += 1
        frames = [_event(number) for number in range(after + 1, self.last + 1)]
        last = self.last
        self.is_read.set()
        await self.gate.wait()
        return Missed(last_number=last, frames=frames)

    async def last_number(self, user_id: int) -> int:
        last = self.last
        self.is_read.set()
        await self.gate.wait()
        return last

    async def last_number_if_allowed(self, user_id: int, session_key: str | None) -> int | None:
        return self.last


def _event(number: int) -> dict[str, Any]:
    return {"type": "event", "id": number}


def _socket(books: Books, monkeypatch: Any) -> tuple[UserConsumer, list[dict[str, Any]]]:
    for name in ("missed_events", "last_number", "last_number_if_allowed"):
        monkeypatch.setattr(sockets, name, getattr(books, name))
    sent: list[dict[str, Any]] = []

    async def send(text_data: str) -> None:
        # As on a real socket, others get their turn while a frame is on its way.
        await asyncio.sleep(0)
        sent.append(json.loads(text_data))

    async def group_add(group: str, channel: str) -> None:
        await asyncio.sleep(0)

    socket = UserConsumer()
    socket.user_id, socket.is_counted = 7, True
    socket.scope = {"session": SimpleNamespace(session_key="s")}
    socket.channel_layer, socket.channel_name = SimpleNamespace(group_add=group_add), "c"
    socket.send = send
    socket.prepare()
    return socket, sent


def _numbers(sent: list[dict[str, Any]]) -> list[int]:
    return [frame["id"] for frame in sent if frame["type"] == "event"]


class TestCatchingUpMeetsALiveEvent:
    def test_the_event_is_told_once_and_in_order(self, monkeypatch):
        async def story() -> list[int]:
            books = Books()
            socket, sent = _socket(books, monkeypatch)
            socket.said_hello, books.last = True, 2
            # The look at the session finds two events whose messages were late ...
            looking = asyncio.create_task(socket._check_session())
            await books.is_read.wait()
            # ... and while it reads them they come, and one more.
            books.last = 3
            coming = [asyncio.create_task(socket.user_event({"frame": _event(n)})) for n in (1, 2, 3)]
            await asyncio.sleep(0)
            books.gate.set()
            await asyncio.gather(looking, *coming)
            return _numbers(sent)

        assert asyncio.run(story()) == [1, 2, 3]

    def test_two_that_catch_up_do_not_tell_it_twice(self, monkeypatch):
        async def story() -> list[int]:
            books = Books()
            socket, sent = _socket(books, monkeypatch)
            socket.said_hello, books.last = True, 3
            tasks = [asyncio.create_task(socket._check_session()) for _ in range(2)]
            tasks.append(asyncio.create_task(socket.user_event({"frame": _event(3)})))
            await books.is_read.wait()
            books.gate.set()
            await asyncio.gather(*tasks)
            return _numbers(sent)

        assert asyncio.run(story()) == [1, 2, 3]

    def test_an_event_does_not_come_between_those_that_are_caught_up(self, monkeypatch):
        async def story() -> list[int]:
            books = Books()
            socket, sent = _socket(books, monkeypatch)
            socket.said_hello, books.last = True, 20
            books.gate.set()
            looking = asyncio.create_task(socket._check_session())
            for _ in range(12):
                await asyncio.sleep(0)
            assert 0 < len(sent) < 20
            await asyncio.gather(looking, socket.user_event({"frame": _event(21)}))
            return _numbers(sent)

        assert asyncio.run(story()) == list(range(1, 22))


class TestHello:
    def test_a_look_at_the_session_during_hello_tells_nothing_of_the_past(self, monkeypatch):
        async def story() -> list[dict[str, Any]]:
            books = Books()
            socket, sent = _socket(books, monkeypatch)
            books.last = 40
            greeting = asyncio.create_task(socket._hello(None))
            await books.is_read.wait()
            looking = asyncio.create_task(socket._check_session())
            await asyncio.sleep(0)
            books.gate.set()
            await asyncio.gather(greeting, looking)
            return sent

        [ready] = asyncio.run(story())
        assert (ready["type"], ready["last_event_id"]) == ("ready", 40)

    def test_an_event_during_hello_comes_after_ready_once(self, monkeypatch):
        async def story() -> list[Any]:
            books = Books()
            socket, sent = _socket(books, monkeypatch)
            books.last = 2
            greeting = asyncio.create_task(socket._hello(1))
            await books.is_read.wait()
            books.last = 3
            coming = [asyncio.create_task(socket.user_event({"frame": _event(n)})) for n in (2, 3)]
            await asyncio.sleep(0)
            books.gate.set()
            await asyncio.gather(greeting, *coming)
            return [frame.get("id", frame["type"]) for frame in sent]

        assert asyncio.run(story()) == [2, "ready", 3]
