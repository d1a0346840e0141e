"""How a portfolio did in a period: returns, risk, benchmark, the statement, and returns by calendar year and month."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.numbers import EXACT
from holdings.domain.performance import Performance, measure
from holdings.domain.ranges import NAMES, Period, calendar_years, named
from holdings.domain.scopes import DIMENSIONS, attribute
from holdings.domain.statement import Statement
from holdings.domain.types import PortfolioError
from holdings.models import Account
from holdings.queries.insights.benchmarks import Benchmark, benchmark_prices
from holdings.queries.insights.lens import Basis, Lens, problem_of

RANGES = NAMES
DEFAULT_RANGE = "1Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigures:
    """A period with its statement and figures. Both are None where there is nothing to measure; `problem` says why."""

    period: Period
    currency: str
    statement: Statement | None = None
    performance: Performance | None = None
    problem: str = ""

    @property
    def gain(self) -> Decimal | None:
        """What the period earned: closing less opening value and what was put in on balance."""
        found = self.statement
        if found is None:
            return None
        invested = EXACT.subtract(EXACT.add(found.opening_value, found.contributions), found.withdrawals)
        return EXACT.subtract(found.closing_value, invested)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearReturns:
    """Time-weighted returns of a calendar year and of its months (None: not in the books)."""

    year: int
    total: float | None
    months: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part of the portfolio did in the period, in the lens's currency."""

    key: str
    label: str
    instrument_id: int | None
    opening_value: Decimal
    closing_value: Decimal
    net_flows: Decimal
    gain: Decimal
    contribution: float | None
    twr: float | None
    irr: float | None


def period_of(basis: Basis, code: str, *, start: date | None = None, end: date | None = None) -> Period:
    """The period of a range's name, of a calendar year's number, or from one day to another; else the usual range.

    It lies within the days that are valued: the earliest start is the day before the first entry.
    """
    first, last = basis.first_day, basis.last_day
    if start is not None or end is not None:
        until = min(max(end or last, first), last)
        return Period("", min(max(start or first, first), until), until)
    if code not in (*NAMES, *years_of(basis)):
        code = DEFAULT_RANGE
    return named(code, last, first)


def years_of(basis: Basis) -> list[str]:
    """The calendar years of the books, the latest first."""
    if not basis.values:
        return []
    return [period.name for period in calendar_years(basis.first_day, basis.last_day)][::-1]


def figures_of(lens: Lens, period: Period, *, benchmark: Benchmark | None = None) -> PeriodFigures:
    """Every figure of a period. Cached, a few statements whatever the number of entries."""
    basis = lens.basis
    try:
        return PeriodFigures(
            period=period,
            currency=lens.currency,
            statement=lens.statement(period),
            performance=measured(lens, basis, period, benchmark=benchmark),
        )
    except PortfolioError as error:
        return PeriodFigures(period=period, currency=lens.currency, problem=problem_of(error))


def measured(lens: Lens, basis: Basis, period: Period, *, benchmark: Benchmark | None = None) -> Performance:
    """Returns and risk of a period, by the domain's one function for them."""
    other = None
    if benchmark is not None:
        series = benchmark_prices(benchmark, period, lens.currency).series
        other = (benchmark.symbol, series) if len(series) else None
    return measure(
        basis.part(period),
        basis.entering,
        leaving=basis.leaving,
        every_day=basis.every_day,
        risk_free=float(lens.portfolio.risk_free_rate),
        benchmark=other,
    )


def calendar_returns(basis: Basis) -> list[YearReturns]:
    """Time-weighted returns by calendar year and month, the latest year first: quotients of one index."""
    if len(basis.values) < 2:
        return []
    whole = Period("MAX", basis.first_day, basis.last_day)
    index = measure(basis.part(whole), basis.entering, leaving=basis.leaving, every_day=basis.every_day).index
    rows = []
    for year in range((basis.first_day + timedelta(days=1)).year, basis.last_day.year + 1):
        months = tuple(_return(basis, index, start, end) for start, end in months_of(year))
        total = _return(basis, index, date(year - 1, 12, 31), date(year, 12, 31))
        rows.append(YearReturns(year=year, total=total, months=months))
    return rows[::-1]


def months_of(year: int) -> Iterator[tuple[date, date]]:
    """The months of a year, each from the end of a day to the end of another."""
    for month in range(1, 13):
        yield date(year, month, 1) - timedelta(days=1), date(year, month, monthrange(year, month)[1])


def _return(basis: Basis, index: list[float], start: date, end: date) -> float | None:
    first = max(start.toordinal() - basis.first, 0)
    last = min(end.toordinal() - basis.first, len(index) - 1)
    if last <= first or not any(basis.values[first : last + 1]) or not index[first]:
        return None
    return index[last] / index[first] - 1


def parts_of(lens: Lens, period: Period, dimension: str) -> list[Part]:
    """Gain and contribution to the return by part: account, instrument, asset class, sector, currency, country or tag."""

    def compute() -> list[Part]:
        analysis = lens.analysis(period)
        names = _names_of(lens, analysis, dimension)
        return [
            Part(
                key=row.label,
                label=_label(dimension, row.label, names),
                instrument_id=int(row.label) if dimension == "instrument" else None,
                opening_value=row.opening_value,
                closing_value=row.closing_value,
                net_flows=row.net_flows,
                gain=row.gain,
                contribution=row.contribution,
                twr=row.performance.twr,
                irr=row.performance.irr.rate,
            )
            for row in attribute(analysis, DIMENSIONS[dimension](analysis))
            if row.opening_value or row.closing_value or row.gain or row.net_flows
        ]

    rows = lens.cached(f"parts:{dimension}:{period.start}:{period.end}", compute, live=True)
    return sorted(rows, key=lambda row: (-row.gain, row.label))


def part_label(lens: Lens, analysis: Analysis, dimension: str, key: str) -> str:
    """What a part is called."""
    return _label(dimension, key, _names_of(lens, analysis, dimension))


def _names_of(lens: Lens, analysis: Analysis, dimension: str) -> dict[str, str]:
    if dimension == "account":
        return {str(row.pk): row.name for row in Account.objects.filter(portfolio=lens.portfolio)}
    if dimension == "instrument":
        return {pk: thing.symbol for pk, thing in analysis.setup.instruments.items()}
    return {}


def _label(dimension: str, key: str, names: dict[str, str]) -> str:
    return key.replace("_", " ").capitalize() if dimension == "asset_class" else names.get(key, key)
