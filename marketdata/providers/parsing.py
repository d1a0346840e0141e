"""Market data providers: reading numbers and instants out of answers.

Numbers go from the text of an answer straight into `Decimal`. JSON's `NaN` and `Infinity` (no JSON, yet sent) become
the Decimals of that name, so that they are a fault of the one value and not of the whole answer.
"""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from marketdata.providers.base import BadAnswer, WrongCurrency
from portfolio_site.kernel.money import QUOTING_UNITS

#: More than any share, coin or index costs.
PRICE_LIMIT = Decimal(10) ** 12
#: More units than are traded of anything in a day, and more than anything is worth as a whole.
VOLUME_LIMIT = Decimal(10) ** 16
#: Before this there were no quotes; after it there is no sense in one.
_FIRST_SECOND = -6_000_000_000
_LAST_SECOND = 9_000_000_000
_CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_ONE = Decimal(1)


def decode_json(text: str) -> Any:
    """Return the value of a JSON text with every number in it exact; raises `BadAnswer` for what is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        start = text.lstrip()[:1]
        kind = "a web page" if start == "<" else "nothing" if not start else "no readable JSON"
        raise BadAnswer(f"the answer is {kind} where JSON was expected") from error


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return `value` if it is a JSON object; raises `BadAnswer` naming `what` else."""
    if not isinstance(value, dict):
        raise BadAnswer(f"{what} is missing or has another shape")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """Return `value` if it is a JSON array; raises `BadAnswer` naming `what` else."""
    if not isinstance(value, list):
        raise BadAnswer(f"{what} is missing or has another shape")
    return value


def text_of(value: Any) -> str:
    """Return a text as it is, stripped; empty for anything else."""
    return value.strip() if isinstance(value, str) else ""


def number(value: Any, what: str) -> Decimal | None:
    """Return a finite number from JSON or from a text; None for what is not there; raises `BadAnswer` for the
    rest."""
    if value is None or value in ("", "None", "-"):
        return None
    if isinstance(value, Decimal):
        found = value
    elif isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            found = Decimal(value.strip() if isinstance(value, str) else value)
        except (InvalidOperation, ValueError) as error:
            raise BadAnswer(f"{what} is not a number") from error
    else:
        raise BadAnswer(f"{what} is not a number")
    if not found.is_finite():
        raise BadAnswer(f"{what} is not a finite number")
    return found


def price(value: Any, what: str) -> Decimal | None:
    """Return a price above zero; None for what is not there; raises `BadAnswer` for what cannot be one."""
    found = number(value, what)
    if found is None:
        return None
    if found <= 0:
        raise BadAnswer(f"{what} is not positive")
    if found >= PRICE_LIMIT:
        raise BadAnswer(f"{what} is absurdly high")
    return found


def volume(value: Any) -> Decimal | None:
    """Return how many units were traded, or another large amount of minor interest; None where nothing sensible is
    said: no price is lost over it."""
    try:
        found = number(value, "the volume")
    except BadAnswer:
        return None
    return found if found is not None and 0 <= found < VOLUME_LIMIT else None


def optional_price(value: Any) -> Decimal | None:
    """Return a price above zero, None for anything else: for what is nice to have beside the price itself."""
    try:
        return price(value, "")
    except BadAnswer:
        return None


def optional_in_major(value: Any, units: Decimal) -> Decimal | None:
    """Return a price above zero that was quoted in `units` of the currency, None for anything else."""
    found = optional_price(value)
    return None if found is None else in_major(as_quoted(found), units)


def instant(value: Any, what: str, *, unit: int = 1) -> datetime:
    """Return the instant of a number of seconds since 1970 (of `unit` parts of a second); raises
    `BadAnswer`."""
    found = number(value, what)
    if found is None or not _FIRST_SECOND * unit < found < _LAST_SECOND * unit:
        raise BadAnswer(f"{what} is not an instant")
    return datetime.fromtimestamp(float(found) / unit, tz=UTC)


def units_of(quoted_in: str, *, expected: str) -> Decimal:
    """Return how many of the units that prices come in make one `expected`: 100 for pence of a pound, 1 else.

    Raises `WrongCurrency` when they are another currency's.
    """
    code, units = QUOTING_UNITS.get(quoted_in, (quoted_in.upper(), _ONE))
    if code != expected:
        raise WrongCurrency(expected=expected, got=quoted_in)
    return units


def scaled(value: Decimal, factor: Decimal) -> Decimal:
    """Return `value` × `factor`, exact to 40 digits."""
    return value if factor == _ONE else _CONTEXT.multiply(value, factor)


def in_major(value: Decimal, units: Decimal) -> Decimal:
    """Return an amount of pence (or the like) in the currency they are of."""
    return value if units == _ONE else _CONTEXT.divide(value, units)


def single_slack(value: Decimal) -> Decimal | None:
    """Return by how much `value` may be off because it is a 32-bit float that was widened to 64 bits.

    None where it is not one: its digits are then meant as they stand.
    """
    as_float = float(value)
    try:
        narrow: float = struct.unpack("f", struct.pack("f", as_float))[0]
    except OverflowError:
        return None
    if narrow != as_float or Decimal(repr(as_float)) != value:
        return None
    bits: int = struct.unpack("I", struct.pack("f", abs(narrow)))[0]
    above: float = struct.unpack("f", struct.pack("I", bits + 1))[0]
    below: float = struct.unpack("f", struct.pack("I", max(bits - 1, 0)))[0]
    gap = min(Decimal(above) - Decimal(abs(narrow)), Decimal(abs(narrow)) - Decimal(below))
    return gap / 2


def simplest_between(low: Decimal, high: Decimal, middle: Decimal) -> Decimal:
    """Return the number with the fewest digits in low..high; of several the one nearest to `middle`.

    A price that somebody quoted has few digits; one that went through binary floats or a division has many. Both
    ends are taken to be possible.
    """
    if low >= high or low <= 0:
        return middle
    for exponent in range(high.adjusted(), middle.adjusted() - 30, -1):
        step = Decimal((0, (1,), exponent))
        first = low.quantize(step, rounding=ROUND_CEILING, context=_CONTEXT)
        last = high.quantize(step, rounding=ROUND_FLOOR, context=_CONTEXT)
        if first <= last:
            nearest = middle.quantize(step, context=_CONTEXT)
            return _plain(min(max(nearest, first), last))
    return middle


def _plain(value: Decimal) -> Decimal:
    """Without an exponent above zero: 1.2E+3 is 1200."""
    return (
        value.quantize(_ONE)
        if isinstance(exponent := value.as_tuple().exponent, int) and exponent > 0
        else value
    )


def as_quoted(value: Decimal, factor: Decimal = _ONE, *, off_by: Decimal | None = None) -> Decimal:
    """Return `value` × `factor` as somebody once quoted it: without the noise of the floats it went through.

    `off_by`: how far `value` may be from what was meant, where that is known better than from its float.
    """
    exact = scaled(value, factor)
    if value <= 0 or (factor == _ONE and off_by is None and value == value.to_integral_value()):
        return exact
    slack = single_slack(value) if off_by is None else off_by
    if not slack:
        return exact
    return simplest_between(scaled(value - slack, factor), scaled(value + slack, factor), exact)


def rounded(value: Decimal, *, like: Decimal) -> Decimal:
    """Return a computed price with as many decimals as the one it was computed from."""
    exponent = like.as_tuple().exponent
    return value.quantize(
        Decimal(1).scaleb(min(exponent, 0) if isinstance(exponent, int) else 0), context=_CONTEXT
    )
