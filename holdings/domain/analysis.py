"""Everything `analyse` prints, from one portfolio: the one entry point that the command, the pages and the API share."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from holdings.domain.ledger import Replay, Setup, Tally, in_order, market_of, replay
from holdings.domain.ledger.state import Effects
from holdings.domain.market import Market, MissingRate
from holdings.domain.numbers import exact
from holdings.domain.performance import Performance, measure
from holdings.domain.positions import Position, positions_of
from holdings.domain.statement import (
    OUTWARD,
    CashBalance,
    Statement,
    Totals,
    cash_of,
    statement_of,
    totals_of,
)
from holdings.domain.types import (
    AssetClass,
    CostMethod,
    Notice,
    Portfolio,
    PortfolioError,
    Problem,
    Transaction,
)
from holdings.domain.valuation import value_days

UNITED_STATES = "US"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The figures of a portfolio on a valuation day and over a period (start, end].

    ``replay`` holds realised parcels, external flows and notices; ``effects`` all that every transaction did.
    """

    portfolio: Portfolio
    method: CostMethod
    start: date
    end: date
    market: Market
    setup: Setup
    journal: tuple[Transaction, ...]
    replay: Replay
    totals: Totals
    cash: tuple[CashBalance, ...]
    statement: Statement
    performance: Performance
    positions: tuple[Position, ...]
    notices: tuple[Notice, ...]

    @cached_property
    def effects(self) -> Effects:
        """What every transaction did, row by row. Figures come without these rows: the first who asks has them written."""
        with _no_collection(), exact():
            return replay(self.setup, self.journal, rebase_on=self.start.toordinal()).effects


def analyse(
    portfolio: Portfolio,
    *,
    start: date | None = None,
    end: date | None = None,
    method: CostMethod | None = None,
    benchmark: str | None = None,
) -> Analysis:
    """Compute every figure. ``start`` is `--from`, ``end`` is `--to`; raises PortfolioError with every problem found."""
    used = method or portfolio.cost_basis_method
    last = end or portfolio.as_of
    if benchmark is not None and benchmark not in portfolio.benchmarks:
        raise PortfolioError([Problem(f"benchmarks.{benchmark}", "is not in the file")])
    if start is not None and start > last:
        raise PortfolioError([Problem("--from", f"{start} lies after the valuation day {last}")])
    counted, ignored = _until(portfolio, last, by_instant=end is None)
    ordered = in_order(counted, portfolio.timezone)
    first = start or (date.fromordinal(ordered[0].day.toordinal() - 1) if ordered else last)
    market = market_of(
        base_currency=portfolio.base_currency,
        instruments=portfolio.instruments,
        prices=portfolio.prices,
        fx=portfolio.fx,
        ordered=ordered,
    )
    setup = Setup(
        base_currency=portfolio.base_currency,
        market=market,
        instruments=portfolio.instruments,
        accounts=portfolio.accounts,
        method=used,
        allow_short=portfolio.allow_short,
        contribute=not portfolio.allow_negative_cash,
        wash_sales=portfolio.tax_country.upper() == UNITED_STATES,
        timezone=portfolio.timezone,
    )
    try:
        with _no_collection(), exact():
            tally = Tally(portfolio.base_currency, portfolio.instruments)
            done = replay(setup, ordered, rebase_on=first.toordinal(), tally=tally, rows=False)
            if done.problems:
                raise PortfolioError(list(done.problems))
            return _figures(portfolio, setup, done, tally, ordered, first, last, benchmark, ignored)
    except MissingRate as missing:
        raise PortfolioError([_missing(missing)]) from missing


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the cycle collector out of a computation that makes a million rows and no cycles: it took a third of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            # Straight to the oldest generation, in one step: the youngest would be walked again by the next allocation.
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def _missing(missing: MissingRate) -> Problem:
    return Problem(f"fx.{missing.source}/{missing.target}", str(missing))


