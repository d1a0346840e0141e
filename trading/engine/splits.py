"""What a split does to an open order. Pure.

Units are multiplied by the ratio and rounded down to the instrument's step; prices are divided by it and rounded to the
grid so that the order asks for nothing better than before: a buy's prices down, a sale's up.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from trading.engine.liquidity import to_grid, to_step
from trading.engine.rules import price_grid
from trading.engine.terms import Tradable
from trading.engine.types import Side

_WIDE = Context(prec=60)
_TWELVE = Decimal("0.000000000001")
#: The largest term of a ratio that is taken for what a rounded decimal stood for.
LARGEST_TERM = 10_000


def ratio_of(value: Decimal) -> Fraction:
    """The ratio that a decimal of twelve places stands for: 0.333333333333 is one for three. One that stands for no plain
    ratio is taken as it is."""
    exact = Fraction(value)
    plain = exact.limit_denominator(LARGEST_TERM)
    return plain if plain and abs(plain - exact) <= Fraction(_TWELVE) else exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """``ratio`` is new units per old one, exact: 4 for four for one, a third for one for three."""

    ratio: Fraction
    side: Side
    thing: Tradable

    def units(self, quantity: Decimal) -> Decimal:
        """The quantity in new units."""
        new, old = Decimal(self.ratio.numerator), Decimal(self.ratio.denominator)
        return to_step(_WIDE.divide(_WIDE.multiply(quantity, new), old), self.thing.quantity_step)

    def price(self, price: Decimal | None) -> Decimal | None:
        """The price of a new unit, on the grid."""
        if price is None:
            return None
        exact = self._divided(price)
        tick = price_grid(
            exact, asset_class=self.thing.asset_class, price_increment=self.thing.price_increment
        )
        found = to_grid(exact, tick, up=self.side is Side.SELL)
        return max(found, tick)

    def exact(self, price: Decimal | None) -> Decimal | None:
        """A price that need not be on the grid: marks, trails and collars."""
        return None if price is None else self._divided(price).quantize(_TWELVE, context=_WIDE)

    def _divided(self, price: Decimal) -> Decimal:
        new, old = Decimal(self.ratio.numerator), Decimal(self.ratio.denominator)
        return _WIDE.divide(_WIDE.multiply(price, old), new)
