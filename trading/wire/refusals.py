"""The wire: what the counter refuses, in the codes and words that programs know.

Operations raise ``DomainError`` with a code of the site's own and a sentence for people. Where programs look for a
certain text, it is given here; else the sentence goes out as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portfolio_site.kernel.errors import DomainError
from trading.wire.errors import FORBIDDEN, INVALID_FIELD, NOT_FOUND, RULE_VIOLATION, WireError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a refused request was about: texts that programs look for name it."""

    symbol: str = ""
    order_class: str = "simple"


#: code of the site -> (code of the wire, its text; empty: the sentence of the refusal). ``{symbol}`` and
#: ``{order_class}`` are filled in.
_KNOWN: dict[str, tuple[int, str]] = {
    # the form of an order
    "client_order_id_invalid": (INVALID_FIELD, "client_order_id must be no more than 128 characters"),
    "client_order_id_taken": (INVALID_FIELD, "client_order_id must be unique"),
    "exits_not_allowed": (INVALID_FIELD, "simple orders require no take_profit or stop_loss"),
    "instrument_inactive": (INVALID_FIELD, "asset {symbol} is not active"),
    "instrument_not_found": (NOT_FOUND, "asset not found for {symbol}"),
    "limit_price_invalid": (INVALID_FIELD, "limit price must be > 0"),
    "limit_price_required": (INVALID_FIELD, "limit price is required"),
    "limit_price_too_large": (INVALID_FIELD, ""),
    "notional_invalid": (INVALID_FIELD, ""),
    "oto_no_exit": (INVALID_FIELD, "oto orders require either take_profit or stop_loss"),
    "oco_limit_only": (INVALID_FIELD, "oco orders must be limit orders"),
    "oco_two_limits": (INVALID_FIELD, ""),
    "group_entry_type": (INVALID_FIELD, "{order_class} orders must be market or limit orders"),
    "percentage_invalid": (INVALID_FIELD, "percentage must be between 0 and 100"),
    "quantity_and_notional": (INVALID_FIELD, "only one of qty or notional is accepted"),
    "quantity_and_percentage": (INVALID_FIELD, "only one of qty or percentage is accepted"),
    "quantity_filled": (INVALID_FIELD, "qty must be greater than filled qty"),
    "quantity_invalid": (INVALID_FIELD, "qty must be > 0"),
    "quantity_or_notional_required": (INVALID_FIELD, "qty or notional is required"),
    "quantity_too_large": (INVALID_FIELD, ""),
    "stop_loss_required": (INVALID_FIELD, "{order_class} orders require stop_loss.stop_price"),
    "stop_price_required": (INVALID_FIELD, "stop price is required"),
    "stop_price_invalid": (INVALID_FIELD, "stop price must be > 0"),
    "take_profit_required": (INVALID_FIELD, "{order_class} orders require take_profit.limit_price"),
    "trail_required": (INVALID_FIELD, "trailing stop orders require either trail_price or trail_percent"),
    "trail_not_allowed": (INVALID_FIELD, "only trailing stop orders accept a trail"),
    "trail_percent_invalid": (INVALID_FIELD, ""),
    "trail_price_invalid": (INVALID_FIELD, ""),
    # the rules of the market
    "auction_cutoff": (RULE_VIOLATION, ""),
    "extended_hours_limit_only": (
        RULE_VIOLATION,
        "extended hours order must be DAY or GTC limit orders",
    ),
    "extended_hours_simple_only": (RULE_VIOLATION, "extended hours orders must be simple orders"),
    "fractional_day_only": (RULE_VIOLATION, "fractional orders must be DAY orders"),
    "fractional_simple_only": (RULE_VIOLATION, "fractional orders must be simple orders"),
    "fractional_type": (
        RULE_VIOLATION,
        "fractional orders must be market, limit, stop or stop_limit orders",
    ),
    "group_must_open": (RULE_VIOLATION, "{order_class} orders must be entry orders"),
    "group_time_in_force": (RULE_VIOLATION, "{order_class} orders must be DAY or GTC orders"),
    "instrument_close_only": (RULE_VIOLATION, ""),
    "instrument_halted": (RULE_VIOLATION, ""),
    "instrument_not_tradable": (RULE_VIOLATION, 'asset "{symbol}" is not tradable'),
    "market_closed": (RULE_VIOLATION, ""),
    "not_shortable": (RULE_VIOLATION, 'asset "{symbol}" cannot be sold short'),
    "oco_needs_position": (RULE_VIOLATION, "oco orders must be exit orders"),
    "order_class_not_allowed": (RULE_VIOLATION, "crypto orders must be simple orders"),
    "position_intent": (RULE_VIOLATION, ""),
    "price_collar": (RULE_VIOLATION, ""),
    "price_increment": (RULE_VIOLATION, ""),
    "price_missing": (RULE_VIOLATION, ""),
    "price_stale": (RULE_VIOLATION, ""),
    "short_fractional": (RULE_VIOLATION, "fractional orders cannot be sold short"),
    "take_profit_side": (RULE_VIOLATION, ""),
    "stop_loss_limit_side": (RULE_VIOLATION, ""),
    "time_in_force_not_allowed": (RULE_VIOLATION, ""),
    "type_not_allowed": (RULE_VIOLATION, ""),
    # the state of the account
    "account_blocked": (FORBIDDEN, ""),
    "fractional_not_allowed": (FORBIDDEN, "account is not allowed to trade fractional shares"),
    "max_open_orders": (FORBIDDEN, ""),
    "max_order_notional": (FORBIDDEN, ""),
    "max_order_quantity": (FORBIDDEN, ""),
    "max_position_notional": (FORBIDDEN, ""),
    "not_fractionable": (FORBIDDEN, 'asset "{symbol}" is not fractionable'),
    "notional_too_large": (FORBIDDEN, ""),
    "portfolio_archived": (FORBIDDEN, "account is closed"),
    "portfolio_not_tradable": (FORBIDDEN, ""),
    "read_only": (FORBIDDEN, ""),
    "short_needs_equity": (FORBIDDEN, "account is not allowed to short"),
    "short_not_allowed": (FORBIDDEN, "account is not allowed to short"),
    "site_halted": (FORBIDDEN, ""),
    "trading_suspended": (FORBIDDEN, "new orders are rejected by user request"),
    # what is not there
    "order_not_found": (NOT_FOUND, "order not found"),
    "portfolio_not_found": (NOT_FOUND, "account not found"),
    "position_not_found": (NOT_FOUND, "position does not exist"),
    # watchlists
    "watchlist_name_taken": (INVALID_FIELD, "watchlist name must be unique"),
    "watchlist_refused": (INVALID_FIELD, ""),
    "too_many_instruments": (INVALID_FIELD, ""),
    "too_many_watchlists": (FORBIDDEN, ""),
    "account_refused": (INVALID_FIELD, ""),
}

