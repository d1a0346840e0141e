"""What an order may look like as a whole: which prices its type takes, how long it may stay, in which hours.

The first rule that is broken is told. The numbers come from outside: nothing here raises, whatever the digits.
"""

from decimal import Decimal

from trading.engine.rules import (
    ASSET_CLASSES_ON_PENNY_GRID,
    MAX_PRICE,
    check_limit_price,
    check_price,
    check_quantity,
    decimals_of,
)
from trading.engine.terms import Terms, Tradable
from trading.engine.types import OrderClass, OrderType, Refusal, TimeInForce
from trading.engine.wording import plain

_STOP_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT)
_EVERY = frozenset(TimeInForce)
_RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
#: Which times in force an order type of a whole-unit stock order takes.
STOCK_MATRIX: dict[OrderType, frozenset[TimeInForce]] = {
    OrderType.MARKET: _EVERY,
    OrderType.LIMIT: _EVERY,
    OrderType.STOP: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.TRAILING_STOP: _RESTING,
}
CRYPTO_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT})
CRYPTO_TIMES = frozenset({TimeInForce.GTC, TimeInForce.IOC})
FRACTIONAL_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})
_NAMES = {
    TimeInForce.DAY: "day",
    TimeInForce.GTC: "good till cancelled (gtc)",
    TimeInForce.IOC: "immediate or cancel (ioc)",
    TimeInForce.FOK: "fill or kill (fok)",
    TimeInForce.OPG: "opening auction (opg)",
    TimeInForce.CLS: "closing auction (cls)",
}


def check_terms(terms: Terms, thing: Tradable, *, position: Decimal = Decimal(0)) -> Refusal | None:
    """Every rule that needs nothing but the order and its instrument; groups have their own on top.

    Of the ``position`` it matters only that all of it may be closed, whatever specks there are beyond the step.
    """
    return (
        _check_thing(thing)
        or _check_size(terms, thing, position)
        or _check_prices(terms, thing)
        or _check_time(terms, thing)
        or _check_fraction(terms, thing)
        or _check_hours(terms)
    )


def is_fractional(terms: Terms, thing: Tradable) -> bool:
    """Whether it is about a part of a unit, or about an amount of money."""
    if terms.notional is not None:
        return True
    return thing.kind == "stock" and terms.quantity is not None and decimals_of(terms.quantity) > 0


def _check_thing(thing: Tradable) -> Refusal | None:
    if not thing.is_active:
        return Refusal(
            code="instrument_inactive", message=f"{thing.symbol} is no longer traded.", field="instrument"
        )
    if not thing.is_tradable:
        return Refusal(
            code="instrument_not_tradable",
            message=f"{thing.symbol} cannot be traded here.",
            field="instrument",
        )
    if thing.status == "halted":
        because = f" {thing.status_reason}" if thing.status_reason else ""
        return Refusal(
            code="instrument_halted",
            message=f"Trading in {thing.symbol} is halted.{because}",
            field="instrument",
        )
    return None


def _check_size(terms: Terms, thing: Tradable, position: Decimal) -> Refusal | None:
    if terms.quantity is None and terms.notional is None:
        return Refusal(
            code="quantity_or_notional_required",
            message="Give a quantity or an amount of money.",
            field="quantity",
        )
    if terms.quantity is not None and terms.notional is not None:
        return Refusal(
            code="quantity_and_notional",
            message="Give either a quantity or an amount of money, not both.",
            field="notional",
        )
    if terms.quantity is not None:
        closes_all = terms.quantity == abs(position) and position != 0
        step = Decimal(0) if closes_all else thing.quantity_step
        return check_quantity(terms.quantity, step=step, symbol=thing.symbol)
    return _check_amount(terms.notional or Decimal(0))


def _check_amount(notional: Decimal) -> Refusal | None:
    if not notional.is_finite() or notional <= 0:
        return Refusal(
            code="notional_invalid",
            message="The amount must be a number greater than zero.",
            field="notional",
        )
    if notional > MAX_PRICE:
        return Refusal(
            code="notional_too_large",
            message=f"The amount cannot be more than {plain(MAX_PRICE)}.",
            field="notional",
        )
    if decimals_of(notional) > 2:
        return Refusal(
            code="notional_invalid", message="The amount can have at most 2 decimals.", field="notional"
        )
    return None


