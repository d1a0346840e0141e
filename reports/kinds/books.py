"""The print shop: the analysis of a portfolio for any last day and in any currency, as the books room computes it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from holdings.domain.analysis import Analysis, analyse
from holdings.domain.types import PortfolioError
from holdings.queries import PriceNow, snapshot
from holdings.queries.whole import today_in, whole_portfolio
from marketdata.queries import closes_on
from reports.errors import ReportRefused
from reports.kinds.base import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFact:
    """The day of a price, and whether it was made up."""

    day: date
    is_simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """An analysis, and what is known of the prices that it values with (by instrument id as text)."""

    analysis: Analysis
    prices: Mapping[str, PriceFact]


def books_of(order: Order) -> Books:
    """Analyse the ordered portfolio over the ordered period. Raises `ReportRefused` where a rate is missing.

    On the portfolio's present day the prices are those of its pages; on an earlier day, that day's closes.
    """
    is_today = order.period_to >= today_in(order.portfolio, order.made_at)
    prices_now: dict[int, PriceNow] = {}
    if is_today:
        held = snapshot(order.portfolio, now=order.made_at).holdings
        prices_now = {row.instrument_id: row.price for row in held if row.price is not None}
    # A copy, never saved, whose figures are in the report's currency.
    valued_in = copy.copy(order.portfolio)
    valued_in.base_currency = order.currency
    whole = whole_portfolio(valued_in, now=order.made_at, prices_now=prices_now)
    if order.currency != order.portfolio.base_currency:
        # Recorded rates are to the portfolio's own currency; in another one the day's rates apply.
        whole = replace(whole, transactions=tuple(replace(row, fx_rate=None) for row in whole.transactions))
    # A period of days begins at the end of the day before.
    start = order.period_from - timedelta(days=1) if order.period_from else None
    try:
        analysis = analyse(whole, start=start, end=order.period_to)
    except PortfolioError as error:
        problem = error.problems[0]
        pair = f" ({problem.path.removeprefix('fx.')})" if problem.path.startswith("fx.") else ""
        raise ReportRefused(
            f"The figures cannot be computed: {problem.message}{pair}.",
            code="figures_missing",
            field="currency",
        ) from error
    return Books(analysis=analysis, prices=_price_facts(order, analysis, prices_now))


def _price_facts(
    order: Order, analysis: Analysis, prices_now: Mapping[int, PriceNow]
) -> dict[str, PriceFact]:
    ids = [int(position.instrument) for position in analysis.positions if position.quantity]
    facts = {
        str(pk): PriceFact(day=close.date, is_simulated=close.is_simulated)
        for pk, close in closes_on(ids, order.period_to).items()
    }
    for pk, price in prices_now.items():
        known = facts.get(str(pk))
        if price.origin == "quote" and (known is None or price.day >= known.day):
            facts[str(pk)] = PriceFact(day=price.day, is_simulated=price.is_simulated)
    return facts
