"""From the words of a request to terms: what is no order at all is refused here, before anything is looked up."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from trading.engine.terms import StopLoss, TakeProfit, Terms
from trading.engine.types import OrderClass, OrderType, PositionIntent, Side, TimeInForce
from trading.operations.errors import OrderRefusedError

MAX_CLIENT_ORDER_ID = 128
_Kind = TypeVar("_Kind", bound=StrEnum)


def check_client_order_id(client_order_id: str) -> None:
    """1 to 128 printable characters."""
    if (
        not client_order_id
        or len(client_order_id) > MAX_CLIENT_ORDER_ID
        or not client_order_id.isprintable()
        or client_order_id != client_order_id.strip()
    ):
        raise OrderRefusedError(
            f"A client order id has 1 to {MAX_CLIENT_ORDER_ID} printable characters.",
            code="client_order_id_invalid",
            field="client_order_id",
        )


def read_terms(
    *,
    side: str,
    type: str,  # noqa: A002 - the field's own name
    time_in_force: str,
    quantity: Decimal | None,
    notional: Decimal | None,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    trail_price: Decimal | None,
    trail_percent: Decimal | None,
    extended_hours: bool,
    order_class: str,
    take_profit: TakeProfit | None,
    stop_loss: StopLoss | None,
    position_intent: str | None,
) -> Terms:
    """The terms, every word one that is known and every number a finite Decimal. Raises ``OrderRefusedError``."""
    numbers = {
        "quantity": quantity,
        "notional": notional,
        "limit_price": limit_price,
        "stop_price": stop_price,
        "trail_price": trail_price,
        "trail_percent": trail_percent,
        "take_profit.limit_price": None if take_profit is None else take_profit.limit_price,
        "stop_loss.stop_price": None if stop_loss is None else stop_loss.stop_price,
        "stop_loss.limit_price": None if stop_loss is None else stop_loss.limit_price,
    }
    known_side = one_of(side, Side, "side")
    known_type = one_of(type, OrderType, "type")
    known_time = one_of(time_in_force, TimeInForce, "time_in_force")
    known_class = one_of(order_class or OrderClass.SIMPLE.value, OrderClass, "order_class")
    intent = one_of(position_intent, PositionIntent, "position_intent") if position_intent else None
    for name, number in numbers.items():
        check_number(name, number)
    return Terms(
        side=known_side,
        type=known_type,
        time_in_force=known_time,
        quantity=quantity,
        notional=notional,
        limit_price=limit_price,
        stop_price=stop_price,
        trail_price=trail_price,
        trail_percent=trail_percent,
        extended_hours=extended_hours,
        order_class=known_class,
        take_profit=take_profit,
        stop_loss=stop_loss,
        position_intent=intent,
    )


def one_of(value: str, kinds: type[_Kind], name: str) -> _Kind:
    """The member of an enumeration with that value. Raises ``OrderRefusedError`` with the choices."""
    try:
        return kinds(value)
    except ValueError:
        options = ", ".join(kind.value for kind in kinds)
        raise OrderRefusedError(f"Choose one of: {options}.", code=f"{name}_unknown", field=name) from None


def check_number(name: str, number: Decimal | None) -> None:
    """A finite Decimal or nothing. A float is a fault of the caller (``TypeError``)."""
    if number is None:
        return
    if not isinstance(number, Decimal):
        raise TypeError(f"{name} is Decimal, not {number.__class__.__name__}")
    if not number.is_finite():
        raise OrderRefusedError(
            "This must be a number.", code=f"{name.rpartition('.')[2]}_invalid", field=name
        )
