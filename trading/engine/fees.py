"""What a fill costs. A tariff is one class with one method and one line in ``_MODELS``.

Fees are returned unrounded, in the currency of the price, never negative; posting rounds them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from trading.engine.types import Side

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a fee is asked for. ``notional`` is quantity x price x value factor, in the price's currency."""

    side: Side
    quantity: Decimal
    notional: Decimal


class FeeModel(Protocol):
    """The port."""

    def fee(self, trade: Trade, /) -> Decimal:
        """The fee of one fill, >= 0. Must not fall when quantity or notional rises."""
        ...


@dataclass(frozen=True, slots=True)
class NoFees:
    """Trading is free (the default of paper accounts)."""

    def fee(self, _trade: Trade, /) -> Decimal:
        """Always zero."""
        return ZERO


@dataclass(frozen=True, slots=True)
class PerShareFees:
    """An amount per unit with a minimum per fill."""

    per_share: Decimal
    minimum: Decimal = ZERO

    def fee(self, trade: Trade, /) -> Decimal:
        """``max(minimum, quantity x per_share)``."""
        return max(self.minimum, trade.quantity * self.per_share)


@dataclass(frozen=True, slots=True)
class PercentFees:
    """A fraction of the traded amount with a minimum per fill (0.001 is 0.1 %)."""

    fraction: Decimal
    minimum: Decimal = ZERO

    def fee(self, trade: Trade, /) -> Decimal:
        """``max(minimum, notional x fraction)``."""
        return max(self.minimum, trade.notional * self.fraction)


_MODELS: dict[str, Callable[..., FeeModel]] = {"per_share": PerShareFees, "percent": PercentFees}


def parse_fee_model(text: str) -> FeeModel:
    """A model from its setting: ``none``, ``per_share:0.005:1.00``, ``percent:0.001`` (rate, then minimum).

    Raises ``ValueError`` with a sentence when the text is not such a setting.
    """
    name, *numbers = text.strip().split(":")
    if name == "none" and not numbers:
        return NoFees()
    try:
        values = [Decimal(number) for number in numbers]
    except InvalidOperation:
        values = []
    if name in _MODELS and 1 <= len(values) <= 2 and all(v.is_finite() and v >= 0 for v in values):
        return _MODELS[name](*values)
    raise ValueError(
        f"{text!r} is not a fee model: write none, per_share:RATE[:MINIMUM] or percent:FRACTION[:MINIMUM]."
    )