def _figures(
    portfolio: Portfolio,
    setup: Setup,
    done: Replay,
    tally: Tally,
    ordered: Sequence[Transaction],
    first: date,
    last: date,
    benchmark: str | None,
    ignored: list[Notice],
) -> Analysis:
    market, effects = setup.market, done.effects
    start, end = first.toordinal(), last.toordinal()
    valuation = value_days(market, first=start, last=end, quantities=tally.held, cash=tally.cash)
    performance = measure(
        valuation,
        ((flow.ordinal, flow.amount) for flow in effects.flows if flow.kind not in OUTWARD),
        leaving=((flow.ordinal, -flow.amount) for flow in effects.flows if flow.kind in OUTWARD),
        every_day=crypto_alone(portfolio, ordered),
        risk_free=portfolio.risk_free_rate,
        benchmark=None if benchmark is None else (benchmark, portfolio.benchmarks[benchmark]),
    )
    positions = positions_of(done.ledger, tally, end)
    cash = cash_of(market, done.ledger.cash, end)
    totals = totals_of(
        market,
        tally,
        flows=effects.flows,
        positions=positions,
        cash=cash,
        liabilities=done.ledger.liabilities,
        ordinal=end,
    )
    statement = statement_of(
        market,
        tally,
        flows=effects.flows,
        start=start,
        end=end,
        opening_value=valuation.at(0),
        closing_value=valuation.at(-1),
        closing_cash=totals.cash,
    )
    notices = [*portfolio.notices, *ignored, *effects.notices]
    notices += _market_notices(positions, valuation.unpriced, end)
    notices += _idle_notice(performance)
    if setup.wash_sales and setup.method.pooled:
        message = f"wash sales are not looked for with the {setup.method} method, which keeps no lots"
        notices.append(Notice("wash_sales_skipped", message, "tax_country"))
    return Analysis(
        portfolio=portfolio,
        method=setup.method,
        start=first,
        end=last,
        market=market,
        setup=setup,
        journal=tuple(ordered),
        replay=done,
        totals=totals,
        cash=tuple(cash),
        statement=statement,
        performance=performance,
        positions=tuple(positions),
        notices=tuple(notices),
    )


def crypto_alone(portfolio: Portfolio, transactions: Sequence[Transaction]) -> bool:
    """Whether every instrument of the journal is crypto (and there is one): then every day is a valuation day."""
    if not any(thing.asset_class is AssetClass.CRYPTO for thing in portfolio.instruments.values()):
        return False
    names = {tx.instrument for tx in transactions} | {tx.to_instrument for tx in transactions}
    found = [portfolio.instruments[name] for name in names if name is not None]
    return bool(found) and all(instrument.asset_class is AssetClass.CRYPTO for instrument in found)


def _until(portfolio: Portfolio, last: date, *, by_instant: bool) -> tuple[list[Transaction], list[Notice]]:
    """Transactions up to the valuation day (or instant), and a notice for each later one."""
    cut = portfolio.as_of_at if by_instant else None
    counted, ignored = [], []
    for tx in portfolio.transactions:
        late = tx.day > last or (cut is not None and tx.at is not None and tx.at > cut)
        if late:
            when = tx.when or tx.day.isoformat()
            ignored.append(Notice("future", f"dated {when}, after the valuation: ignored", f"{tx.path}.date"))
        else:
            counted.append(tx)
    return counted, ignored


def _market_notices(
    positions: Sequence[Position], unpriced: Sequence[tuple[str, int]], end: int
) -> list[Notice]:
    notices = [
        Notice(
            "missing_price", f"{name} has no price on {date.fromordinal(day)}: valued at 0", f"prices.{name}"
        )
        for name, day in unpriced
    ]
    carried = {
        position.instrument: position.price_date
        for position in positions
        if position.quantity and position.price_date is not None and position.price_date.toordinal() < end
    }
    notices += [
        Notice("carried_price", f"the price of {name} is that of {day}, carried on", f"prices.{name}")
        for name, day in carried.items()
    ]
    return notices


def _idle_notice(performance: Performance) -> list[Notice]:
    idle = performance.idle
    if not idle:
        return []
    days = [date.fromordinal(performance.first + day).isoformat() for day in (idle[0], idle[-1])]
    span = f"on {days[0]}" if len(idle) == 1 else f"on {len(idle)} days from {days[0]} to {days[1]}"
    return [
        Notice(
            "no_base",
            f"nothing was invested (base ≤ 0) {span}: no time-weighted return is counted",
            "performance.twr",
        )
    ]
