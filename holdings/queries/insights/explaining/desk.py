"""Figures of all tracked portfolios together: each portfolio's own figure at today's rate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from holdings.domain.definitions import DEFINITIONS
from holdings.domain.numbers import EXACT
from holdings.queries.combined import Desk, desk_totals
from holdings.queries.insights.explaining.working import (
    Explained,
    Fact,
    MoneyRow,
    Working,
    as_explained,
    computed,
    summed,
)
from holdings.queries.valuing import Snapshot
from marketdata.queries import FxRateMissing, fx_rate

#: figure -> (its definition, what it is in a portfolio, where that is explained)
_SUMS: dict[str, tuple[str, Callable[[Snapshot], Decimal | None], str]] = {
    "desk_value": ("desk_value", lambda shown: shown.net_worth, "net_worth"),
    "desk_day_change": ("desk_day_change", lambda shown: shown.day_change, "day_change"),
    "desk_total_gain": ("desk_total_gain", lambda shown: shown.total_gain, "total_gain"),
    "desk_net_contributions": (
        "desk_net_contributions",
        lambda shown: shown.net_contributions,
        "net_contributions",
    ),
    "desk_cash": ("desk_cash", lambda shown: shown.cash_value, "cash"),
}
_FRACTIONS = {
    "desk_day_change_fraction": "day_change_fraction",
    "desk_total_gain_fraction": "total_gain_fraction",
}
NAMES = frozenset({*_SUMS, *_FRACTIONS})


def explained_desk(desk: Desk, figure: str, *, currency: str, now: datetime) -> Explained:
    """What a figure of the dashboard was computed from. Raises KeyError for another name."""
    if figure in _SUMS:
        name, _, _ = _SUMS[figure]
        working = _sum(desk, figure, currency=currency, now=now)
    else:
        name = _FRACTIONS[figure]
        working = _fraction(desk, figure, currency=currency, now=now)
    return as_explained(figure, DEFINITIONS[name], working, currency)


def _sum(desk: Desk, figure: str, *, currency: str, now: datetime) -> Working:
    _, value_of, inner = _SUMS[figure]
    rows = []
    for portfolio in desk.tracked:
        amount = value_of(desk.snapshots[portfolio.pk])
        rate = _rate(portfolio.base_currency, currency, now)
        if amount is None or rate is None:
            return Working(unit="money", currency=currency)
        rows.append(
            MoneyRow(
                label=portfolio.name,
                amount=EXACT.multiply(amount, rate),
                portfolio_id=portfolio.pk,
                figure=inner,
                quantity=amount,
                currency=portfolio.base_currency,
                rate=rate,
            )
        )
    return summed(rows, currency=currency)


def _rate(source: str, target: str, now: datetime) -> Decimal | None:
    try:
        return fx_rate(base=source, quote=target, on=now.date())
    except FxRateMissing:
        return None


def _fraction(desk: Desk, figure: str, *, currency: str, now: datetime) -> Working:
    totals = desk_totals(desk, currency=currency, now=now)
    if figure == "desk_total_gain_fraction":
        return computed(
            totals.gain_fraction,
            Fact("Total gain", "money", totals.gain, "desk_total_gain", currency=currency),
            Fact("Put in", "money", totals.net_contributions, "desk_net_contributions", currency=currency),
        )
    return computed(
        totals.day_fraction,
        Fact("Change today", "money", totals.day_change, "desk_day_change", currency=currency),
        Fact("Total value", "money", totals.value, "desk_value", currency=currency),
    )
