"""Yahoo's live stream on this machine: a WebSocket server that sends what a test tells it to."""

from __future__ import annotations

import base64
import json
import queue
import threading
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from yfinance.pricing_pb2 import PricingData


def frame(symbol: str, price: float, **fields: Any) -> str:
    """A tick as it goes over the wire: base64 of protobuf in JSON."""
    data = PricingData(
        id=symbol,
        price=price,
        **{"time": 1_795_203_000_000, "currency": "USD", "market_hours": 1, "quote_type": 8, **fields},
    )
    return json.dumps({"type": "pricing", "message": base64.b64encode(data.SerializeToString()).decode()})


class StreamServer:
    """`said` is what clients asked for, `send` goes to the one that is connected, `hang_up` ends its connection."""

    def __init__(self) -> None:
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._client: ServerConnection | None = None
        self._connected = threading.Event()
        self._server = serve(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def send(self, *messages: str | bytes) -> None:
        """Send to the client."""
        assert self._connected.wait(5)
        assert self._client is not None
        for message in messages:
            self._client.send(message)

    def hang_up(self) -> None:
        """End the connection."""
        assert self._connected.wait(5)
        assert self._client is not None
        self._client.close()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join(5)

    def _serve(self, connection: ServerConnection) -> None:
        self._client = connection
        self._connected.set()
        try:
            for message in connection:
                said = json.loads(message)
                self.said.put({name: sorted(symbols) for name, symbols in said.items()})
        except ConnectionClosed:
            return


@pytest.fixture
def stream_server() -> Any:
    """A stream for one test."""
    server = StreamServer()
    yield server
    server.close()
