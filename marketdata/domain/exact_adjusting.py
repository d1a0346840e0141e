"""Market data, pure: what prices of past days are multiplied by, to the last digit that matters.

The same definitions as `adjusting` has for drawings, in decimals and as spans of days, for what is given out as figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

_CONTEXT = Context(prec=34)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Payout:
    """A dividend per share, in the shares of its ex-date, with the first close on or after that date."""

    ex_date: date
    cash: Decimal
    traded_on: date
    close: Decimal


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` until the next span: a price times `price` is in today's terms, a volume times `volume`."""

    since: date
    price: Decimal
    volume: Decimal


def spans_of(splits: Iterable[tuple[date, Decimal]], payouts: Sequence[Payout] = ()) -> list[Span]:
    """Return what prices and volumes of each span of days are multiplied by, oldest first, the first since `date.min`.

    A split with a later ex-date divides prices by its ratio (new shares per old share) and multiplies volumes by it. A
    payout, where some are given, is put into more shares at the close of its ex-date (or of the next day with one):
    prices before that day are multiplied by close / (close + cash). The last span's factors are 1.
    """
    ratios = dict(splits)
    steps: dict[date, tuple[Decimal, Decimal]] = {day: (_ONE / ratio, ratio) for day, ratio in ratios.items()}
    cash_on: dict[date, tuple[Decimal, Decimal]] = {}
    for payout in payouts:
        cash = payout.cash
        for day, ratio in ratios.items():
            if payout.ex_date < day <= payout.traded_on:
                cash = _CONTEXT.divide(cash, ratio)
        paid = cash_on.get(payout.traded_on, (Decimal(0), payout.close))[0]
        cash_on[payout.traded_on] = (paid + cash, payout.close)
    for day, (cash, close) in cash_on.items():
        if close > 0:
            price, volume = steps.get(day, (_ONE, _ONE))
            steps[day] = _CONTEXT.multiply(price, _CONTEXT.divide(close, close + cash)), volume
    spans, price, volume = [], _ONE, _ONE
    for day in sorted(steps, reverse=True):
        spans.append(Span(day, price, volume))
        price = _CONTEXT.multiply(price, steps[day][0])
        volume = _CONTEXT.multiply(volume, steps[day][1])
    return [Span(date.min, price, volume), *reversed(spans)]
