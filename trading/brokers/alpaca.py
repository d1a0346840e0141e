"""Alpaca, paper and live: requests through its own client, ``alpaca-py``; its stream of trade updates by ``websockets``.

The client's stream is not used: it reconnects by itself without saying so, and what happened meanwhile would be missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

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
    RemoteExecution,
    RemoteOrder,
    RemotePosition,
    RemoteUpdate,
)

HOSTS: Final = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
_PAGE: Final = 100
_ORDERS_PAGE: Final = 500
#: Nobody needs more in one go; the rest comes with the next pass.
_MOST_PAGES: Final = 200
_UNAUTHORIZED: Final = frozenset({"40110000", "40310100"})
_UPDATE_BYTES: Final = 1 << 20
_Answer = TypeVar("_Answer")


class BaseUrlRefused(ValueError):
    """An address that this site does not send keys to."""


def base_url_of(environment: str, override: str, *, allowed_hosts: list[str]) -> str:
    """The address to speak to: Alpaca's own, or ``override`` where its host (with its port, if it names one) is among
    ``allowed_hosts``. Raises ``BaseUrlRefused`` with a sentence for any other."""
    if not override:
        return HOSTS[environment]
    text = override.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BaseUrlRefused("That is not an address.") from None
    if text == HOSTS[environment]:
        return text
    if parts.username or parts.password or parts.query or parts.fragment or not text.isascii():
        raise BaseUrlRefused("Give the address alone: no names, passwords or queries in it.")
    if any(char in text for char in "\\%@ ") or not host or parts.scheme not in ("http", "https"):
        raise BaseUrlRefused("Give an address that begins with https://.")
    names = {name.strip().lower() for name in allowed_hosts if name.strip()}
    if (host if port is None else f"{host}:{port}") not in names:
        raise BaseUrlRefused(
            "This site sends keys to Alpaca's own addresses only. The administrator can allow others (BROKER_ALLOWED_HOSTS)."
        )
    return text


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
        return _read(_account, found)

    def positions(self) -> list[RemotePosition]:
        """What it holds."""
        found = self._ask(lambda: self._client.get("/positions"))
        return [_read(_position, row) for row in found]

    def submit(self, order: NewOrder) -> RemoteOrder:
        """Place an order."""
        return _read(_order, self._ask(lambda: self._client.post("/orders", _body(order))))

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled."""
        self._ask(lambda: self._client.delete(f"/orders/{order_id}"))

    def replace(self, order_id: str, changes: Changes) -> RemoteOrder:
        """Ask for an order to be replaced."""
        body = {
            "client_order_id": changes.client_order_id,
            "qty": _text(changes.quantity),
            "time_in_force": changes.time_in_force,
            "limit_price": _text(changes.limit_price),
            "stop_price": _text(changes.stop_price),
            "trail": _text(changes.trail),
        }
        body = {name: value for name, value in body.items() if value is not None}
        return _read(_order, self._ask(lambda: self._client.patch(f"/orders/{order_id}", body)))

    def order(self, order_id: str) -> RemoteOrder:
        """One order with its legs."""
        return _read(_order, self._ask(lambda: self._client.get(f"/orders/{order_id}", {"nested": True})))

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
        return _read(_order, found)

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
            found.update({row["id"]: _read(_order, row) for row in fresh})
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
        return [_read(_execution, row) for row in self._pages("/account/activities/FILL", {}, place)]

    def activities_since(self, day: date) -> list[RemoteActivity]:
        """What else moved cash or units on or after a day."""
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
        query = {"category": "non_trade_activity", "after": begins}
        return [_read(_activity, row) for row in self._pages("/account/activities", query, "")]

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
        answer = _frame(socket.recv(self._timeout))
        if answer.get("stream") != "authorization" or answer.get("data", {}).get("status") != "authorized":
            raise BrokerKeysRefusedError("The broker's stream refuses the keys.")
        socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        while True:
            answer = _frame(socket.recv(self._timeout))
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
            frame = _frame(self._socket.recv(timeout))
        except TimeoutError:
            return None
        except (OSError, WebSocketException):
            raise BrokerUnreachableError("The broker's stream has ended.") from None
        if frame.get("stream") != "trade_updates":
            return None
        return _read(_update, frame["data"])


# --- reading ---


def _frame(raw: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        raise BrokerUnreachableError("The broker's stream sent what cannot be read.") from None
    return found if isinstance(found, dict) else {}


def _read(reader: Callable[[Any], _Answer], row: Any) -> _Answer:
    """What a row says. One that lacks what it must have is a fault of the broker, not of the person."""
    try:
        return reader(row)
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError):
        raise BrokerUnreachableError("The broker sent an answer that cannot be read.") from None


