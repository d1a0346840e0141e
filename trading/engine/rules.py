"""What an order must look like before anything is asked of the books: numbers, steps, price grid, limits.

Each rule returns the first ``Refusal`` it finds or None. The numbers come from outside, so nothing here may
raise, whatever the digits: arithmetic runs in a wide context of its own.
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from trading.engine.types import OrderType, Refusal
from trading.engine.wording import plain, price_text

_WIDE = Context(prec=80)
#: The columns are numeric(28,12): more digits before the point would fit, but no sane order needs them.
MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000)
MAX_DECIMALS = 12
ASSET_CLASSES_ON_PENNY_GRID = frozenset({"equity", "etf"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionalLimits:
    """Smallest and largest traded amount of one order, in the currency of the price."""

    minimum: Decimal = Decimal(1)
    maximum: Decimal = Decimal(100_000_000)


def decimals_of(number: Decimal) -> int:
    """Significant places after the point (``1.500`` has one)."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    digits = number.as_tuple().digits
    zeros = 0
    for digit in reversed(digits):
        if digit:
            break
        zeros += 1
    return 0 if zeros == len(digits) else max(0, -exponent - zeros)


def check_quantity(quantity: Decimal, *, step: Decimal, symbol: str) -> Refusal | None:
    """Positive, finite, sane, and a multiple of the instrument's step."""
    if not quantity.is_finite():
        return Refusal(code="quantity_invalid", message="The quantity must be a number.", field="quantity")
    if quantity <= 0:
        return Refusal(
            code="quantity_invalid", message="The quantity must be greater than zero.", field="quantity"
        )
    if quantity > MAX_QUANTITY:
        return Refusal(
            code="quantity_too_large",
            message=f"The quantity cannot be more than {plain(MAX_QUANTITY)}.",
            field="quantity",
        )
    if decimals_of(quantity) > MAX_DECIMALS:
        return Refusal(
            code="quantity_step",
            message=f"The quantity can have at most {MAX_DECIMALS} decimals.",
            field="quantity",
        )
    if step > 0 and _WIDE.remainder(quantity, step) != 0:
        unit = "whole units" if step == 1 else f"steps of {plain(step)}"
        return Refusal(code="quantity_step", message=f"{symbol} trades in {unit} only.", field="quantity")
    return None


def check_limit_price(
    limit_price: Decimal | None,
    *,
    order_type: OrderType,
    asset_class: str,
    price_increment: Decimal | None = None,
) -> Refusal | None:
    """Present exactly for limit and stop-limit orders, positive, sane, and on the price grid."""
    if order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        if limit_price is not None:
            kind = order_type.value.replace("_", " ")
            return Refusal(
                code="limit_price_not_allowed",
                message=f"A {kind} order has no limit price. Choose a limit order, or leave the price empty.",
                field="limit_price",
            )
        return None
    if limit_price is None:
        kind = order_type.value.replace("_", " ")
        return Refusal(
            code="limit_price_required", message=f"A {kind} order needs a limit price.", field="limit_price"
        )
    return check_price(
        limit_price, name="limit_price", asset_class=asset_class, price_increment=price_increment
    )


def check_price(
    price: Decimal, *, name: str, asset_class: str, price_increment: Decimal | None = None
) -> Refusal | None:
    """A price that somebody names: a number, positive, sane, and on the price grid. ``name`` is its field."""
    words = name.replace(".", " ").replace("_", " ")
    if not price.is_finite() or price <= 0:
        return Refusal(
            code=f"{name.rpartition('.')[2]}_invalid",
            message=f"The {words} must be a number greater than zero.",
            field=name,
        )
    if price > MAX_PRICE:
        return Refusal(
            code=f"{name.rpartition('.')[2]}_too_large",
            message=f"The {words} cannot be more than {plain(MAX_PRICE)}.",
            field=name,
        )
    return _check_grid(price, name=name, asset_class=asset_class, price_increment=price_increment)


def _check_grid(
    price: Decimal, *, name: str, asset_class: str, price_increment: Decimal | None
) -> Refusal | None:
    """Stocks: two decimals from 1.00 up, four below (SEC rule 612). All else: what the column holds, or the
    instrument's own grid."""
    words = name.replace(".", " ").replace("_", " ")
    if asset_class in ASSET_CLASSES_ON_PENNY_GRID:
        allowed = 2 if price >= 1 else 4
        if decimals_of(price) > allowed:
            below = "from 1.00 up" if allowed == 2 else "below 1.00"
            return Refusal(
                code="sub_penny",
                message=f"The {words} can have at most {allowed} decimals {below}.",
                field=name,
            )
    elif decimals_of(price) > MAX_DECIMALS:
        return Refusal(
            code="price_increment",
            message=f"The {words} can have at most {MAX_DECIMALS} decimals.",
            field=name,
        )
    elif price_increment is not None and _WIDE.remainder(price, price_increment) != 0:
        return Refusal(
            code="price_increment",
            message=f"The {words} must be a multiple of {plain(price_increment)}.",
            field=name,
        )
    return None


def price_grid(price: Decimal, *, asset_class: str, price_increment: Decimal | None = None) -> Decimal:
    """The smallest step of a price of this size."""
    if asset_class in ASSET_CLASSES_ON_PENNY_GRID:
        return Decimal("0.01") if price >= 1 else Decimal("0.0001")
    return price_increment or Decimal(1).scaleb(-MAX_DECIMALS)


def check_notional(
    notional: Decimal, *, closes_position: bool, limits: NotionalLimits, currency: str
) -> Refusal | None:
    """The traded amount within its limits. What closes the whole position, long or short, may be as small as it is."""
    if notional > limits.maximum:
        return Refusal(
            code="notional_too_large",
            message=(
                f"The order is worth about {price_text(notional.quantize(Decimal('0.01'), context=_WIDE))} "
                f"{currency}; one order can be worth at most {plain(limits.maximum)}."
            ),
            field="quantity",
        )
    if notional < limits.minimum and not closes_position:
        return Refusal(
            code="notional_too_small",
            message=f"An order must be worth at least {plain(limits.minimum)} {currency}.",
            field="quantity",
        )
    return None
