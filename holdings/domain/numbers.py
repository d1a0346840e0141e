"""Decimal arithmetic of the books: what is exact, what is rounded, and how numbers are written.

Products and sums are exact: the working context holds more digits than any product of a quantity, a price, a multiplier and a
rate can have. Only divisions round, and each in one place: a derived exchange rate (inverse or cross) and a price carried past
an awkward split ratio to 18 significant digits, a share of a cost or quantity to 18 decimals, where the rest keeps the remainder.
So sums of parts equal their whole to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from fractions import Fraction

EXACT = Context(
    prec=400,
    rounding=ROUND_HALF_EVEN,
    Emax=999_999,
    Emin=-999_999,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_RATIO = Context(prec=40, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_DERIVED = Context(prec=18, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_QUOTED = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])

PLACES = 18
_RANKED = Context(prec=12, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_STEP = Decimal(1).scaleb(-PLACES)
_multiply, _divide, _quantize = EXACT.multiply, _RATIO.divide, EXACT.quantize
CLOSE_ENOUGH = Decimal("1e-12")  # an excess of at most this much closes a position


@contextmanager
def exact() -> Iterator[None]:
    """Run a block under the exact working context (the caller's own context is left as it was)."""
    with localcontext(EXACT):
        yield


def share(whole: Decimal, part: Decimal, total: Decimal) -> Decimal:
    """``whole × part / total``, to at most 18 decimals; callers give the remainder to the rest."""
    return _quantize(_divide(_multiply(whole, part), total), _STEP)


def shares(part: Decimal, total: Decimal, *wholes: Decimal) -> list[Decimal]:
    """The same share of several amounts, for callers under the exact context: a long journal takes a hundred thousand of them.

    There the product needs no context of its own, which is most of the time.
    """
    return [_quantize(_divide(whole * part, total), _STEP) for whole in wholes]


def scaled(quantity: Decimal, ratio: Fraction) -> Decimal:
    """``quantity × ratio`` of a corporate action, to at most 18 decimals where the division does not end."""
    if ratio.denominator == 1:
        return EXACT.multiply(quantity, Decimal(ratio.numerator))
    return share(quantity, Decimal(ratio.numerator), Decimal(ratio.denominator))


def derived(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A derived rate or price: the quotient to 18 significant digits."""
    return _DERIVED.divide(numerator, denominator)


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient for display (average cost) to 28 significant digits; 0 when there is nothing to divide by."""
    return _QUOTED.divide(numerator, denominator) if denominator else Decimal(0)


def rank(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient to compare by, to 12 significant digits: what earlier divisions rounded makes none of two equals greater."""
    return _RANKED.divide(numerator, denominator) if denominator else Decimal(0)


def plain(value: Decimal) -> str:
    """A decimal as plain digits: no exponent, no trailing zeros after the point, no minus on zero."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def from_scaled(mantissa: int, scale: int) -> Decimal:
    """The decimal ``mantissa × 10^-scale``, exact whatever the caller's context."""
    return Decimal(mantissa).scaleb(-scale, EXACT)


def to_scaled(value: Decimal, scale: int) -> int:
    """``value × 10^scale`` as an integer; ``value`` must have no more than ``scale`` decimals."""
    return int(value.scaleb(scale, EXACT))


def most_decimals(values: Iterable[Decimal]) -> int:
    """The most digits after the point among values: an exact sum keeps them all."""
    with exact():
        return decimals(sum(values, Decimal(0)))


def decimals(value: Decimal) -> int:
    """How many digits after the point a value is written with."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
