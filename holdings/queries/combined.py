"""Several portfolios as one: what a person has in all that they track, in their own currency."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from holdings.domain.numbers import EXACT, from_scaled
from holdings.models import Portfolio, PortfolioKind
from holdings.queries.history import DailyHistory, daily_history, range_start
from holdings.queries.valuing import Snapshot, snapshots
from marketdata.queries import FxRateMissing, fx_rate, fx_rates_between

#: A chart is not wider than this many points.
MOST_POINTS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A person's own, unarchived portfolios with what they are worth now."""

    portfolios: tuple[Portfolio, ...]
    snapshots: dict[int, Snapshot]

    @property
    def tracked(self) -> tuple[Portfolio, ...]:
        """Those that hold what the person really has: paper accounts are play money and never add up with them."""
        return tuple(p for p in self.portfolios if p.kind == PortfolioKind.TRACKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedSeries:
    """Value and net contributions at the end of each day shown, in `currency`; `problem` says why there are none."""

    currency: str
    days: tuple[date, ...]
    values: tuple[Decimal, ...]
    invested: tuple[Decimal, ...]
    problem: str = ""


def sampled_rows(
    days: Sequence[date], values: Sequence[Decimal], invested: Sequence[Decimal], *, most: int = 60
) -> list[tuple[date, Decimal, Decimal]]:
    """A value chart as a table of at most `most` days, the newest first."""
    step = max(1, -(-len(days) // most))
    return [(days[at], values[at], invested[at]) for at in range(len(days) - 1, -1, -step)]


def desk_of(user: Any, *, now: datetime) -> Desk:
    """Return the person's own portfolios, valued. The number of statements does not depend on how many there are."""
    rows = Portfolio.objects.visible_to(user).active().filter(owner=user).select_related("owner")
    portfolios = tuple(rows.order_by("name", "pk"))
    return Desk(portfolios=portfolios, snapshots=snapshots(portfolios, now=now))


def combined_series(desk: Desk, *, currency: str, range_code: str, now: datetime) -> CombinedSeries:
    """Add up the histories of the tracked portfolios, each day at that day's exchange rate.

    `invested` is what was put in less what was taken out since the first entry, at the rates of those days.
    """
    histories = [
        (portfolio, history)
        for portfolio in desk.tracked
        if (history := daily_history(portfolio, desk.snapshots[portfolio.pk], now=now)).values
    ]
    if not histories:
        return CombinedSeries(
            currency=currency, days=(), values=(), invested=(), problem="There are no entries yet."
        )
    first = min(history.first for _, history in histories)
    last = max(history.first + len(history.values) - 1 for _, history in histories)
    start = (
        max(first, range_start(range_code, date.fromordinal(last)).toordinal())
        if range_code != "MAX"
        else first
    )
    step = max(1, -(-(last - start + 1) // MOST_POINTS))
    shown = sorted({start, *range(last, start - 1, -step)})
    values, invested = [Decimal(0)] * len(shown), [Decimal(0)] * len(shown)
    try:
        rates = _Rates({portfolio.base_currency for portfolio, _ in histories}, currency, first, last)
    except FxRateMissing as missing:
        return CombinedSeries(currency=currency, days=(), values=(), invested=(), problem=missing.message)
    for portfolio, history in histories:
        _add(values, _values_on(history, shown), rates.on(portfolio.base_currency, shown))
        _add(invested, _invested_on(history, shown, rates, portfolio.base_currency), None)
    return CombinedSeries(
        currency=currency,
        days=tuple(date.fromordinal(day) for day in shown),
        values=tuple(values),
        invested=tuple(invested),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTotals:
    """Sums over the tracked portfolios in one currency; None where a price or rate is missing."""

    currency: str
    value: Decimal | None
    day_change: Decimal | None
    gain: Decimal | None
    cash: Decimal | None
    net_contributions: Decimal | None
    missing: tuple[str, ...]

    @property
    def day_fraction(self) -> Decimal | None:
        """The day's change in relation to the value before it."""
        if self.value is None or self.day_change is None or self.value - self.day_change <= 0:
            return None
        return self.day_change / (self.value - self.day_change)

    @property
    def gain_fraction(self) -> Decimal | None:
        """The total gain in relation to what was put in."""
        if self.gain is None or not self.net_contributions or self.net_contributions <= 0:
            return None
        return self.gain / self.net_contributions


def desk_totals(desk: Desk, *, currency: str, now: datetime) -> DeskTotals:
    """Add up the tracked portfolios at today's rates."""
    names = ("value", "day_change", "gain", "cash", "net_contributions")
    sums: dict[str, Decimal | None] = dict.fromkeys(names, Decimal(0))
    missing: list[str] = []
    for portfolio in desk.tracked:
        snapshot = desk.snapshots[portfolio.pk]
        try:
            rate = fx_rate(base=portfolio.base_currency, quote=currency, on=now.date())
        except FxRateMissing as error:
            missing.append(error.message)
            sums = dict.fromkeys(names)
            continue
        missing += snapshot.missing
        parts = {
            "value": snapshot.net_worth,
            "day_change": snapshot.day_change,
            "gain": snapshot.total_gain,
            "cash": snapshot.cash_value,
            "net_contributions": snapshot.net_contributions,
        }
        for name, part in parts.items():
            so_far = sums[name]
            sums[name] = (
                None if part is None or so_far is None else EXACT.add(so_far, EXACT.multiply(part, rate))
            )
    return DeskTotals(currency=currency, missing=tuple(dict.fromkeys(missing)), **sums)


class _Rates:
    """Exchange rates into one currency, the last on or before each day."""

    def __init__(self, currencies: Iterable[str], into: str, first: int, last: int) -> None:
        pairs = [(currency, into) for currency in currencies if currency != into]
        found = fx_rates_between(pairs, date.fromordinal(first), date.fromordinal(last)) if pairs else {}
        self._into = into
        self._series = {
            base: ([day.toordinal() for day in series], list(series.values()))
            for (base, _), series in found.items()
        }

    def at(self, currency: str, day: int) -> Decimal:
        """Return the rate that applies on the day; before the first known one, the first."""
        if currency == self._into:
            return Decimal(1)
        days, rates = self._series[currency]
        return rates[max(0, bisect_right(days, day) - 1)]

    def on(self, currency: str, days: Sequence[int]) -> list[Decimal]:
        """Return the rates that apply on the days."""
        return [self.at(currency, day) for day in days]


def _values_on(history: DailyHistory, days: Sequence[int]) -> list[Decimal]:
    end = len(history.values) - 1
    return [
        Decimal(0)
        if day < history.first
        else from_scaled(history.values[min(day - history.first, end)], history.scale)
        for day in days
    ]


def _invested_on(history: DailyHistory, days: Sequence[int], rates: _Rates, currency: str) -> list[Decimal]:
    flows = sorted(history.flows)
    totals, total, position = [], Decimal(0), 0
    for day in days:
        while position < len(flows) and flows[position][0] <= day:
            on, amount = flows[position]
            total = EXACT.add(total, EXACT.multiply(amount, rates.at(currency, on)))
            position += 1
        totals.append(total)
    return totals


def _add(sums: list[Decimal], amounts: Sequence[Decimal], rates: Sequence[Decimal] | None) -> None:
    for index, amount in enumerate(amounts):
        converted = amount if rates is None else EXACT.multiply(amount, rates[index])
        sums[index] = EXACT.add(sums[index], converted)
