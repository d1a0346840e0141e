"""What an order must look like before anything is asked of the books: numbers, steps, price grid, limits.

Each rule returns the first ``Refusal`` it finds or None. The numbers come from outside, so nothing here may
raise, whatever the digits: arithmetic runs in a wide context of its own.
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from trading.engine.types import OrderType, Refusal, Side
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
    limit_price: Decimal | None, *, order_type: OrderType, asset_class: str
) -> Refusal | None:
    """Present exactly for limit orders, positive, sane, and on the price grid."""
    if order_type is OrderType.MARKET:
        if limit_price is not None:
            return Refusal(
                code="limit_price_not_allowed",
                message="A market order has no limit price. Choose a limit order, or leave the price empty.",
                field="limit_price",
            )
        return None
    if limit_price is None:
        return Refusal(
            code="limit_price_required", message="A limit order needs a limit price.", field="limit_price"
        )
    if not limit_price.is_finite() or limit_price <= 0:
        return Refusal(
            code="limit_price_invalid",
            message="The limit price must be a number greater than zero.",
            field="limit_price",
        )
    if limit_price > MAX_PRICE:
        return Refusal(
            code="limit_price_too_large",
            message=f"The limit price cannot be more than {plain(MAX_PRICE)}.",
            field="limit_price",
        )
    return _check_grid(limit_price, asset_class=asset_class)


def _check_grid(price: Decimal, *, asset_class: str) -> Refusal | None:
    """Stocks: two decimals from 1.00 up, four below (SEC rule 612). All else: what the column holds."""
    if asset_class in ASSET_CLASSES_ON_PENNY_GRID:
        allowed = 2 if price >= 1 else 4
        if decimals_of(price) > allowed:
            below = "from 1.00 up" if allowed == 2 else "below 1.00"
            return Refusal(
                code="sub_penny",
                message=f"The limit price can have at most {allowed} decimals {below}.",
                field="limit_price",
            )
    elif decimals_of(price) > MAX_DECIMALS:
        return Refusal(
            code="limit_price_invalid",
            message=f"The limit price can have at most {MAX_DECIMALS} decimals.",
            field="limit_price",
        )
    return None


def check_notional(
    notional: Decimal, *, side: Side, closes_position: bool, limits: NotionalLimits, currency: str
) -> Refusal | None:
    """The traded amount within its limits. A sale that closes the whole position may be as small as it is."""
    if notional > limits.maximum:
        return Refusal(
            code="notional_too_large",
            message=(
                f"The order is worth about {price_text(notional.quantize(Decimal('0.01'), context=_WIDE))} "
                f"{currency}; one order can be worth at most {plain(limits.maximum)}."
            ),
            field="quantity",
        )
    if notional < limits.minimum and not (side is Side.SELL and closes_position):
        return Refusal(
            code="notional_too_small",
            message=f"An order must be worth at least {plain(limits.minimum)} {currency}.",
            field="quantity",
        )
    return None
