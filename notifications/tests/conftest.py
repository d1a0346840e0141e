"""The bell's tests: people, and sockets to the real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from notifications import operations
from notifications.messages import Message

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def person(db):
    return get_user_model().objects.create_user("person@example.com", "secret-person-1", name="Petra Person")


@pytest.fixture
def outsider(db):
    return get_user_model().objects.create_user("outsider@example.com", "secret-outsider-1")


@pytest.fixture
def tell():
    """Tell somebody of event number ``event_id``; returns the number it got."""

    def tell(user, event_id: int, **more: Any) -> int | None:
        more.setdefault("kind", "order.filled")
        more.setdefault("title", f"Event {event_id}")
        return operations.notify(message=Message(user_id=user.pk, **more), event_id=event_id, now=NOW)

    return tell


class Socket:
    """A browser's side of the socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, frame: Any) -> None:
        self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def receive(self, timeout: float = 10) -> dict[str, Any]:
        """The next frame, signs of life aside."""
        while True:
            frame: dict[str, Any] = json.loads(self.connection.recv(timeout=timeout))
            if frame["type"] != "ping":
                return frame

    def hello(self, last_event_id: int | None = None) -> list[dict[str, Any]]:
        """Say hello and return what came up to and with `ready`."""
        self.send({"action": "hello", "last_event_id": last_event_id})
        frames = [self.receive()]
        while frames[-1]["type"] != "ready":
            frames.append(self.receive())
        return frames

    def silent(self, seconds: float = 0.7) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False

    def close_code(self, timeout: float = 10) -> int | None:
        """Wait for the server to close; its code."""
        try:
            while True:
                self.connection.recv(timeout=timeout)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        except TimeoutError:
            return None


OpenSocket = Callable[..., Any]


@pytest.fixture
def browser_of() -> Callable[[Any], Client]:
    """A signed-in browser of somebody."""

    def browser_of(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser_of


@pytest.fixture
def open_socket(live_site, browser_of) -> OpenSocket:
    """Open a socket as somebody (None: anonymous), with a browser of theirs or a new one."""

    @contextmanager
    def open_socket(
        user: Any = None, *, client: Client | None = None, origin: Any = None
    ) -> Iterator[Socket]:
        headers = {}
        if user is not None:
            client = client or browser_of(user)
            headers["Cookie"] = f"sessionid={client.cookies['sessionid'].value}"
        with connect(
            f"{live_site.socket_url}/ws/",
            additional_headers=headers,
            origin=origin,
            close_timeout=2,
        ) as connection:
            yield Socket(connection)

    return open_socket
