"""The wire: what the counter refuses, in the codes and words that programs know.

Operations raise ``DomainError`` with a code of the site's own and a sentence for people. Where programs look for a
certain text, it is given here; else the sentence goes out as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portfolio_site.kernel.errors import DomainError
from trading.wire.errors import FORBIDDEN, INVALID_FIELD, NOT_FOUND, RULE_VIOLATION, WireError
from trading.wire.values import text_of

#: code of the site -> (code of the wire, its text; None: the sentence of the refusal)
_KNOWN: dict[str, tuple[int, str | None]] = {
    "client_order_id_invalid": (INVALID_FIELD, "client_order_id must be no more than 128 characters"),
    "client_order_id_required": (INVALID_FIELD, "client_order_id must be no more than 128 characters"),
    "client_order_id_taken": (INVALID_FIELD, "client_order_id must be unique"),
    "instrument_inactive": (INVALID_FIELD, None),
    "instrument_not_found": (NOT_FOUND, None),
    "instrument_not_tradable": (RULE_VIOLATION, None),
    "limit_price_invalid": (INVALID_FIELD, "limit price must be > 0"),
    "limit_price_not_allowed": (INVALID_FIELD, "market orders require no stop or limit price"),
    "limit_price_required": (INVALID_FIELD, "limit price is required"),
    "limit_price_too_large": (INVALID_FIELD, None),
    "no_cash_in_currency": (FORBIDDEN, "insufficient buying power"),
    "notional_too_large": (FORBIDDEN, None),
    "order_not_found": (NOT_FOUND, "order not found"),
    "portfolio_archived": (FORBIDDEN, "account is closed"),
    "portfolio_not_found": (NOT_FOUND, "account not found"),
    "portfolio_not_tradable": (FORBIDDEN, None),
    "price_missing": (RULE_VIOLATION, None),
    "price_stale": (RULE_VIOLATION, None),
    "quantity_invalid": (INVALID_FIELD, "qty must be > 0"),
    "quantity_too_large": (INVALID_FIELD, None),
    "read_only": (FORBIDDEN, None),
}

#: By HTTP status, for a code that is not in the table.
_BY_STATUS = {403: FORBIDDEN, 404: NOT_FOUND, 409: INVALID_FIELD}


def _buying_power(refusal: DomainError) -> WireError:
    facts = refusal.details
    return WireError(
        FORBIDDEN,
        "insufficient buying power",
        buying_power=str(facts.get("buying_power", "0")),
        cost_basis=str(facts.get("required", "0")),
    )


def _quantity(refusal: DomainError) -> WireError:
    facts = refusal.details
    requested, available = facts.get("requested", "0"), facts.get("available", "0")
    more: dict[str, Any] = {name: facts[name] for name in ("symbol", "related_orders") if name in facts}
    return WireError(
        FORBIDDEN,
        f"insufficient qty available for order (requested: {requested}, available: {available})",
        available=str(available),
        existing_qty=str(facts.get("existing_quantity", "0")),
        held_for_orders=str(facts.get("held_for_orders", "0")),
        **more,
    )


def _step(refusal: DomainError) -> WireError:
    """Whole units only means that the asset is not fractionable; any other step is a matter of the number."""
    if "whole units" in refusal.message:
        symbol = refusal.message.partition(" ")[0]
        return WireError(FORBIDDEN, f'asset "{symbol}" is not fractionable')
    return WireError(INVALID_FIELD, refusal.message)


def _too_small(refusal: DomainError) -> WireError:
    least = text_of(refusal.details.get("minimum", 1))
    return WireError(FORBIDDEN, f"cost basis must be >= minimal amount of order {least}")


def _sub_penny(refusal: DomainError) -> WireError:
    field = refusal.field or "limit_price"
    price = refusal.details.get("price")
    named = field if price is None else f"{field} {price}"
    return WireError(
        RULE_VIOLATION,
        f"invalid {named}. sub-penny increment does not fulfill minimum pricing criteria",
    )


def _not_cancelable(refusal: DomainError) -> WireError:
    status = refusal.details.get("order_status", "unknown")
    return WireError(RULE_VIOLATION, f'order is already in "{status}" state')


_MADE: dict[str, Callable[[DomainError], WireError]] = {
    "insufficient_buying_power": _buying_power,
    "no_cash_in_currency": _buying_power,
    "insufficient_quantity": _quantity,
    "quantity_step": _step,
    "notional_too_small": _too_small,
    "sub_penny": _sub_penny,
    "order_not_cancelable": _not_cancelable,
}


def wire_error_of(refusal: DomainError) -> WireError:
    """The wire's error for a refusal of the site."""
    make = _MADE.get(refusal.code)
    if make is not None:
        return make(refusal)
    known = _KNOWN.get(refusal.code)
    if known is not None:
        code, text = known
        return WireError(code, text or refusal.message)
    return WireError(_BY_STATUS.get(refusal.status, RULE_VIOLATION), refusal.message)
