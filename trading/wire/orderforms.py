"""The wire's order object, made in one place from a view of an order, as it stands or as it once stood."""

from __future__ import annotations

from typing import Any

from trading.queries import OrderView
from trading.wire.assets import CRYPTO, EQUITY, pair_of, wire_symbol
from trading.wire.values import instant, moment, optional_text, text_of

_CRYPTO_CLASS = "crypto"


def order_form(order: OrderView, *, legs: bool = True) -> dict[str, Any]:
    """The order object. With ``legs`` the members below it stand in it (null where there are none)."""
    submitted = moment(order.submitted_at)
    is_crypto = order.asset_class == _CRYPTO_CLASS
    below = [order_form(leg, legs=False) for leg in order.legs] if legs else []
    return {
        "id": str(order.id),
        "client_order_id": order.client_order_id,
        "created_at": submitted,
        "updated_at": moment(order.updated_at),
        "submitted_at": submitted,
        "filled_at": instant(order.filled_at),
        "expired_at": instant(order.expired_at),
        "expires_at": instant(order.expires_at),
        "canceled_at": instant(order.canceled_at),
        "failed_at": instant(order.failed_at),
        "replaced_at": instant(order.replaced_at),
        "replaced_by": None if order.replaced_by_id is None else str(order.replaced_by_id),
        "replaces": None if order.replaces_id is None else str(order.replaces_id),
        "asset_id": str(order.asset_id),
        "symbol": pair_of(order.symbol, order.currency)
        if is_crypto
        else wire_symbol(order.symbol, order.exchange),
        "asset_class": CRYPTO if is_crypto else EQUITY,
        "notional": optional_text(order.notional),
        "qty": None if order.notional is not None else text_of(order.quantity),
        "filled_qty": text_of(order.filled_quantity),
        "filled_avg_price": optional_text(order.filled_avg_price),
        "order_class": "" if order.order_class == "simple" else order.order_class,
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "time_in_force": order.time_in_force,
        "limit_price": optional_text(order.limit_price),
        "stop_price": optional_text(order.stop_price),
        "status": order.status,
        "extended_hours": order.extended_hours,
        "legs": below or None,
        "trail_percent": optional_text(order.trail_percent),
        "trail_price": optional_text(order.trail_price),
        "hwm": optional_text(order.hwm),
        "position_intent": order.position_intent,
        "subtag": None,
        "source": None,
    }
