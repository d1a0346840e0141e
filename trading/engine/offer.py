"""What can be chosen for an order of an instrument: the same rules that refuse an order, read as a list of choices. Pure."""

from dataclasses import dataclass

from trading.engine.rules_orders import CRYPTO_TIMES, CRYPTO_TYPES, FRACTIONAL_TYPES, STOCK_MATRIX
from trading.engine.types import OrderClass, OrderType, TimeInForce

_RESTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What an instrument's orders may be. ``times`` names the times in force of each type, ``part_types`` and ``part_times``
    those of an order for a part of a unit or by amount; ``usual_time`` is what a ticket starts with. The order of every list
    is the one in which people are offered it."""

    types: tuple[OrderType, ...]
    times: dict[OrderType, tuple[TimeInForce, ...]]
    part_types: tuple[OrderType, ...]
    part_times: tuple[TimeInForce, ...]
    classes: tuple[OrderClass, ...]
    group_times: tuple[TimeInForce, ...]
    usual_time: TimeInForce
    has_extended_hours: bool


def offer_of(kind: str, *, has_extended_hours: bool = False) -> Offer:
    """The choices of a ``kind`` of instrument (stock, crypto or other: see ``Tradable``)."""
    is_crypto = kind == "crypto"
    types = tuple(each for each in OrderType if not is_crypto or each in CRYPTO_TYPES)
    times = {
        each: tuple(
            time for time in TimeInForce if time in (CRYPTO_TIMES if is_crypto else STOCK_MATRIX[each])
        )
        for each in types
    }
    is_stock = kind == "stock"
    part_times = (TimeInForce.DAY,) if is_stock else times[OrderType.MARKET]
    return Offer(
        types=types,
        times=times,
        part_types=tuple(each for each in types if not is_stock or each in FRACTIONAL_TYPES),
        part_times=part_times,
        classes=(OrderClass.SIMPLE,) if is_crypto else tuple(OrderClass),
        group_times=tuple(time for time in TimeInForce if time in _RESTING),
        usual_time=TimeInForce.GTC if is_crypto else TimeInForce.DAY,
        has_extended_hours=has_extended_hours and not is_crypto,
    )