def _number(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def _sure(value: Any) -> Decimal:
    number = _number(value)
    if number is None:
        raise ValueError("a number is missing")
    return number


def _instant(value: Any) -> datetime | None:
    if not value:
        return None
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _text(value: Decimal | None) -> str | None:
    """A number as Alpaca writes it: plain, without trailing zeros."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _account(row: Mapping[str, Any]) -> RemoteAccount:
    return RemoteAccount(
        id=str(row["id"]),
        number=str(row["account_number"])[:32],
        currency=str(row.get("currency") or "USD"),
        status=str(row["status"])[:32],
        cash=_sure(row["cash"]),
        equity=_sure(row["equity"]),
        buying_power=_sure(row["buying_power"]),
        multiplier=int(Decimal(str(row.get("multiplier") or 1))),
        may_short=bool(row.get("shorting_enabled")),
        is_blocked=bool(row.get("trading_blocked") or row.get("account_blocked")),
    )


def _position(row: Mapping[str, Any]) -> RemotePosition:
    quantity = abs(_sure(row["qty"]))
    return RemotePosition(
        symbol=str(row["symbol"]),
        is_crypto=row.get("asset_class") == "crypto",
        quantity=-quantity if row.get("side") == "short" else quantity,
        average_price=abs(_sure(row["avg_entry_price"])),
    )


def _order(row: Mapping[str, Any]) -> RemoteOrder:
    submitted = _instant(row.get("submitted_at")) or _instant(row.get("created_at"))
    if submitted is None:
        raise ValueError("an order without a time")
    return RemoteOrder(
        id=str(row["id"]),
        client_order_id=str(row["client_order_id"]),
        symbol=str(row["symbol"]),
        is_crypto=row.get("asset_class") == "crypto",
        side=str(row["side"]),
        type=str(row.get("type") or row["order_type"]),
        time_in_force=str(row["time_in_force"]),
        order_class=str(row.get("order_class") or "simple"),
        status=str(row["status"]),
        quantity=_number(row.get("qty")),
        notional=_number(row.get("notional")),
        limit_price=_number(row.get("limit_price")),
        stop_price=_number(row.get("stop_price")),
        trail_price=_number(row.get("trail_price")),
        trail_percent=_number(row.get("trail_percent")),
        hwm=_number(row.get("hwm")),
        extended_hours=bool(row.get("extended_hours")),
        filled_quantity=_number(row.get("filled_qty")) or Decimal(0),
        filled_avg_price=_number(row.get("filled_avg_price")),
        position_intent=str(row.get("position_intent") or ""),
        replaces=str(row.get("replaces") or ""),
        replaced_by=str(row.get("replaced_by") or ""),
        submitted_at=submitted,
        expires_at=_instant(row.get("expires_at")),
        legs=tuple(_order(leg) for leg in row.get("legs") or ()),
        reason=str(row.get("reject_reason") or row.get("reason") or "")[:250],
    )


def _execution(row: Mapping[str, Any]) -> RemoteExecution:
    at = _instant(row["transaction_time"])
    if at is None:
        raise ValueError("an execution without a time")
    return RemoteExecution(
        id=str(row["id"]),
        order_id=str(row["order_id"]),
        symbol=str(row["symbol"]),
        side="buy" if str(row["side"]) == "buy" else "sell",
        quantity=_sure(row["qty"]),
        price=_sure(row["price"]),
        cum_quantity=_sure(row["cum_qty"]),
        is_last=str(row.get("type")) == "fill",
        at=at,
    )


def _activity(row: Mapping[str, Any]) -> RemoteActivity:
    symbol = str(row.get("symbol") or "")
    return RemoteActivity(
        id=str(row["id"]),
        kind=str(row["activity_type"]),
        day=date.fromisoformat(str(row.get("date") or row["transaction_time"])[:10]),
        amount=_number(row.get("net_amount")) or Decimal(0),
        symbol=symbol,
        is_crypto="/" in symbol or str(row["activity_type"]) == "CFEE",
        quantity=_number(row.get("qty")),
        price=_number(row.get("price")),
        description=str(row.get("description") or "")[:200],
    )


def _update(data: Mapping[str, Any]) -> RemoteUpdate:
    order = _order(data["order"])
    event = str(data["event"])
    execution = None
    if event in ("fill", "partial_fill"):
        at = _instant(data.get("timestamp"))
        execution = RemoteExecution(
            id=str(data.get("execution_id") or f"{order.id}:{order.filled_quantity}"),
            order_id=order.id,
            symbol=order.symbol,
            side=order.side,
            quantity=_sure(data["qty"]),
            price=_sure(data["price"]),
            cum_quantity=order.filled_quantity,
            is_last=event == "fill",
            at=at or order.submitted_at,
        )
    return RemoteUpdate(event=event, order=order, execution=execution)


def _body(order: NewOrder) -> dict[str, Any]:
    body: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "qty": _text(order.quantity),
        "notional": _text(order.notional),
        "limit_price": _text(order.limit_price),
        "stop_price": _text(order.stop_price),
        "trail_price": _text(order.trail_price),
        "trail_percent": _text(order.trail_percent),
        "position_intent": order.position_intent or None,
    }
    body = {name: value for name, value in body.items() if value is not None}
    if order.extended_hours:
        body["extended_hours"] = True
    if order.order_class != "simple":
        body["order_class"] = order.order_class
        if order.take_profit_limit is not None:
            body["take_profit"] = {"limit_price": _text(order.take_profit_limit)}
        if order.stop_loss_stop is not None:
            body["stop_loss"] = {"stop_price": _text(order.stop_loss_stop)}
            if order.stop_loss_limit is not None:
                body["stop_loss"]["limit_price"] = _text(order.stop_loss_limit)
    return body
