"""Cash held for an open buy: enough to pay for it at the worst price it may get.

A limit buy cannot cost more than its limit. A market buy has no limit, so it is held at the price seen now
plus a collar; what is not needed is released when it fills.
"""

from decimal import Decimal

from trading.engine.fees import FeeModel, Trade
from trading.engine.types import Side

#: How far above the ask a market buy is reserved (2.5 %).
MARKET_COLLAR = Decimal("0.025")


def worst_price(*, limit_price: Decimal | None, reference_price: Decimal) -> Decimal:
    """The price a buy is reserved at, per unit: its limit, or the reference price plus the collar."""
    return limit_price if limit_price is not None else reference_price * (1 + MARKET_COLLAR)


def buy_cost(
    *, quantity: Decimal, price: Decimal, value_factor: Decimal, fees: FeeModel
) -> tuple[Decimal, Decimal]:
    """(amount, fee) of buying ``quantity`` units at ``price``, unrounded.

    ``value_factor`` turns price x quantity into money: the contract multiplier, divided by 100 for
    instruments quoted in percent.
    """
    notional = quantity * price * value_factor
    return notional, fees.fee(Trade(side=Side.BUY, quantity=quantity, notional=notional))
