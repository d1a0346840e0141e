"""The bell: the wire to the server processes that hold people's sockets. Best effort: what is lost here is caught up on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings

from portfolio_site.kernel.valkey import UNREACHABLE, Outage
from portfolio_site.kernel.whispering import whisper_all

_outage = Outage("sockets")

#: Who is told, and a message for the consumers of their sockets.
News = tuple[int, dict[str, Any]]


def group_of(user_id: int) -> str:
    """The channel-layer group that all sockets of a person are in."""
    return f"user.{user_id}"


def events_for(user_id: int, frames: Sequence[tuple[int, str]]) -> News:
    """Numbered events for a person's sockets: number and ready frame of each, in order."""
    return user_id, {"type": "user.events", "frames": list(frames)}


def frame_for(user_id: int, frame: dict[str, Any]) -> News:
    """A frame without a number for a person's sockets."""
    return user_id, {"type": "user.frame", "frame": frame}


def check_of(user_id: int) -> News:
    """The question to a person's sockets whether their session is still good."""
    return user_id, {"type": "user.check"}


def send(news: Iterable[News]) -> None:
    """Tell everybody; nobody waits for an answer.

    This is ``group_send`` of the channel layer for many groups at once: the same message on the same channel. The layer's own
    costs an event loop and a connection for each message where the sender has no loop.
    """
    # The row is there; the socket finds it at its next check, or the browser when it connects again.
    if _outage.is_on():
        return
    layer = get_channel_layer()
    prefix = settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"]
    try:
        whisper_all(
            [(f"{prefix}__group__{group_of(user_id)}", layer.serialize(message)) for user_id, message in news]
        )
    except UNREACHABLE as error:
        _outage.note(error)
    else:
        _outage.over()
