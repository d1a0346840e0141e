"""Replaying a journal: the one way in which the books of a portfolio are computed from the beginning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from holdings.domain import types as domain
from holdings.domain.ledger import Setup, in_order, market_of, replay
from holdings.domain.market import Market
from holdings.domain.numbers import EXACT
from holdings.domain.series import Series
from holdings.domain.types import CostMethod
from holdings.queries.derived import Derived, derived_from
from holdings.queries.journal import BookSettings, Journal
from marketdata.queries import closes_on


def books_market(
    base_currency: str,
    instruments: Mapping[str, domain.Instrument],
    rows: Sequence[domain.Transaction],
    *,
    closes: Mapping[str, Mapping[date, Decimal]] | None = None,
) -> Market:
    """Prices and rates as the entries themselves recorded them.

    The books follow from the journal alone: what market data says today about a past day changes no cost in them.
    """
    fx: dict[tuple[str, str], dict[date, Decimal]] = {}
    prices: dict[str, dict[date, Decimal]] = {name: dict(known) for name, known in (closes or {}).items()}
    for row in rows:
        if row.fx_rate is not None:
            fx.setdefault((row.currency, base_currency), {})[row.day] = row.fx_rate
        if row.instrument is None:
            continue
        own = instruments[row.instrument].currency
        if row.instrument_rate is not None and own != base_currency:
            fx.setdefault((row.currency, own), {})[row.day] = row.instrument_rate
        if row.price is not None and row.type in VALUED:
            rate = row.instrument_rate if own != row.currency else None
            valued = (row.to_instrument or row.instrument) if row.type in IN_KIND else row.instrument
            prices.setdefault(valued, {})[row.day] = (
                row.price if rate is None else EXACT.multiply(row.price, rate)
            )
    return market_of(
        base_currency=base_currency,
        instruments=instruments,
        prices={name: Series.from_pairs(pairs) for name, pairs in prices.items()},
        fx={pair: Series.from_pairs(pairs) for pair, pairs in fx.items()},
        ordered=rows,
    )


IN_KIND = frozenset(
    {
        domain.TransactionType.DIVIDEND,
        domain.TransactionType.DISTRIBUTION,
        domain.TransactionType.INTEREST,
        domain.TransactionType.STAKING,
    }
)
#: Types whose value is the price of the day, which the entry records.
VALUED = IN_KIND | {domain.TransactionType.DELIVERY_IN, domain.TransactionType.DELIVERY_OUT}


def setup_for(
    settings: BookSettings,
    *,
    accounts: Mapping[str, domain.Account],
    instruments: Mapping[str, domain.Instrument],
    market: Market,
) -> Setup:
    """The rules under which a portfolio's ledger runs."""
    return Setup(
        base_currency=settings.base_currency,
        market=market,
        instruments=instruments,
        accounts=accounts,
        method=CostMethod(settings.cost_basis_method),
        allow_short=settings.allow_short,
        contribute=not settings.allow_negative_cash,
        wash_sales=settings.tax_country == "US",
        timezone=settings.time_zone,
    )


def replayed(settings: BookSettings, journal: Journal) -> Derived:
    """What follows from a journal. Raises the domain's `PortfolioError`, with every problem, where it does not hold together."""
    ordered = in_order(journal.transactions, settings.time_zone)
    market = books_market(settings.base_currency, journal.instruments, ordered, closes=closes_needed(ordered))
    setup = setup_for(settings, accounts=journal.accounts, instruments=journal.instruments, market=market)
    result = replay(setup, ordered)
    if result.problems:
        raise domain.PortfolioError(list(result.problems))
    return derived_from(result.ledger.books(), result.effects)


def closes_needed(ordered: Iterable[domain.Transaction]) -> dict[str, dict[date, Decimal]]:
    """The day's prices where a corporate action divides a cost by them; nothing in the entry could say them."""
    needed: dict[str, dict[date, Decimal]] = {}
    for row in ordered:
        if row.type not in (domain.TransactionType.SPIN_OFF, domain.TransactionType.MERGER):
            continue
        names = [name for name in (row.instrument, row.to_instrument) if name is not None]
        for pk, dated in closes_on([int(name) for name in names], row.day).items():
            needed.setdefault(str(pk), {})[row.day] = dated.price
    return needed
