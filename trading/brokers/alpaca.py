"""Alpaca, paper and live: requests through its own client, ``alpaca-py``; its stream of trade updates by ``websockets``.

The client's stream is not used: it reconnects by itself without saying so, and what happened meanwhile would be missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from trading.brokers.alpaca_words import (
    account_of,
    activity_of,
    asset_of,
    body_of,
    execution_of,
    frame_of,
    number_text,
    order_of,
    position_of,
    read_as,
    update_of,
)
from trading.brokers.base import (
    BrokerBusyError,
    BrokerError,
    BrokerKeysRefusedError,
    BrokerOrderUnknownError,
    BrokerRefusedError,
    BrokerUnreachableError,
    Changes,
    Credentials,
    DuplicateClientOrderIdError,
    NewOrder,
    RemoteAccount,
    RemoteActivity,
    RemoteAsset,
    RemoteExecution,
    RemoteOrder,
    RemotePosition,
    RemoteUpdate,
)

if TYPE_CHECKING:
    from alpaca.common.exceptions import APIError

_PAGE: Final = 100
_ORDERS_PAGE: Final = 500
#: Nobody needs more in one go; the rest comes with the next pass.
_MOST_PAGES: Final = 200
_UNAUTHORIZED: Final = frozenset({"40110000", "40310100"})
_UPDATE_BYTES: Final = 1 << 20
_Answer = TypeVar("_Answer")


class _PatientAdapter(HTTPAdapter):
    """Every request has an end: the client itself sets no time limit."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        super().__init__()

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        if options.get("timeout") is None:
            options["timeout"] = (min(self.timeout, 5.0), self.timeout)
        return super().send(request, **options)


