"""What a group of orders must look like: bracket, OTO and OCO. Pure.

A bracket is an entry with both exits, an OTO an entry with one of them or both, an OCO both exits for a position that is there
(its limit order is the take-profit). For a long position the take-profit lies above the stop-loss, and the stop-loss at
least one cent below the base: the market price, the limit of a limit entry, for an OCO also its take-profit. Mirrored for
a short one.
"""

from decimal import Decimal

from trading.engine.rules_orders import named_price
from trading.engine.terms import Terms, Tradable
from trading.engine.types import OrderClass, OrderType, Refusal, Side, TimeInForce
from trading.engine.wording import plain

CENT = Decimal("0.01")
_ENTRIES = frozenset({OrderType.MARKET, OrderType.LIMIT})
_RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})


def check_group(terms: Terms, thing: Tradable) -> Refusal | None:
    """The parts of a group and their prices, as far as they need no market price."""
    kind = terms.order_class
    if kind is OrderClass.SIMPLE:
        if terms.take_profit is not None or terms.stop_loss is not None:
            return Refusal(
                code="exits_not_allowed",
                message="A simple order has no take-profit and no stop-loss: choose bracket, oco or oto.",
                field="order_class",
            )
        return None
    if thing.kind == "crypto":
        return Refusal(
            code="order_class_not_allowed",
            message="Crypto orders cannot have exits: send a simple order.",
            field="order_class",
        )
    return _check_parts(terms) or _check_kind(terms) or _check_exit_prices(terms, thing)


def _check_parts(terms: Terms) -> Refusal | None:
    kind, take, stop = terms.order_class, terms.take_profit, terms.stop_loss
    if kind is OrderClass.OTO:
        if take is None and stop is None:
            return Refusal(
                code="oto_no_exit",
                message="An OTO order has an exit: a take-profit, a stop-loss, or both.",
                field="take_profit",
            )
    else:
        oco_by_limit = kind is OrderClass.OCO and terms.limit_price is not None
        if (take is None or take.limit_price is None) and not oco_by_limit:
            return Refusal(
                code="take_profit_required",
                message=f"A {kind.value} order needs take_profit.limit_price.",
                field="take_profit.limit_price",
            )
        if stop is None:
            return Refusal(
                code="stop_loss_required",
                message=f"A {kind.value} order needs stop_loss.stop_price.",
                field="stop_loss.stop_price",
            )
    if take is not None and take.limit_price is None and kind is not OrderClass.OCO:
        return Refusal(
            code="take_profit_required",
            message="A take-profit needs its limit price.",
            field="take_profit.limit_price",
        )
    if stop is not None and stop.stop_price is None:
        return Refusal(
            code="stop_loss_required",
            message="A stop-loss needs its stop price.",
            field="stop_loss.stop_price",
        )
    return None


def _check_kind(terms: Terms) -> Refusal | None:
    name = terms.order_class.value
    if terms.order_class is OrderClass.OCO:
        if terms.type is not OrderType.LIMIT:
            return Refusal(code="oco_limit_only", message="The type of an OCO order is limit.", field="type")
        take = terms.take_profit
        if (
            take is not None
            and take.limit_price is not None
            and terms.limit_price is not None
            and take.limit_price != terms.limit_price
        ):
            return Refusal(
                code="oco_two_limits",
                message="The limit price of an OCO order is its take-profit: the two given differ.",
                field="take_profit.limit_price",
            )
    elif terms.type not in _ENTRIES:
        return Refusal(
            code="group_entry_type",
            message=f"The entry of a {name} order is a market or a limit order.",
            field="type",
        )
    if terms.time_in_force not in _RESTING:
        return Refusal(
            code="group_time_in_force",
            message=f"A {name} order is a day order or good till cancelled (gtc).",
            field="time_in_force",
        )
    return None


def take_profit_price(terms: Terms) -> Decimal | None:
    """The take-profit's price wherever it was given."""
    if terms.take_profit is not None and terms.take_profit.limit_price is not None:
        return terms.take_profit.limit_price
    return terms.limit_price if terms.order_class is OrderClass.OCO else None


def _check_exit_prices(terms: Terms, thing: Tradable) -> Refusal | None:
    take, stop = take_profit_price(terms), terms.stop_loss
    if take is not None:
        refusal = named_price(take, "take_profit.limit_price", thing)
        if refusal is not None:
            return refusal
    if stop is None or stop.stop_price is None:
        return None
    refusal = named_price(stop.stop_price, "stop_loss.stop_price", thing)
    if refusal is None and stop.limit_price is not None:
        refusal = named_price(stop.limit_price, "stop_loss.limit_price", thing)
    if refusal is not None:
        return refusal
    is_long = exits_long(terms)
    if take is not None and (take <= stop.stop_price if is_long else take >= stop.stop_price):
        side = "above" if is_long else "below"
        return Refusal(
            code="take_profit_side",
            message=f"The take-profit must lie {side} the stop-loss.",
            field="take_profit.limit_price",
        )
    if stop.limit_price is not None and (
        stop.limit_price > stop.stop_price if is_long else stop.limit_price < stop.stop_price
    ):
        side = "above" if is_long else "below"
        return Refusal(
            code="stop_loss_limit_side",
            message=f"The limit of the stop-loss must not lie {side} its stop price.",
            field="stop_loss.limit_price",
        )
    return None


def exits_long(terms: Terms) -> bool:
    """Whether the exits close a long position."""
    exit_side = terms.side if terms.order_class is OrderClass.OCO else terms.side.opposite
    return exit_side is Side.SELL


def check_base(terms: Terms, *, market_price: Decimal) -> tuple[Refusal, Decimal] | None:
    """The stop-loss against the base: at least a cent on its own side. Returns the refusal and the base."""
    stop = terms.stop_loss
    if terms.order_class is OrderClass.SIMPLE or stop is None or stop.stop_price is None:
        return None
    is_long = exits_long(terms)
    bases = [market_price]
    if terms.order_class is OrderClass.OCO:
        take = take_profit_price(terms)
        bases += [] if take is None else [take]
    elif terms.limit_price is not None:
        bases = [terms.limit_price]
    base = min(bases) if is_long else max(bases)
    if (stop.stop_price <= base - CENT) if is_long else (stop.stop_price >= base + CENT):
        return None
    bound = f"at most {plain(base - CENT)}" if is_long else f"at least {plain(base + CENT)}"
    return (
        Refusal(
            code="stop_loss_base",
            message=f"The stop price of the stop-loss must be {bound}: the base is {plain(base)}.",
            field="stop_loss.stop_price",
        ),
        base,
    )