def _check_prices(terms: Terms, thing: Tradable) -> Refusal | None:
    is_exit_of_oco = terms.order_class is OrderClass.OCO and terms.limit_price is None
    if not is_exit_of_oco:
        refusal = check_limit_price(
            terms.limit_price,
            order_type=terms.type,
            asset_class=thing.asset_class,
            price_increment=thing.price_increment,
        )
        if refusal is not None:
            return refusal
    if terms.type in _STOP_TYPES:
        if terms.stop_price is None:
            return Refusal(
                code="stop_price_required",
                message=f"A {terms.type.value.replace('_', ' ')} order needs a stop price.",
                field="stop_price",
            )
        return named_price(terms.stop_price, "stop_price", thing) or _no_trail(terms)
    if terms.stop_price is not None:
        return Refusal(
            code="stop_price_not_allowed",
            message=f"A {terms.type.value.replace('_', ' ')} order has no stop price.",
            field="stop_price",
        )
    return _check_trail(terms) if terms.type is OrderType.TRAILING_STOP else _no_trail(terms)


def named_price(price: Decimal, name: str, thing: Tradable) -> Refusal | None:
    """A price on the instrument's grid; ``name`` is the field it was given in."""
    return check_price(price, name=name, asset_class=thing.asset_class, price_increment=thing.price_increment)


def _no_trail(terms: Terms) -> Refusal | None:
    if terms.trail_price is None and terms.trail_percent is None:
        return None
    return Refusal(
        code="trail_not_allowed",
        message="Only a trailing stop order has a trail.",
        field="trail_price" if terms.trail_price is not None else "trail_percent",
    )


def _check_trail(terms: Terms) -> Refusal | None:
    if (terms.trail_price is None) == (terms.trail_percent is None):
        return Refusal(
            code="trail_required",
            message="A trailing stop needs a trail: an amount or a percentage, one of the two.",
            field="trail_price",
        )
    if terms.trail_price is not None:
        price = terms.trail_price
        if not price.is_finite() or price <= 0 or price > MAX_PRICE or decimals_of(price) > 12:
            return Refusal(
                code="trail_price_invalid",
                message="The trail must be an amount greater than zero.",
                field="trail_price",
            )
        return None
    percent = terms.trail_percent or Decimal(0)
    if not percent.is_finite() or not 0 < percent < 100 or decimals_of(percent) > 12:
        return Refusal(
            code="trail_percent_invalid",
            message="The trail must be a percentage greater than 0 and less than 100.",
            field="trail_percent",
        )
    return None


def _check_time(terms: Terms, thing: Tradable) -> Refusal | None:
    kind = terms.type.value.replace("_", " ")
    if thing.kind == "crypto":
        if terms.type not in CRYPTO_TYPES:
            return Refusal(
                code="type_not_allowed",
                message=f"Crypto trades by market, limit and stop limit orders; a {kind} order is not taken.",
                field="type",
            )
        if terms.time_in_force not in CRYPTO_TIMES:
            return _time_refused("Crypto orders are good till cancelled (gtc) or immediate or cancel (ioc).")
        return None
    if terms.time_in_force not in STOCK_MATRIX[terms.type]:
        return _time_refused(
            f"A {kind} order is a day order or good till cancelled (gtc); "
            f"{_NAMES[terms.time_in_force]} goes with market and limit orders."
        )
    return None


def _time_refused(message: str) -> Refusal:
    return Refusal(code="time_in_force_not_allowed", message=message, field="time_in_force")


def _check_fraction(terms: Terms, thing: Tradable) -> Refusal | None:
    if thing.kind != "stock" and terms.notional is None:
        return None
    if not is_fractional(terms, thing):
        return None
    field = "notional" if terms.notional is not None else "quantity"
    if not thing.is_fractionable:
        return Refusal(
            code="not_fractionable", message=f"{thing.symbol} trades in whole units only.", field=field
        )
    if terms.order_class is not OrderClass.SIMPLE:
        return Refusal(
            code="fractional_simple_only",
            message="An order for a part of a unit or by amount cannot have exits: send a simple order.",
            field="order_class",
        )
    if thing.asset_class not in ASSET_CLASSES_ON_PENNY_GRID:
        return None
    if terms.type not in FRACTIONAL_TYPES:
        return Refusal(
            code="fractional_type",
            message="A trailing stop takes whole units only.",
            field="type",
        )
    if terms.time_in_force is not TimeInForce.DAY:
        return Refusal(
            code="fractional_day_only",
            message="An order for a part of a unit or by amount is a day order.",
            field="time_in_force",
        )
    return None


def _check_hours(terms: Terms) -> Refusal | None:
    if not terms.extended_hours:
        return None
    if terms.order_class is not OrderClass.SIMPLE:
        return Refusal(
            code="extended_hours_simple_only",
            message="An order with exits trades in regular hours only.",
            field="extended_hours",
        )
    if terms.type is not OrderType.LIMIT or terms.time_in_force not in _RESTING:
        return Refusal(
            code="extended_hours_limit_only",
            message="Outside regular hours only limit orders for the day or good till cancelled are taken.",
            field="extended_hours",
        )
    return None
