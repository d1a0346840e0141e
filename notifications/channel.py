"""The bell: the wire to the server processes that hold people's sockets. Best effort: what is lost here is caught up on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from portfolio_site.kernel.valkey import UNREACHABLE, Outage

_outage = Outage("sockets")


def group_of(user_id: int) -> str:
    """The channel-layer group that all sockets of a person are in."""
    return f"user.{user_id}"


def send_event(user_id: int, frame: dict[str, Any]) -> None:
    """A numbered event for a person's sockets."""
    _send(user_id, {"type": "user.event", "frame": frame})


def send_refresh(user_id: int, frame: dict[str, Any]) -> None:
    """A frame without a number for a person's sockets."""
    _send(user_id, {"type": "user.frame", "frame": frame})


def send_check(user_id: int) -> None:
    """Ask a person's sockets whether their session is still good."""
    _send(user_id, {"type": "user.check"})


def _send(user_id: int, message: dict[str, Any]) -> None:
    # The row is there; the socket finds it at its next check, or the browser when it connects again.
    if _outage.is_on():
        return
    try:
        _in_no_loop(async_to_sync(get_channel_layer().group_send), group_of(user_id), message)
    except UNREACHABLE as error:
        _outage.note(error)
    else:
        _outage.over()


def _in_no_loop(send: Callable[..., Any], *args: Any) -> None:
    """Call ``send`` here, or in a thread of its own where an event loop runs in this one (it would wait for itself)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        send(*args)
        return
    with ThreadPoolExecutor(max_workers=1) as aside:
        aside.submit(send, *args).result()
