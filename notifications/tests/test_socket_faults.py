"""A socket that ends by a fault of ours leaves nothing behind: nobody says of it that it was disconnected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator

from accounts.models import User
from notifications import consumers, sockets


@pytest.mark.django_db
def test_a_fault_in_a_frame_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    person = User.objects.create_user("person@example.com", "correct horse battery staple")

    async def none(*_: Any) -> int:
        return 0

    async def broken(*_: Any) -> None:
        raise ConnectionError("the database is away")

    async def talk() -> None:
        page = WebsocketCommunicator(consumers.UserConsumer.as_asgi(), "/ws/")
        page.scope |= {"user": person, "session": SimpleNamespace(session_key="none")}
        assert (await page.connect())[0]
        await page.send_json_to({"action": "hello", "last_event_id": None})
        assert (await page.receive_json_from(timeout=10))["type"] == "ready"
        assert consumers._open[person.pk] == 1
        await page.send_json_to({"action": "watch", "instruments": [1]})
        with pytest.raises(ConnectionError):
            await page.wait(timeout=10)

    monkeypatch.setattr(sockets, "last_number", none)
    monkeypatch.setattr(sockets, "visible_instruments", broken)
    async_to_sync(talk)()
    assert person.pk not in consumers._open