#: By HTTP status, for a code that is not in the table.
_BY_STATUS = {403: FORBIDDEN, 404: NOT_FOUND, 409: INVALID_FIELD}


def wire_error_of(refusal: DomainError, asked: Asked | None = None) -> WireError:
    """The wire's error for a refusal of the site."""
    about = asked or Asked()
    make = _MADE.get(refusal.code)
    if make is not None:
        return make(refusal, about)
    known = _KNOWN.get(refusal.code)
    if known is None:
        return WireError(_BY_STATUS.get(refusal.status, RULE_VIOLATION), refusal.message)
    code, text = known
    filled = text.format(symbol=about.symbol, order_class=about.order_class)
    return WireError(code, filled or refusal.message)


def _buying_power(refusal: DomainError, about: Asked) -> WireError:
    facts = refusal.details
    return WireError(
        FORBIDDEN,
        "insufficient buying power",
        buying_power=str(facts.get("buying_power", "0")),
        cost_basis=str(facts.get("cost_basis", facts.get("required", "0"))),
    )


def _quantity(refusal: DomainError, about: Asked) -> WireError:
    facts = refusal.details
    requested, available = facts.get("requested", "0"), facts.get("available", "0")
    related = [part for part in str(facts.get("related_orders", "")).split(",") if part]
    more: dict[str, Any] = {"related_orders": related} if related else {}
    return WireError(
        FORBIDDEN,
        f"insufficient qty available for order (requested: {requested}, available: {available})",
        available=str(available),
        existing_qty=str(facts.get("existing_quantity", "0")),
        held_for_orders=str(facts.get("held_for_orders", "0")),
        symbol=about.symbol or str(facts.get("symbol", "")),
        **more,
    )


