"""Market data, pure: which daily bars of a source's answer can be stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from marketdata.domain.validation import PRICE_LIMIT
from marketdata.providers.base import BarData

#: High and low may miss open or close by this part of it: sources round each figure by itself.
ROUNDING = Decimal("0.0001")
#: A close that is so many times both its neighbours (or that part of them) is a slip, not a price.
SPIKE = Decimal(8)


def checked_bars(bars: Iterable[BarData], *, start: date, end: date) -> tuple[list[BarData], list[str]]:
    """Return the good bars of start..end, oldest first, a day once, and a sentence about each that was left out.

    In whatever order they come. Of a day that is there twice the later counts, and where the two differ it is said. A
    bar whose close is no positive finite number, whose range does not hold open and close, or whose close is several
    times those of the days before and after it, is left out. Days outside start..end are left out without a word,
    unless they are still to come. A volume that cannot be is forgotten.
    """
    by_day: dict[date, BarData] = {}
    faults: list[str] = []
    for bar in bars:
        if not start <= bar.date <= end:
            continue
        fault = _fault(bar)
        if fault:
            faults.append(f"{bar.date.isoformat()}: {fault}")
            continue
        tidy = _tidied(bar)
        known = by_day.get(bar.date)
        if known is not None and known != tidy:
            faults.append(f"{bar.date.isoformat()}: there are two different bars, the later one was taken")
        by_day[bar.date] = tidy
    ordered = [by_day[day] for day in sorted(by_day)]
    kept = []
    for place, bar in enumerate(ordered):
        if 0 < place < len(ordered) - 1 and _is_spike(
            bar.close, ordered[place - 1].close, ordered[place + 1].close
        ):
            faults.append(
                f"{bar.date.isoformat()}: the close {bar.close} stands alone between its neighbours"
            )
        else:
            kept.append(bar)
    return kept, faults


def _fault(bar: BarData) -> str | None:
    told = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    for name, price in told.items():
        if price is None:
            continue
        if not price.is_finite():
            return f"the {name} is not a number"
        if price <= 0:
            return f"the {name} {price} is not positive"
        if price >= PRICE_LIMIT:
            return f"the {name} {price} is absurdly high"
    if bar.open is None or bar.high is None or bar.low is None:
        return None
    slack = bar.close * ROUNDING
    if bar.low > bar.high:
        return f"the low {bar.low} is above the high {bar.high}"
    for name, price in (("close", bar.close), ("open", bar.open)):
        if not bar.low - slack <= price <= bar.high + slack:
            return f"the {name} {price} is outside low..high ({bar.low}..{bar.high})"
    return None


def _tidied(bar: BarData) -> BarData:
    """High and low that hold open and close; no volume where the told one cannot be; a close alone where the day's
    range is not whole."""
    volume = bar.volume
    if volume is not None and not (volume.is_finite() and volume >= 0):
        volume = None
    if bar.open is None or bar.high is None or bar.low is None:
        return replace(bar, open=None, high=None, low=None, volume=volume)
    return replace(
        bar,
        high=max(bar.high, bar.open, bar.close),
        low=min(bar.low, bar.open, bar.close),
        volume=volume,
    )


def _is_spike(close: Decimal, before: Decimal, after: Decimal) -> bool:
    """A price that leaps away and comes back the next day."""
    return (close > SPIKE * before and close > SPIKE * after) or (
        close * SPIKE < before and close * SPIKE < after
    )
