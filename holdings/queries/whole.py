"""A whole portfolio as the domain analyses it: its journal, and the prices and rates of every day since it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from holdings.domain import types as domain
from holdings.domain.series import Series
from holdings.models import Portfolio
from holdings.queries.journal import Journal, load_journal
from holdings.queries.pricing import PriceNow
from holdings.queries.rates import rates_since
from marketdata.queries import closes


def today_in(portfolio: Portfolio, now: datetime) -> date:
    """The day it is for the portfolio."""
    return now.astimezone(ZoneInfo(portfolio.time_zone)).date()


def whole_portfolio(
    portfolio: Portfolio, *, now: datetime, prices_now: Mapping[int, PriceNow] | None = None
) -> domain.Portfolio:
    """Everything that an analysis of the portfolio needs, valued today.

    `prices_now` are put in at their days, over the closes: what is on the page then is what the analysis says. About
    six statements, whatever the number of entries.
    """
    return assembled(portfolio, load_journal(portfolio.pk), now=now, prices_now=prices_now)


def assembled(
    portfolio: Portfolio, journal: Journal, *, now: datetime, prices_now: Mapping[int, PriceNow] | None = None
) -> domain.Portfolio:
    """The same for a journal that is loaded already."""
    today = today_in(portfolio, now)
    first = min((row.day for row in journal.transactions), default=today)
    # One day earlier, because a period begins at the end of the day before.
    start = first - timedelta(days=1)
    prices = closes([int(name) for name in journal.instruments], start, today, carry_in=True)
    for pk, price in (prices_now or {}).items():
        if price.origin != "trade" and str(pk) in journal.instruments:
            prices.setdefault(pk, {})[min(price.day, today)] = price.price
    return replace(
        frame_of(portfolio, journal, today=today),
        transactions=journal.transactions,
        prices={str(pk): Series.from_pairs(pairs) for pk, pairs in prices.items()},
        fx={
            pair: Series.from_pairs(pairs)
            for pair, pairs in rates_since(
                currencies_of(journal), portfolio.base_currency, start, today
            ).items()
        },
    )


def frame_of(portfolio: Portfolio, journal: Journal, *, today: date) -> domain.Portfolio:
    """The settings, accounts and instruments of a portfolio, without what happened and without prices."""
    return domain.Portfolio(
        name=portfolio.name,
        base_currency=portfolio.base_currency,
        as_of=today,
        timezone=portfolio.time_zone,
        cost_basis_method=domain.CostMethod(portfolio.cost_basis_method),
        allow_short=portfolio.allow_short,
        allow_negative_cash=portfolio.allow_negative_cash,
        tax_country=portfolio.tax_country,
        risk_free_rate=float(portfolio.risk_free_rate),
        accounts=journal.accounts,
        instruments=journal.instruments,
        transactions=(),
        prices={},
        fx={},
    )


def currencies_of(journal: Journal) -> set[str]:
    """Every currency that cash or a price in a journal is in."""
    return {row.currency for row in journal.transactions} | {i.currency for i in journal.instruments.values()}
