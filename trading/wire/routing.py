"""The wire: which consumer answers which address that stays open. Keys come in the first message, so no cookie counts here."""

from __future__ import annotations

import re
from typing import Any, Final

from channels.routing import URLRouter
from django.urls import URLPattern, re_path

from trading.wire.gate import PREFIX
from trading.wire.streams.events import TradeEventsConsumer
from trading.wire.streams.market_data import CoinDataConsumer, MarketDataConsumer
from trading.wire.streams.trade_updates import TradeUpdatesConsumer

#: A base URL that ends in a slash makes two of them.
_EVENTS: Final = re.compile(rf"{PREFIX}/+v2/events/trades")


async def _nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """No such socket: the handshake is refused (403)."""
    await receive()
    await send({"type": "websocket.close"})


websocket_urlpatterns: list[URLPattern] = [
    re_path(r"^alpaca/+stream$", TradeUpdatesConsumer.as_asgi()),
    re_path(r"^alpaca/+v2/(?:iex|sip|delayed_sip|test|otc|boats|overnight)$", MarketDataConsumer.as_asgi()),
    re_path(r"^alpaca/+v1beta3/crypto/[a-z0-9-]+$", CoinDataConsumer.as_asgi()),
    re_path(r"", _nowhere),  # type: ignore[arg-type]
]
http_urlpatterns: list[URLPattern] = [
    re_path(r"^alpaca/+v2/events/trades$", TradeEventsConsumer.as_asgi()),
]

programs = URLRouter(websocket_urlpatterns)
events = URLRouter(http_urlpatterns)


def is_wire(scope: dict[str, Any]) -> bool:
    """Whether a socket is a program's."""
    path_: str = scope["path"]
    return path_.startswith(f"{PREFIX}/")


def is_event_stream(scope: dict[str, Any]) -> bool:
    """Whether a request is one that stays open."""
    return _EVENTS.fullmatch(scope["path"]) is not None
