"""Parts of a portfolio: performance and attribution per account, instrument, asset class, sector, currency, country and tag.

A scope is a set of positions, and for accounts their cash too. What passes its border is a flow: its trades' money where the
cash lies outside, transfers, and income that is paid out of it. Its return is then measured like the whole portfolio's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from holdings.domain.analysis import Analysis
from holdings.domain.numbers import exact
from holdings.domain.performance import Performance, measure
from holdings.domain.types import ZERO, AssetClass, Instrument
from holdings.domain.valuation import cash_by_day, positions_by_day, value_days

Key = tuple[str, str]  # (instrument, account)
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Scope:
    """A named part: positions, and accounts whose cash belongs to it."""

    label: str
    positions: frozenset[Key]
    cash_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a part gained in the period, and how much of the whole simple return that is."""

    label: str
    opening_value: Decimal
    closing_value: Decimal
    net_flows: Decimal
    gain: Decimal
    contribution: float | None
    performance: Performance


def keys_of(analysis: Analysis) -> list[Key]:
    """Every position ever held."""
    return [(row.instrument, row.account) for row in analysis.positions]


def _by(analysis: Analysis, name: Callable[[Instrument], str]) -> list[Scope]:
    groups: dict[str, set[Key]] = defaultdict(set)
    for key in keys_of(analysis):
        groups[name(analysis.setup.instruments[key[0]]) or OTHER].add(key)
    return [Scope(label, frozenset(keys)) for label, keys in sorted(groups.items())]


def by_instrument(analysis: Analysis) -> list[Scope]:
    """One scope per instrument, over all accounts."""
    return _by(analysis, lambda instrument: instrument.id)


def by_asset_class(analysis: Analysis) -> list[Scope]:
    """One scope per asset class."""
    return _by(analysis, lambda instrument: str(instrument.asset_class))


def by_sector(analysis: Analysis) -> list[Scope]:
    """One scope per sector."""
    return _by(analysis, lambda instrument: instrument.sector)


def by_currency(analysis: Analysis) -> list[Scope]:
    """One scope per quote currency."""
    return _by(analysis, lambda instrument: instrument.currency)


def by_country(analysis: Analysis) -> list[Scope]:
    """One scope per country."""
    return _by(analysis, lambda instrument: instrument.country)


def by_account(analysis: Analysis) -> list[Scope]:
    """One scope per account, with its cash."""
    names = (
        {key[1] for key in keys_of(analysis)}
        | {row.account for row in analysis.cash}
        | {*analysis.setup.accounts}
    )
    keys = keys_of(analysis)
    return [
        Scope(name, frozenset(key for key in keys if key[1] == name), frozenset([name]))
        for name in sorted(names)
    ]


def by_tag(analysis: Analysis) -> list[Scope]:
    """One scope per tag: the positions with a transaction that carries it (a position may be in several)."""
    known = set(keys_of(analysis))
    groups: dict[str, set[Key]] = defaultdict(set)
    for tx in analysis.journal:
        if tx.instrument is not None and tx.account is not None and (tx.instrument, tx.account) in known:
            for tag in tx.tags:
                groups[tag].add((tx.instrument, tx.account))
    return [Scope(tag, frozenset(keys)) for tag, keys in sorted(groups.items())]


DIMENSIONS: dict[str, Callable[[Analysis], list[Scope]]] = {
    "account": by_account,
    "instrument": by_instrument,
    "asset_class": by_asset_class,
    "sector": by_sector,
    "currency": by_currency,
    "country": by_country,
    "tag": by_tag,
}


def flows_of(analysis: Analysis, scope: Scope) -> list[tuple[int, Decimal]]:
    """What crosses the scope's border, by day: positive comes in.

    Securities alone: what trades and deliveries put in and took out net of fees, less income (before taxes, which are not
    the security's doing). With cash: each transaction's effect on cash and securities inside, without its income and costs.
    """
    effects = analysis.effects
    if not scope.cash_accounts:
        return [
            (flow.ordinal, flow.base)
            for flow in effects.positions
            if (flow.instrument, flow.account) in scope.positions
        ]
    flows: dict[int, Decimal] = defaultdict(Decimal)
    accounts = scope.cash_accounts
    for move in effects.cash:
        if move.account in accounts:
            flows[move.ordinal] += move.base
    for flow in effects.positions:
        if flow.account in accounts:
            flows[flow.ordinal] += flow.gross_base
    for income in effects.incomes:
        if income.account in accounts:
            flows[income.ordinal] -= income.base
    for charge in effects.charges:
        if charge.account in accounts:
            flows[charge.ordinal] += charge.base
    return sorted((day, amount) for day, amount in flows.items() if amount)


def measure_scope(analysis: Analysis, scope: Scope) -> Performance:
    """Performance of a part over the analysis's period."""
    with exact():
        effects = analysis.effects
        valuation = value_days(
            analysis.market,
            first=analysis.start.toordinal(),
            last=analysis.end.toordinal(),
            quantities=positions_by_day(
                row for row in effects.quantities if (row.instrument, row.account) in scope.positions
            ),
            cash=cash_by_day(row for row in effects.cash if row.account in scope.cash_accounts),
        )
        classes = {analysis.setup.instruments[name].asset_class for name, _ in scope.positions}
        return measure(
            valuation,
            flows_of(analysis, scope),
            every_day=classes == {AssetClass.CRYPTO},
            risk_free=analysis.portfolio.risk_free_rate,
        )


def attribute(analysis: Analysis, scopes: Iterable[Scope]) -> list[Attribution]:
    """Gain and contribution to return of each part. Gains of accounts add up to the portfolio's gain."""
    statement = analysis.statement
    with exact():
        base = statement.opening_value + statement.contributions
        found = []
        for scope in scopes:
            performance = measure_scope(analysis, scope)
            net = sum((performance.flow(day) for day in {*performance.inflows, *performance.outflows}), ZERO)
            opening, closing = performance.value(0), performance.value(-1)
            gain = closing - opening - net
            found.append(
                Attribution(
                    label=scope.label,
                    opening_value=opening,
                    closing_value=closing,
                    net_flows=net,
                    gain=gain,
                    contribution=float(gain / base) if base > 0 else None,
                    performance=performance,
                )
            )
        return found