class AlpacaBroker:
    """One account at Alpaca. Not for several threads at once."""

    def __init__(self, credentials: Credentials, *, base_url: str, timeout: float = 15.0) -> None:
        self._credentials = credentials
        self._base_url = base_url
        self._timeout = timeout
        # It brings pandas along: seconds and some sixty megabytes, for those only who speak to a broker.
        from alpaca.trading.client import TradingClient

        self._client = TradingClient(
            credentials.key_id,
            credentials.secret,
            raw_data=True,
            url_override=base_url,
        )
        # Trying again is decided here, where it is known what may have arrived.
        self._client._retry = 0
        session = self._client._session
        for scheme in ("https://", "http://"):
            session.mount(scheme, _PatientAdapter(timeout))

    def __repr__(self) -> str:
        return f"AlpacaBroker({self._base_url})"

    # --- requests ---

    def account(self) -> RemoteAccount:
        """The account the keys open."""
        found = self._ask(lambda: self._client.get("/account"))
        return read_as(account_of, found)

    def positions(self) -> list[RemotePosition]:
        """What it holds."""
        found = self._ask(lambda: self._client.get("/positions"))
        return [read_as(position_of, row) for row in found]

    def asset(self, symbol: str) -> RemoteAsset | None:
        """What may be done with an instrument."""
        try:
            found = self._ask(lambda: self._client.get(f"/assets/{quote(symbol, safe='')}"))
        except BrokerOrderUnknownError:
            return None
        return read_as(asset_of, found)

    def submit(self, order: NewOrder) -> RemoteOrder:
        """Place an order."""
        return read_as(order_of, self._ask(lambda: self._client.post("/orders", body_of(order))))

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""
        self._ask(lambda: self._client.delete(f"/orders/{order_id}"))

    def replace(self, order_id: str, changes: Changes) -> RemoteOrder:
        """Ask for an order to be replaced."""
        body = {
            "client_order_id": changes.client_order_id,
            "qty": number_text(changes.quantity),
            "time_in_force": changes.time_in_force,
            "limit_price": number_text(changes.limit_price),
            "stop_price": number_text(changes.stop_price),
            "trail": number_text(changes.trail),
        }
        body = {name: value for name, value in body.items() if value is not None}
        return read_as(order_of, self._ask(lambda: self._client.patch(f"/orders/{order_id}", body)))

    def order(self, order_id: str) -> RemoteOrder:
        """One order with its legs."""
        return read_as(order_of, self._ask(lambda: self._client.get(f"/orders/{order_id}", {"nested": True})))

    def order_by_client_id(self, client_order_id: str) -> RemoteOrder | None:
        """The order that was sent under that name, with its legs."""
        try:
            found = self._ask(
                lambda: self._client.get(
                    "/orders:by_client_order_id", {"client_order_id": client_order_id, "nested": True}
                )
            )
        except BrokerOrderUnknownError:
            return None
        return read_as(order_of, found)

    def open_orders(self) -> list[RemoteOrder]:
        """Every order that has not ended."""
        found: dict[str, RemoteOrder] = {}
        until: str | None = None
        for _ in range(_MOST_PAGES):
            query: dict[str, Any] = {"status": "open", "limit": _ORDERS_PAGE, "direction": "desc"}
            if until is not None:
                query["until"] = until
            rows = self._ask(lambda query=query: self._client.get("/orders", query))  # type: ignore[misc]
            fresh = [row for row in rows if row["id"] not in found]
            found.update({row["id"]: read_as(order_of, row) for row in fresh})
            if len(rows) < _ORDERS_PAGE or not fresh:
                break
            until = rows[-1]["submitted_at"]
        return list(found.values())

    def last_execution_id(self) -> str:
        """The id of the newest execution."""
        rows = self._ask(
            lambda: self._client.get("/account/activities/FILL", {"direction": "desc", "page_size": 1})
        )
        return str(rows[0]["id"]) if rows else ""

    def executions_after(self, place: str) -> list[RemoteExecution]:
        """The executions after a place, the oldest first."""
        return [read_as(execution_of, row) for row in self._pages("/account/activities/FILL", {}, place)]

    def activities_since(self, day: date) -> list[RemoteActivity]:
        """What else moved cash or units on or after a day."""
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
        query = {"category": "non_trade_activity", "after": begins}
        return [read_as(activity_of, row) for row in self._pages("/account/activities", query, "")]

    def _pages(self, path: str, query: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
        for _ in range(_MOST_PAGES):
            asked = {
                **query,
                "direction": "asc",
                "page_size": _PAGE,
                **({"page_token": place} if place else {}),
            }
            rows = self._ask(lambda asked=asked: self._client.get(path, asked))  # type: ignore[misc]
            yield from rows
            if len(rows) < _PAGE or str(rows[-1]["id"]) == place:
                return
            place = str(rows[-1]["id"])

    def _ask(self, call: Callable[[], _Answer]) -> _Answer:
        """Make a request, and say in our words what went wrong."""
        from alpaca.common.exceptions import APIError

        try:
            return call()
        except APIError as error:
            raise self._refusal(error) from None
        except requests.exceptions.ConnectionError as error:
            reason = getattr(error.args[0] if error.args else None, "reason", None)
            never = isinstance(reason, NewConnectionError | ConnectTimeoutError)
            raise BrokerUnreachableError(
                "The broker cannot be reached.", may_have_arrived=not never
            ) from None
        except requests.exceptions.RequestException:
            # An answer that was cut off, or that is no JSON: what was asked for may have been done.
            raise BrokerUnreachableError("The broker did not answer in time.") from None

    def _refusal(self, error: APIError) -> BrokerError:
        status = error.status_code or 0
        try:
            body = json.loads(str(error))
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        code = str(body.get("code", ""))
        message = self._clean(body.get("message")) or f"The broker answered with status {status}."
        if status == 429:
            return BrokerBusyError("The broker asks for fewer requests.")
        if status >= 500 or status < 400:
            return BrokerUnreachableError(f"The broker has a fault of its own (status {status}).")
        # A key of the wrong environment is answered with 403 and no code of a rule.
        if status == 401 or (status == 403 and (not code or code in _UNAUTHORIZED)):
            return BrokerKeysRefusedError("The broker refuses the keys.")
        details = {
            str(name)[:40]: self._clean(value)
            for name, value in body.items()
            if name not in ("code", "message") and isinstance(value, str | int | float)
        }
        kind: type[BrokerRefusedError] = BrokerRefusedError
        if status == 404:
            kind = BrokerOrderUnknownError
        elif "client_order_id must be unique" in message:
            kind = DuplicateClientOrderIdError
        return kind(message, code=code, details=details)

    def _clean(self, value: Any) -> str:
        """A text from outside: short, printable, and without the keys, whatever the other side sends back."""
        text = "" if value is None else str(value)
        for secret in (self._credentials.secret, self._credentials.key_id):
            text = text.replace(secret, "…")
        return "".join(char for char in text if char.isprintable())[:250]

    # --- the stream ---

    @contextmanager
    def stream(self) -> Iterator[AlpacaStream]:
        """Open ``trade_updates``."""
        url = "ws" + self._base_url.removeprefix("http") + "/stream"
        try:
            with connect(
                url, open_timeout=self._timeout, close_timeout=2, max_size=_UPDATE_BYTES, ping_interval=10, ping_timeout=20
            ) as socket:  # fmt: skip
                self._listen(socket)
                yield AlpacaStream(socket)
        except (OSError, WebSocketException):
            raise BrokerUnreachableError("The broker's stream cannot be reached.") from None

    def _listen(self, socket: ClientConnection) -> None:
        keys = {"key_id": self._credentials.key_id, "secret_key": self._credentials.secret}
        socket.send(json.dumps({"action": "authenticate", "data": keys}))
        answer = frame_of(socket.recv(self._timeout))
        if answer.get("stream") != "authorization" or answer.get("data", {}).get("status") != "authorized":
            raise BrokerKeysRefusedError("The broker's stream refuses the keys.")
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        while True:
            answer = frame_of(socket.recv(self._timeout))
            if answer.get("stream") == "listening":
                if "trade_updates" not in (answer.get("data") or {}).get("streams", []):
                    raise BrokerUnreachableError("The broker does not stream this account's orders.")
                return


class AlpacaStream:
    """An open stream."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def receive(self, timeout: float) -> RemoteUpdate | None:
        """The next update, or None when none came in time."""
        try:
            frame = frame_of(self._socket.recv(timeout))
        except TimeoutError:
            return None
        except (OSError, WebSocketException):
            raise BrokerUnreachableError("The broker's stream has ended.") from None
        if frame.get("stream") != "trade_updates":
            return None
        return read_as(update_of, frame["data"])
