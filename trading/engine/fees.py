"""What a fill costs. A tariff is one class with one method and one line in ``_MODELS``; several are joined with ``+``.

Charges are in the currency of the price, never negative. Commissions come unrounded (posting rounds them); regulatory fees
are rounded up to the cent, as they are charged. Crypto fees are taken from what is received: coins of a purchase, money of
a sale.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from typing import Protocol

from trading.engine.fee_rates import SecRate, TafRate, crypto_tier, sec_rate, taf_rate
from trading.engine.types import Liquidity, Side

ZERO = Decimal(0)
CENT = Decimal("0.01")
_WIDE = Context(prec=60)
#: Where a rate comes from that no table has.
_OWN = "rate set for this account or site"
#: Coins taken as a fee are counted to this many decimals.
_COIN_STEP = Decimal("0.000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a fee is asked for. ``notional`` is quantity x price x value factor, in the price's currency.

    ``kind`` is stock, crypto or other; ``volume`` the account's traded amount of the last 30 days.
    """

    side: Side
    quantity: Decimal
    notional: Decimal
    kind: str = "stock"
    currency: str = "USD"
    liquidity: Liquidity = Liquidity.TAKER
    volume: Decimal = ZERO
    on: date = date(2026, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One fee: its kind, its amount of money (what coins are worth, where ``units`` of them are taken), its base."""

    kind: str
    amount: Decimal
    units: Decimal = ZERO
    note: str = ""


class FeeModel(Protocol):
    """The port."""

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """The fees of one fill, each >= 0. Their sum must not fall when quantity or notional rises."""
        ...

    def fee(self, trade: Trade, /) -> Decimal:
        """Their sum in money."""
        ...


class _Summed:
    """What every tariff has from its charges."""

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        raise NotImplementedError

    def fee(self, trade: Trade, /) -> Decimal:
        """The sum of all charges in money."""
        return sum((charge.amount for charge in self.charges(trade)), ZERO)


@dataclass(frozen=True, slots=True)
class NoFees(_Summed):
    """Trading is free."""

    def charges(self, _trade: Trade, /) -> tuple[Charge, ...]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True)
class PerShareFees(_Summed):
    """An amount per unit with a minimum per fill."""

    per_share: Decimal
    minimum: Decimal = ZERO

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """``max(minimum, quantity x per_share)``."""
        return _commission(max(self.minimum, trade.quantity * self.per_share))


@dataclass(frozen=True, slots=True)
class PercentFees(_Summed):
    """A fraction of the traded amount with a minimum per fill (0.001 is 0.1 %)."""

    fraction: Decimal
    minimum: Decimal = ZERO

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """``max(minimum, notional x fraction)``."""
        return _commission(max(self.minimum, trade.notional * self.fraction))


@dataclass(frozen=True, slots=True)
class RegulatoryFees(_Summed):
    """SEC and TAF on sales of US stocks, rounded up to the cent: at the published rates of the day, or at set ones.

    ``sec`` is a fraction of the amount, ``taf`` an amount a share, ``taf_most`` the most of the latter per fill.
    """

    sec: Decimal | None = None
    taf: Decimal | None = None
    taf_most: Decimal | None = None

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """Nothing for purchases, for other kinds, and where the price is not in US dollars."""
        if trade.side is not Side.SELL or trade.kind != "stock" or trade.currency != "USD":
            return ()
        sec, taf = self._rates(trade.on)
        sec_fee = _up(_WIDE.multiply(trade.notional, sec.fraction))
        taf_fee = min(_up(_WIDE.multiply(trade.quantity, taf.per_share)), taf.most)
        found = (
            Charge(kind="sec", amount=sec_fee, note=_note(sec)),
            Charge(kind="taf", amount=taf_fee, note=_note(taf)),
        )
        return tuple(charge for charge in found if charge.amount > 0)

    def _rates(self, on: date) -> tuple[SecRate, TafRate]:
        sec, taf = sec_rate(on), taf_rate(on)
        if self.sec is not None:
            sec = SecRate(date.min, self.sec, _OWN)
        if self.taf is not None:
            taf = TafRate(
                date.min, self.taf, Decimal("Infinity") if self.taf_most is None else self.taf_most, _OWN
            )
        return sec, taf


@dataclass(frozen=True, slots=True)
class CryptoFees(_Summed):
    """Maker and taker fee of crypto, by 30-day volume or at set rates, taken from what is received."""

    maker: Decimal | None = None
    taker: Decimal | None = None

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """Coins of a purchase, money of a sale; nothing for other kinds."""
        if trade.kind != "crypto":
            return ()
        rate = self._rate(trade)
        if rate == 0:
            return ()
        amount = _WIDE.multiply(trade.notional, rate)
        note = f"{trade.liquidity.value} {_WIDE.multiply(rate, Decimal(100)).normalize():f} %"
        if trade.side is Side.SELL:
            return (Charge(kind="crypto", amount=amount, note=note),)
        units = _WIDE.multiply(trade.quantity, rate).quantize(_COIN_STEP, context=_WIDE)
        return (Charge(kind="crypto", amount=amount, units=units, note=note),) if units else ()

    def _rate(self, trade: Trade) -> Decimal:
        if self.maker is not None and self.taker is not None:
            return self.maker if trade.liquidity is Liquidity.MAKER else self.taker
        tier = crypto_tier(trade.volume)
        return tier.maker if trade.liquidity is Liquidity.MAKER else tier.taker


@dataclass(frozen=True, slots=True)
class JoinedFees(_Summed):
    """Several tariffs at once."""

    parts: tuple[FeeModel, ...] = field(default=())

    def charges(self, trade: Trade, /) -> tuple[Charge, ...]:
        """All charges of all parts."""
        return tuple(charge for part in self.parts for charge in part.charges(trade))


#: name -> the model, and how many numbers may follow it.
_MODELS: dict[str, tuple[Callable[..., FeeModel], range]] = {
    "none": (NoFees, range(1)),
    "per_share": (PerShareFees, range(1, 3)),
    "percent": (PercentFees, range(1, 3)),
    "us_regulatory": (RegulatoryFees, range(4)),
    "crypto_tiers": (CryptoFees, range(1)),
    "crypto": (CryptoFees, range(2, 3)),
}
#: What most rates are below; whoever writes 0.25 for 0.25 % is told so.
_FRACTIONS: dict[str, int] = {"us_regulatory": 1, "crypto": 2}


def _note(rate: SecRate | TafRate) -> str:
    return rate.source if rate.source == _OWN else f"{rate.source}, from {rate.since.isoformat()}"


def _commission(amount: Decimal) -> tuple[Charge, ...]:
    return (Charge(kind="commission", amount=amount),) if amount else ()


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_CEILING, context=_WIDE)


def parse_fee_model(text: str) -> FeeModel:
    """A tariff from its text: ``none``, ``per_share:0.005:1.00``, ``percent:0.001`` (rate, then minimum),
    ``us_regulatory`` (the published rates) or ``us_regulatory:SEC:TAF:MOST`` (set ones), ``crypto_tiers`` or
    ``crypto:MAKER:TAKER``, or several joined with ``+``.

    Raises ``ValueError`` with a sentence when the text is not such a setting.
    """
    parts = [_parse_one(part, text) for part in text.strip().split("+")]
    return parts[0] if len(parts) == 1 else JoinedFees(tuple(parts))


def _parse_one(part: str, text: str) -> FeeModel:
    name, *numbers = part.strip().split(":")
    make, counts = _MODELS.get(name, (NoFees, range(0)))
    try:
        values = [Decimal(number) for number in numbers]
    except InvalidOperation:
        values = []
    is_sane = all(value.is_finite() and value >= 0 for value in values)
    if len(numbers) == len(values) and len(values) in counts and is_sane:
        if any(value >= 1 for value in values[: _FRACTIONS.get(name, 0)]):
            raise ValueError(
                f"{text!r} is not a fee model: a rate of 100 % or more (write 0.0025 for 0.25 %)."
            )
        return make(*values)
    raise ValueError(
        f"{text!r} is not a fee model: write none, per_share:RATE[:MINIMUM], percent:FRACTION[:MINIMUM], "
        "us_regulatory[:SEC[:TAF[:MOST]]], crypto_tiers, crypto:MAKER:TAKER, or several of these joined with +."
    )
