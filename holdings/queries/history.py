"""The value of a portfolio day by day, for charts and returns.

Computed once for a state of the books and of the closes, by the domain's vectorised functions, and cached; the last day is
always what the portfolio is worth now. Once computed, the cost does not depend on how many entries the journal has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.core.cache import cache

from holdings.domain.analysis import crypto_alone
from holdings.domain.ledger import Tally, in_order, market_of, replay
from holdings.domain.numbers import decimals, exact, from_scaled, to_scaled
from holdings.domain.performance import Performance, measure
from holdings.domain.types import PortfolioError
from holdings.domain.valuation import Valuation, value_days
from holdings.models import Portfolio
from holdings.queries.journal import load_journal
from holdings.queries.replaying import setup_for
from holdings.queries.valuing import Snapshot
from holdings.queries.whole import assembled, today_in
from marketdata.queries import closes_on

RANGES = ("1D", "1W", "1M", "3M", "6M", "YTD", "1Y", "3Y", "5Y", "MAX")
_KEEP_SECONDS = 600
_VERSION = 2
# More points than a screen has pixels help nobody.
_MOST_POINTS = 800


@dataclass(frozen=True, slots=True)
class DailyHistory:
    """Exact values (without liabilities) at the end of each day, and external flows, in base currency.

    `first` is the ordinal of the day before the first entry; `values[i] × 10^-scale` belongs to the day `first + i`.
    A day has at most two flows: what came in, and (negative) what went out.
    `problem` says why there is none.
    """

    first: int
    values: list[int]
    scale: int
    flows: list[tuple[int, Decimal]]
    every_day: bool
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSeries:
    """The chart of a range: its days, values and time-weighted index, and the figures of the range.

    `performance` is None where there is nothing to measure; `problem` then says why.
    """

    range: str
    start: date
    end: date
    days: tuple[date, ...]
    values: tuple[Decimal, ...]
    index: tuple[Decimal, ...]
    invested: tuple[Decimal, ...]
    change: Decimal | None
    performance: Performance | None
    problem: str = ""


def daily_history(portfolio: Portfolio, snapshot: Snapshot, *, now: datetime) -> DailyHistory:
    """The history up to today, from the cache where the books and the closes have not changed since."""
    today = today_in(portfolio, now)
    key = _cache_key(portfolio, snapshot, today)
    history: DailyHistory | None = cache.get(key)
    if history is None:
        history = _computed(portfolio, now=now)
        cache.set(key, history, timeout=_KEEP_SECONDS)
    if snapshot.market_value is None or snapshot.cash_value is None or not history.values:
        return history
    return _ending_in(history, snapshot.market_value + snapshot.cash_value)


def value_series(portfolio: Portfolio, snapshot: Snapshot, *, range_code: str, now: datetime) -> ValueSeries:
    """The series of one range. An unknown range is `MAX`."""
    history = daily_history(portfolio, snapshot, now=now)
    today = today_in(portfolio, now)
    code = range_code if range_code in RANGES else "MAX"
    if not history.values:
        return ValueSeries(
            range=code,
            start=today,
            end=today,
            days=(),
            values=(),
            index=(),
            invested=(),
            change=None,
            performance=None,
            problem=history.problem,
        )
    last = history.first + len(history.values) - 1
    start = (
        max(range_start(code, date.fromordinal(last)).toordinal(), history.first)
        if code != "MAX"
        else history.first
    )
    offset = min(start - history.first, len(history.values) - 1)
    valuation = Valuation(history.first + offset, history.values[offset:], history.scale)
    performance = measure(
        valuation,
        history.flows,
        every_day=history.every_day,
        risk_free=float(portfolio.risk_free_rate),
    )
    size = len(valuation.values)
    step = max(1, -(-size // _MOST_POINTS))
    shown = sorted({*range(size - 1, -1, -step), 0})
    invested = _invested(history, valuation.first, size)
    return ValueSeries(
        range=code,
        start=date.fromordinal(valuation.first),
        end=date.fromordinal(last),
        days=tuple(date.fromordinal(valuation.first + i) for i in shown),
        values=tuple(from_scaled(valuation.values[i], valuation.scale) for i in shown),
        index=tuple(Decimal(repr(round(performance.index[i], 10))) for i in shown),
        invested=tuple(invested[i] for i in shown),
        change=from_scaled(valuation.values[-1] - valuation.values[0], valuation.scale) if size > 1 else None,
        performance=performance,
    )


def range_start(code: str, last: date) -> date:
    """The day at whose end a range begins, for a range that ends on `last`."""
    if code == "YTD":
        return date(last.year - 1, 12, 31)
    days = {"1D": 1, "1W": 7}.get(code)
    if days is not None:
        return last - timedelta(days=days)
    months = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12, "3Y": 36, "5Y": 60}[code]
    whole = last.year * 12 + last.month - 1 - months
    year, month = divmod(whole, 12)
    for day in (last.day, 30, 29, 28):
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th day")


def _computed(portfolio: Portfolio, *, now: datetime) -> DailyHistory:
    journal = load_journal(portfolio.pk)
    if not journal.transactions:
        return DailyHistory(0, [], 0, [], every_day=False, problem="There are no entries yet.")
    whole = assembled(portfolio, journal, now=now)
    ordered = in_order(whole.transactions, whole.timezone)
    market = market_of(
        base_currency=whole.base_currency,
        instruments=whole.instruments,
        prices=whole.prices,
        fx=whole.fx,
        ordered=ordered,
    )
    setup = setup_for(portfolio, accounts=whole.accounts, instruments=whole.instruments, market=market)
    tally = Tally(whole.base_currency, whole.instruments)
    done = replay(setup, ordered, tally=tally, rows=False)
    first = ordered[0].day.toordinal() - 1
    every_day = crypto_alone(whole, ordered)
    try:
        if done.problems:
            raise PortfolioError(list(done.problems))  # noqa: TRY301 - one place says why there is no history
        valuation = value_days(
            market,
            first=first,
            last=whole.as_of.toordinal(),
            quantities=tally.held,
            cash=tally.cash,
        )
    except PortfolioError as error:
        problem = error.problems[0].message
        return DailyHistory(0, [], 0, [], every_day=every_day, problem=f"{problem[:1].upper()}{problem[1:]}.")
    flows = _by_day((flow.ordinal, flow.amount) for flow in done.effects.flows)
    return DailyHistory(first, valuation.values, valuation.scale, flows, every_day=every_day)


def _by_day(flows: Iterable[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    """One sum a day of what came in and one of what went out: as many as there are days, not entries."""
    sums: dict[tuple[int, bool], Decimal] = {}
    with exact():
        for ordinal, amount in flows:
            key = (ordinal, amount < 0)
            sums[key] = sums.get(key, Decimal(0)) + amount
    return [(ordinal, amount) for (ordinal, _), amount in sums.items()]


def _ending_in(history: DailyHistory, value: Decimal) -> DailyHistory:
    """The same history with the present value on its last day."""
    scale = max(history.scale, decimals(value))
    factor = 10 ** (scale - history.scale)
    values = history.values if factor == 1 else [known * factor for known in history.values]
    return DailyHistory(
        history.first,
        [*values[:-1], to_scaled(value, scale)],
        scale,
        history.flows,
        every_day=history.every_day,
    )


def _invested(history: DailyHistory, first: int, size: int) -> list[Decimal]:
    """Net contributions since the beginning, at the end of each day."""
    by_day: dict[int, Decimal] = {}
    total = Decimal(0)
    for ordinal, amount in sorted(history.flows):
        if ordinal <= first:
            total += amount
        else:
            by_day[ordinal] = by_day.get(ordinal, Decimal(0)) + amount
    result = []
    for ordinal in range(first, first + size):
        total += by_day.get(ordinal, Decimal(0))
        result.append(total)
    return result


def _cache_key(portfolio: Portfolio, snapshot: Snapshot, today: date) -> str:
    """Books by their revision; closes by the last of each thing ever held and its past's
    revision; rates by those that apply today."""
    ids = sorted(holding.instrument_id for holding in snapshot.holdings)
    last = closes_on(ids, today) if ids else {}
    rates = sorted({(row.currency, str(row.rate)) for row in snapshot.holdings})
    closes = [(pk, str(last[pk].date), str(last[pk].price), last[pk].revision) for pk in ids if pk in last]
    stamp = repr((closes, rates))
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:24]
    return f"holdings:history:{_VERSION}:{portfolio.pk}:{portfolio.revision}:{today.isoformat()}:{digest}"
