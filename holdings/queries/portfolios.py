"""Which portfolios there are for a person, and what each is worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from holdings.models import Portfolio
from holdings.queries.valuing import Snapshot, snapshots
from portfolio_site.kernel import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioCard:
    """A portfolio and its key figures, in its base currency.

    `value` (net worth) is None when a price or rate that it needs is missing; `incomplete` then says which.
    """

    id: int
    name: str
    kind: str
    owner_id: int
    owner_name: str
    base_currency: str
    is_archived: bool
    positions: int
    value: Decimal | None
    day_change: Decimal | None
    total_gain: Decimal | None
    incomplete: tuple[str, ...]
    has_simulated_prices: bool

    @property
    def day_change_fraction(self) -> Decimal | None:
        """The day's change as a part of yesterday's value."""
        if self.value is None or self.day_change is None:
            return None
        before = self.value - self.day_change
        return self.day_change / before if before > 0 else None


def visible_portfolio(user: Any, portfolio_id: int) -> Portfolio | None:
    """The portfolio, if this person may see it: its owner, or an auditor. One statement."""
    found: Portfolio | None = (
        Portfolio.objects.visible_to(user).select_related("owner").filter(pk=portfolio_id).first()
    )
    return found


def portfolios_for(
    user: Any, *, now: datetime | None = None, include_archived: bool = False
) -> list[PortfolioCard]:
    """The portfolios that a person may see, each with its value. The number of statements does not depend on how many."""
    rows = Portfolio.objects.visible_to(user).select_related("owner")
    if not include_archived:
        rows = rows.active()
    return cards(list(rows.order_by("archived_at", "name", "pk")), now=now or clock.now())


def names_kept_by_hand(owner: Any) -> list[tuple[int, str]]:
    """(id, name) of a person's own portfolios into which they enter what happens themselves, by name. One statement."""
    rows = Portfolio.objects.visible_to(owner).active().filter(owner_id=owner.pk, kind="tracked")
    return list(rows.order_by("name", "pk").values_list("pk", "name"))


def portfolio_value(portfolio_id: int, *, now: datetime) -> Decimal | None:
    """Net worth in the portfolio's base currency; None when a price or rate is missing."""
    portfolio = Portfolio.objects.select_related("owner").get(pk=portfolio_id)
    return cards([portfolio], now=now)[0].value


def cards(portfolios: list[Portfolio], *, now: datetime) -> list[PortfolioCard]:
    """Value several portfolios at once. About eight statements, whatever their number."""
    valued = snapshots(portfolios, now=now)
    return [_card(portfolio, valued[portfolio.pk]) for portfolio in portfolios]


def _card(portfolio: Portfolio, snapshot: Snapshot) -> PortfolioCard:
    return PortfolioCard(
        id=portfolio.pk,
        name=portfolio.name,
        kind=portfolio.kind,
        owner_id=portfolio.owner_id,
        owner_name=portfolio.owner.get_full_name(),
        base_currency=portfolio.base_currency,
        is_archived=portfolio.archived_at is not None,
        positions=sum(1 for holding in snapshot.holdings if holding.quantity),
        value=snapshot.net_worth,
        day_change=snapshot.day_change,
        total_gain=snapshot.total_gain,
        incomplete=snapshot.missing,
        has_simulated_prices=snapshot.has_simulated_prices,
    )
