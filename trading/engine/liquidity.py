"""How well an account's orders are treated: slippage, latency, participation and price improvement.

A ``FillModel`` belongs to a trading account. Everything that looks like chance comes from its ``seed``, the order's id
and the number of the fill: the same inputs give the same fills, on any machine and in any year.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from hashlib import blake2b
from uuid import UUID

ZERO = Decimal(0)
ONE = Decimal(1)
_WIDE = Context(prec=60)
_BASIS_POINT = Decimal("0.0001")
_STEPS = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel:
    """``slippage_bps``: a taker pays up to this many basis points beyond the touch. ``latency_ms``: an order
    reaches the exchange between half of this and this many milliseconds after it was placed. ``participation``: the
    share of what is on offer (or, where no size is quoted, of the day's volume) that the account may take; None: all
    that is quoted. ``price_improvement``: up to this share of the spread is given back to a taker."""

    seed: int = 0
    slippage_bps: Decimal = ZERO
    latency_ms: int = 0
    participation: Decimal | None = None
    price_improvement: Decimal = ZERO

    @property
    def draws(self) -> bool:
        """Whether prices depend on chance."""
        return self.slippage_bps > 0 or self.price_improvement > 0


#: Fills at the touch, at once, as much as is quoted.
IDEAL = FillModel()


def draw(model: FillModel, order_id: UUID, what: str, number: int = 0) -> Decimal:
    """A number in [0, 1) that depends on the model's seed, the order, the purpose and a running number only."""
    text = f"{model.seed}:{order_id}:{what}:{number}".encode()
    bits = int.from_bytes(blake2b(text, digest_size=4).digest(), "big")
    return _WIDE.divide(Decimal(bits), Decimal(_STEPS))


def latency_of(model: FillModel, order_id: UUID) -> timedelta:
    """How long the order is under way: between half of the model's latency and all of it."""
    if model.latency_ms <= 0:
        return timedelta(0)
    share = (1 + draw(model, order_id, "latency")) / 2
    return timedelta(microseconds=int(model.latency_ms * 1000 * share))


def taker_price(
    model: FillModel,
    *,
    order_id: UUID,
    number: int,
    is_buy: bool,
    price: Decimal,
    spread: Decimal,
    tick: Decimal,
) -> Decimal:
    """The touch made worse by slippage and better by improvement, on the price grid and never below one tick.

    Rounding is against the trader, to the grid, so that a model cannot pay out fractions of a tick. With neither
    configured the touch comes back as it is.
    """
    worse = better = ZERO
    if model.slippage_bps > 0:
        slip = model.slippage_bps * _BASIS_POINT * draw(model, order_id, "slippage", number)
        worse = _WIDE.multiply(price, slip)
    if model.price_improvement > 0 and spread > 0:
        better = _WIDE.multiply(
            spread, model.price_improvement * draw(model, order_id, "improvement", number)
        )
    if worse == better:
        return price
    moved = price + worse - better if is_buy else price - worse + better
    on_grid = to_grid(moved, tick, up=is_buy)
    return max(on_grid, tick)


def to_grid(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """The price on the grid of ``tick``, rounded up or down."""
    if tick <= 0:
        return price
    count = _WIDE.divide(price, tick).to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return _WIDE.multiply(count, tick)


def to_step(quantity: Decimal, step: Decimal) -> Decimal:
    """The quantity rounded down to a multiple of ``step``; as it is where there is none."""
    if step <= 0:
        return quantity
    count = _WIDE.divide(quantity, step).to_integral_value(rounding=ROUND_FLOOR)
    return _WIDE.multiply(count, step)


def offered(
    model: FillModel,
    *,
    size: Decimal | None,
    volume: Decimal | None,
    taken: Decimal,
    taken_today: Decimal,
) -> Decimal | None:
    """Units an account may still take on one side of a quote; None when nothing limits it.

    ``size`` is what is quoted, ``taken`` what the account already took of it; without a size the cap counts against
    the day's ``volume``, of which the account traded ``taken_today``.
    """
    if size is not None:
        share = ONE if model.participation is None else model.participation
        return max(_WIDE.multiply(size, share) - taken, ZERO)
    if model.participation is not None and volume is not None:
        return max(_WIDE.multiply(volume, model.participation) - taken_today, ZERO)
    return None
