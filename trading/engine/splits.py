"""What a split does to an open order. Pure.

Units are multiplied by the ratio and rounded down to the instrument's step; prices are divided by it and rounded to the
grid so that the order asks for nothing better than before: a buy's prices down, a sale's up.
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from trading.engine.liquidity import to_grid, to_step
from trading.engine.rules import price_grid
from trading.engine.terms import Tradable
from trading.engine.types import Side

_WIDE = Context(prec=60)
_TWELVE = Decimal("0.000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """``ratio`` is new units per old one: 4 for four for one, 0.1 for one for ten."""

    ratio: Decimal
    side: Side
    thing: Tradable

    def units(self, quantity: Decimal) -> Decimal:
        """The quantity in new units."""
        return to_step(_WIDE.multiply(quantity, self.ratio), self.thing.quantity_step)

    def price(self, price: Decimal | None) -> Decimal | None:
        """The price of a new unit, on the grid."""
        if price is None:
            return None
        exact = _WIDE.divide(price, self.ratio)
        tick = price_grid(
            exact, asset_class=self.thing.asset_class, price_increment=self.thing.price_increment
        )
        found = to_grid(exact, tick, up=self.side is Side.SELL)
        return max(found, tick)

    def exact(self, price: Decimal | None) -> Decimal | None:
        """A price that need not be on the grid: marks, trails and collars."""
        return None if price is None else _WIDE.divide(price, self.ratio).quantize(_TWELVE, context=_WIDE)
