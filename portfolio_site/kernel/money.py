"""The ground floor: money. Decimal only; rounding half even to the currency's minor unit, here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final

#: ISO 4217 currencies whose minor unit is not 1/100.
_MINOR_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
    # Coins used as a cash currency are divisible further than the books need; eight digits are kept.
    **dict.fromkeys("BTC ETH SOL XRP ADA BNB DOGE LTC USDC USDT DOT".split(), 8),
}

#: Quoting units of an exchange that are not currencies: code -> (currency, units per currency).
QUOTING_UNITS: Final[dict[str, tuple[str, Decimal]]] = {
    "GBp": ("GBP", Decimal(100)),
    "GBX": ("GBP", Decimal(100)),
    "ZAc": ("ZAR", Decimal(100)),
    "ZAX": ("ZAR", Decimal(100)),
    "ILA": ("ILS", Decimal(100)),
}

#: ISO 4217 codes in use, funds and metals codes aside.
ISO_CURRENCIES: Final[frozenset[str]] = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
    UAH UGX USD UYI UYU UYW UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG""".split()
)

# Wide enough for numeric(28,12) × numeric(28,12) without losing a digit.
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def is_currency(code: str) -> bool:
    """Say whether `code` may be the currency of cash: ISO 4217, or a coin the books keep eight digits of."""
    return code in ISO_CURRENCIES or _MINOR_DIGITS.get(code) == 8


def minor_digits(currency: str) -> int:
    """Return how many decimal places amounts in `currency` have (2 unless ISO 4217 says otherwise)."""
    return _MINOR_DIGITS.get(currency, 2)


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round `amount` half even to the minor unit of `currency`.

    Raises `TypeError` for anything that is not a Decimal and `ValueError` for NaN and infinities: a figure that
    went through binary floating point is already wrong.
    """
    _require_decimal(amount)
    return amount.quantize(_minor_unit(currency), context=_CONTEXT)


@lru_cache(maxsize=1000)
def _minor_unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-minor_digits(currency))


def _require_decimal(amount: object) -> None:
    if not isinstance(amount, Decimal):
        raise TypeError(f"money is Decimal, not {type(amount).__name__}")
    if not amount.is_finite():
        raise ValueError("money must be a finite number")


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency. Adding different currencies raises; multiplying keeps every digit."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        _require_decimal(self.amount)
        if not is_currency(self.currency):
            raise ValueError(f"unknown currency {self.currency!r}")

    def _same(self, other: Money) -> None:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up without a rate")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(_CONTEXT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(_CONTEXT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, Decimal | int):
            raise TypeError(f"money × {type(factor).__name__} is not money")
        return Money(_CONTEXT.multiply(self.amount, Decimal(factor)), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def rounded(self) -> Money:
        """Return the amount rounded half even to the currency's minor unit."""
        return Money(round_money(self.amount, self.currency), self.currency)

    def allocate(self, weights: list[Decimal]) -> list[Money]:
        """Split the rounded amount in proportion to `weights` so that the parts add up to it exactly.

        Largest-remainder method: every part is rounded down in minor units, and the units left over go to the
        largest remainders. Raises `ValueError` when there are no weights, a negative one, or only zeros.
        """
        if not weights or any(weight < 0 for weight in weights) or sum(weights) == 0:
            raise ValueError("weights must be non-negative and not all zero")
        unit = Decimal(1).scaleb(-minor_digits(self.currency))
        whole = int(_CONTEXT.divide(round_money(self.amount, self.currency), unit))
        total = sum(weights, Decimal(0))
        exact = [_CONTEXT.divide(_CONTEXT.multiply(Decimal(whole), weight), total) for weight in weights]
        parts = [int(share.to_integral_value(rounding="ROUND_FLOOR")) for share in exact]
        order = sorted(range(len(parts)), key=lambda i: (exact[i] - parts[i], -i), reverse=True)
        for index in order[: whole - sum(parts)]:
            parts[index] += 1
        return [Money(_CONTEXT.multiply(Decimal(part), unit), self.currency) for part in parts]

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"
