"""What Alpaca says and wants to hear, translated to and from the port's words. No network here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from trading.brokers.base import (
    BrokerUnreachableError,
    NewOrder,
    RemoteAccount,
    RemoteActivity,
    RemoteAsset,
    RemoteExecution,
    RemoteOrder,
    RemotePosition,
    RemoteUpdate,
)

_Answer = TypeVar("_Answer")


def frame_of(raw: str | bytes) -> dict[str, Any]:
    """A frame of the stream. Raises ``BrokerUnreachableError`` for one that cannot be read."""
    try:
        found = json.loads(raw)
    except ValueError:
        raise BrokerUnreachableError("The broker's stream sent what cannot be read.") from None
    return found if isinstance(found, dict) else {}


def read_as(reader: Callable[[Any], _Answer], row: Any) -> _Answer:
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


def number_text(value: Decimal | None) -> str | None:
    """A number as Alpaca writes it: plain, without trailing zeros."""
    if value is None:
        return None
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def account_of(row: Mapping[str, Any]) -> RemoteAccount:
    """An account, as `/account` answers it."""
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


def position_of(row: Mapping[str, Any]) -> RemotePosition:
    """A row of `/positions`."""
    quantity = abs(_sure(row["qty"]))
    return RemotePosition(
        symbol=str(row["symbol"]),
        is_crypto=row.get("asset_class") == "crypto",
        quantity=-quantity if row.get("side") == "short" else quantity,
        average_price=abs(_sure(row["avg_entry_price"])),
    )


def asset_of(row: Mapping[str, Any]) -> RemoteAsset:
    """What `/assets/{symbol}` answers."""
    return RemoteAsset(
        symbol=str(row["symbol"]),
        is_tradable=bool(row.get("tradable")) and str(row.get("status") or "active") == "active",
        is_fractionable=bool(row.get("fractionable")),
        is_shortable=bool(row.get("shortable")),
        is_easy_to_borrow=bool(row.get("easy_to_borrow")),
        is_marginable=bool(row.get("marginable")),
    )


def order_of(row: Mapping[str, Any]) -> RemoteOrder:
    """An order with its legs."""
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
        legs=tuple(order_of(leg) for leg in row.get("legs") or ()),
        reason=str(row.get("reject_reason") or row.get("reason") or "")[:250],
    )


def execution_of(row: Mapping[str, Any]) -> RemoteExecution:
    """A row of the list of executions."""
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


def activity_of(row: Mapping[str, Any]) -> RemoteActivity:
    """A row of the other activities."""
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


def update_of(data: Mapping[str, Any]) -> RemoteUpdate:
    """A message of `trade_updates`."""
    order = order_of(data["order"])
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


def body_of(order: NewOrder) -> dict[str, Any]:
    """The body that places an order."""
    body: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        "qty": number_text(order.quantity),
        "notional": number_text(order.notional),
        "limit_price": number_text(order.limit_price),
        "stop_price": number_text(order.stop_price),
        "trail_price": number_text(order.trail_price),
        "trail_percent": number_text(order.trail_percent),
        "position_intent": order.position_intent or None,
    }
    body = {name: value for name, value in body.items() if value is not None}
    if order.extended_hours:
        body["extended_hours"] = True
    if order.order_class != "simple":
        body["order_class"] = order.order_class
        if order.take_profit_limit is not None:
            body["take_profit"] = {"limit_price": number_text(order.take_profit_limit)}
        if order.stop_loss_stop is not None:
            body["stop_loss"] = {"stop_price": number_text(order.stop_loss_stop)}
            if order.stop_loss_limit is not None:
                body["stop_loss"]["limit_price"] = number_text(order.stop_loss_limit)
    return body