def _coin_balance(refusal: DomainError, about: Asked) -> WireError:
    """Coins that are not there are a balance, not a quantity."""
    error = _quantity(refusal, about)
    if "/" not in about.symbol:
        return error
    coin, _, _ = about.symbol.partition("/")
    facts = refusal.details
    text = (
        f"insufficient balance for {coin} (requested: {facts.get('requested', '0')}, "
        f"available: {facts.get('available', '0')})"
    )
    return WireError(FORBIDDEN, text, **error.details)


def _step(refusal: DomainError, about: Asked) -> WireError:
    """Whole units only means that the asset is not fractionable; any other step is a matter of the number. Orders of
    fractions keep theirs when they are replaced."""
    if "can be changed" in refusal.message:
        return WireError(RULE_VIOLATION, "unable to replace order: fractional orders cannot change their qty")
    if "whole units" in refusal.message:
        return WireError(FORBIDDEN, f'asset "{about.symbol}" is not fractionable')
    return WireError(INVALID_FIELD, refusal.message)


def _too_small(refusal: DomainError, about: Asked) -> WireError:
    least = refusal.details.get("minimum", "1")
    return WireError(
        FORBIDDEN,
        f"cost basis must be >= minimal amount of order {least}",
        cost_basis=str(refusal.details.get("cost_basis", "0")),
    )


def _limit_not_allowed(refusal: DomainError, about: Asked) -> WireError:
    if refusal.message.startswith("A market"):
        return WireError(INVALID_FIELD, "market orders require no stop or limit price")
    return WireError(INVALID_FIELD, refusal.message)


def _sub_penny(refusal: DomainError, about: Asked) -> WireError:
    field = refusal.field or "limit_price"
    return WireError(
        RULE_VIOLATION,
        f"invalid {field}. sub-penny increment does not fulfill minimum pricing criteria",
    )


def _stop_loss_base(refusal: DomainError, about: Asked) -> WireError:
    base = str(refusal.details.get("base_price", ""))
    sign = "<= base_price - 0.01" if "at most" in refusal.message else ">= base_price + 0.01"
    return WireError(RULE_VIOLATION, f"stop_loss.stop_price must be {sign}", base_price=base)


def _stop_side(refusal: DomainError, about: Asked) -> WireError:
    word = "less" if "less than" in refusal.message else "greater"
    return WireError(RULE_VIOLATION, f"stop price must be {word} than current price")


def _wash_trade(refusal: DomainError, about: Asked) -> WireError:
    return WireError(
        FORBIDDEN,
        "potential wash trade detected. use complex orders",
        existing_order_id=str(refusal.details.get("existing_order_id", "")),
    )


def _opposite(refusal: DomainError, about: Asked) -> WireError:
    text = refusal.message[:1].lower() + refusal.message[1:].rstrip(".")
    return WireError(FORBIDDEN, text, existing_order_id=str(refusal.details.get("existing_order_id", "")))


def _not_cancelable(refusal: DomainError, about: Asked) -> WireError:
    status = refusal.details.get("order_status", "unknown")
    return WireError(RULE_VIOLATION, f'order is already in "{status}" state')


def _not_replaceable(refusal: DomainError, about: Asked) -> WireError:
    status = refusal.details.get("order_status", "unknown")
    if status in {"filled", "canceled", "expired", "rejected", "replaced"}:
        return WireError(RULE_VIOLATION, f'unable to replace order, order is already in "{status}" state')
    return WireError(RULE_VIOLATION, f"unable to replace order: {refusal.message}")


_MADE: dict[str, Callable[[DomainError, Asked], WireError]] = {
    "insufficient_buying_power": _buying_power,
    "no_cash_in_currency": _buying_power,
    "insufficient_quantity": _coin_balance,
    "quantity_step": _step,
    "notional_too_small": _too_small,
    "limit_price_not_allowed": _limit_not_allowed,
    "stop_price_not_allowed": _limit_not_allowed,
    "sub_penny": _sub_penny,
    "stop_loss_base": _stop_loss_base,
    "stop_price_side": _stop_side,
    "wash_trade": _wash_trade,
    "opposite_opening": _opposite,
    "order_not_cancelable": _not_cancelable,
    "order_not_replaceable": _not_replaceable,
}
