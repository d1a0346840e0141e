"""Exchange rates as the books use them: as many digits on the page as in the file that goes out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal

from marketdata.queries import FxRateMissing, fx_rates_between

_PLACES = 18
_STEP = Decimal(1).scaleb(-_PLACES)
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def rates_since(
    currencies: Iterable[str], base: str, start: date, end: date
) -> dict[tuple[str, str], dict[date, Decimal]]:
    """Rates of each currency to the base by day, with the one that applies on `start`; currencies without any are left out."""
    pairs = [(code, base) for code in sorted(set(currencies)) if code != base]
    if not pairs:
        return {}
    try:
        found = fx_rates_between(pairs, start, end)
    except FxRateMissing:
        found = {}
        for pair in pairs:
            try:
                found.update(fx_rates_between([pair], start, end))
            except FxRateMissing:
                continue
    return {pair: {day: as_written(rate) for day, rate in dated.items()} for pair, dated in found.items()}


def as_written(rate: Decimal) -> Decimal:
    """A rate as a portfolio file can hold it: a derived one (inverse, cross) has at most 18 decimals, here and everywhere."""
    exponent = rate.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_PLACES:
        return rate.quantize(_STEP, context=_CONTEXT)
    return rate
