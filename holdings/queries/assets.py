"""The books in their shortest form: one list of assets, coins and everything else, and its totals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from holdings.models import Portfolio, PortfolioKind, whose_portfolios
from holdings.queries.balances import position_quantity
from holdings.queries.portfolios import visible_portfolio
from holdings.queries.totals import GroupTotal, Unpriced, total_of, totals_of
from holdings.queries.valuing import HoldingRow, snapshot
from marketdata.queries import CRYPTO, STOCK, kind_of
from portfolio_site.kernel.errors import NotFoundError

ZERO = Decimal(0)


class AssetNotFound(NotFoundError):
    """The person's portfolio holds no such asset."""

    code = "asset_not_found"


class PortfolioNotFound(NotFoundError):
    """There is no such portfolio, or not for this person."""

    code = "portfolio_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSummary:
    """The totals. `missing` says in words which prices and rates are not known; what needs them is None."""

    portfolio_id: int | None
    portfolio: str
    currency: str
    total_value: Decimal | None
    cash: Decimal | None
    crypto: GroupTotal
    stocks: GroupTotal
    missing: tuple[str, ...]
    is_simulated: bool
    is_stale: bool

    @property
    def cost_basis(self) -> Decimal:
        """Of both groups."""
        return self.crypto.cost_basis + self.stocks.cost_basis

    @property
    def gain(self) -> Decimal | None:
        """Of both groups: value less cost basis."""
        gains = (self.crypto.gain, self.stocks.gain)
        return None if None in gains else sum((gain for gain in gains if gain is not None), ZERO)

    @property
    def gain_fraction(self) -> Decimal | None:
        """The gain as a part of the cost basis."""
        return None if self.gain is None or not self.cost_basis else self.gain / self.cost_basis


def main_portfolio(user: Any) -> Portfolio | None:
    """The tracked portfolio that the short doors mean when none is named: the person's oldest; None before there is one."""
    found: Portfolio | None = (
        Portfolio.objects.visible_to(user)
        .filter(owner_id=user.pk, kind=PortfolioKind.TRACKED, archived_at__isnull=True)
        .select_related("owner")
        .order_by("pk")
        .first()
    )
    return found


def chosen_portfolio(user: Any, portfolio_id: int | None) -> Portfolio | None:
    """The portfolio with this id, or the main one. Raises `PortfolioNotFound` for an id that is not the person's."""
    if portfolio_id is None:
        return main_portfolio(user)
    found = visible_portfolio(user, portfolio_id)
    if found is None:
        raise PortfolioNotFound("There is no such portfolio.", field="portfolio")
    return found


def assets_of(portfolio: Portfolio | None, *, now: datetime, kind: str | None = None) -> list[HoldingRow]:
    """What is held, the largest first; with `kind` only coins, or all but coins. About eight statements."""
    if portfolio is None:
        return []
    rows = (row for row in snapshot(portfolio, now=now).holdings if row.quantity)
    return [row for row in rows if kind is None or kind_of(row.asset_class) == kind]


def asset_of(portfolio: Portfolio | None, instrument_id: int, *, now: datetime) -> HoldingRow:
    """One asset that is held. Raises `AssetNotFound`."""
    for row in assets_of(portfolio, now=now):
        if row.instrument_id == instrument_id:
            return row
    raise AssetNotFound("There is no such asset in the portfolio.")


def require_asset(portfolio: Portfolio | None, instrument_id: int) -> None:
    """Raise `AssetNotFound` for what the portfolio does not hold. One statement."""
    if portfolio is None or not position_quantity(portfolio.pk, instrument_id):
        raise AssetNotFound("There is no such asset in the portfolio.")


def asset_summary(user: Any, portfolio: Portfolio | None, *, now: datetime) -> AssetSummary:
    """The totals of a portfolio; all zero where there is none yet."""
    if portfolio is None:
        empty = GroupTotal(count=0, value=ZERO, cost_basis=ZERO, weight=None)
        return AssetSummary(
            portfolio_id=None, portfolio="", currency=user.base_currency, total_value=ZERO, cash=ZERO, crypto=empty,
            stocks=empty, missing=(), is_simulated=False, is_stale=False,
        )  # fmt: skip
    now_held = snapshot(portfolio, now=now)
    rows = [row for row in now_held.holdings if row.quantity]
    groups = {kind: total_of([r for r in rows if kind_of(r.asset_class) == kind]) for kind in (CRYPTO, STOCK)}
    return AssetSummary(
        portfolio_id=portfolio.pk,
        portfolio=portfolio.name,
        currency=portfolio.base_currency,
        total_value=now_held.net_worth,
        cash=now_held.cash_value,
        crypto=groups[CRYPTO],
        stocks=groups[STOCK],
        missing=now_held.missing,
        is_simulated=now_held.has_simulated_prices,
        is_stale=now_held.has_stale_prices,
    )


def totals_now(user: Any, portfolio_id: int | None, *, now: datetime) -> AssetSummary:
    """`asset_summary` of the portfolio with this id, or of the main one, without making what a page shows of each asset.

    Two statements where everything has a quote or a close. Raises `PortfolioNotFound`.
    """
    sight = whose_portfolios(user)
    try:
        found = None if sight is None else totals_of(sight, portfolio_id, now=now)
    except Unpriced:
        found = None
    if found is None:
        return asset_summary(user, chosen_portfolio(user, portfolio_id), now=now)
    return AssetSummary(
        portfolio_id=found.portfolio_id,
        portfolio=found.name,
        currency=found.base_currency,
        total_value=found.net_worth,
        cash=found.cash_value,
        crypto=found.crypto,
        stocks=found.stocks,
        missing=found.missing,
        is_simulated=found.has_simulated_prices,
        is_stale=found.has_stale_prices,
    )
