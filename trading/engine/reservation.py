"""Money held for an order that opens a position: enough for it at the worst price it may get.

A buy with a limit cannot cost more than its limit, one without a limit no more than its collar. A short sale is held at its
limit, or 3 % above the ask where that is more. In a margin account what is held is buying power: the amount itself, and
fees times the multiplier, because a fee is paid with money that could have carried a multiple of it.
"""

from decimal import Context, Decimal

from trading.engine.fees import FeeModel, Trade
from trading.engine.triggers import collar_price
from trading.engine.types import Side

_WIDE = Context(prec=60)
#: A short sale is held at the ask and this much more (3 %), as the price can rise before it trades.
SHORT_CUSHION = Decimal("1.03")


def worst_price(*, limit_price: Decimal | None, reference_price: Decimal) -> Decimal:
    """The price a buy is reserved at, per unit: its limit, or the reference price plus the collar."""
    return limit_price if limit_price is not None else collar_price(reference_price)


def short_price(*, limit_price: Decimal | None, ask: Decimal) -> Decimal:
    """The price an opening short sale is reserved at, per unit: ``max(limit, 1.03 x ask)``."""
    cushioned = _WIDE.multiply(ask, SHORT_CUSHION)
    return cushioned if limit_price is None else max(limit_price, cushioned)


def needed(*, amount: Decimal, fees: Decimal, multiplier: int, is_marginable: bool) -> Decimal:
    """What an opening order holds: of the buying power where it is marginable, of the cash where it is not."""
    return amount + fees * multiplier if is_marginable else amount + fees


def buy_cost(
    *, quantity: Decimal, price: Decimal, value_factor: Decimal, fees: FeeModel
) -> tuple[Decimal, Decimal]:
    """(amount, fee) of buying ``quantity`` units at ``price``, unrounded.

    ``value_factor`` turns price x quantity into money: the contract multiplier, divided by 100 for
    instruments quoted in percent.
    """
    notional = quantity * price * value_factor
    return notional, fees.fee(Trade(side=Side.BUY, quantity=quantity, notional=notional))
