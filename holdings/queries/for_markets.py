"""What the pages of market data show of the books: positions and trades of a person, by instrument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.urls import reverse

from holdings.models import (
    ActionProposal,
    Portfolio,
    PortfolioKind,
    Position,
    ProposalState,
    Transaction,
    TransactionType,
)
from holdings.queries.valuing import unit_of
from marketdata.models import CorporateAction, Instrument
from marketdata.queries import HeldView, TradeView

#: The source of entries that the demo site makes up.
DEMO_SOURCE = "demo"


class BooksForMarkets:
    """Answers `marketdata.queries.personal`. A person's own portfolios only, also for who may see others'."""

    def held(self, user: Any) -> Sequence[HeldView]:
        """What is open now."""
        return [view for view in _views(_positions(user)) if view.quantity]

    def held_of(self, user: Any, instrument_id: int) -> Sequence[HeldView]:
        """What there is or was of one instrument."""
        return _views(_positions(user).filter(instrument_id=instrument_id))

    def trades_of(self, user: Any, instrument_id: int, limit: int) -> Sequence[TradeView]:
        """The latest purchases and sales that were not voided, oldest first."""
        rows = (
            Transaction.objects.counting()
            .filter(
                portfolio__in=_portfolios(user),
                instrument_id=instrument_id,
                type__in=[TransactionType.BUY, TransactionType.SELL],
                quantity__isnull=False,
            )
            .select_related("portfolio")
            .order_by("-occurred_at", "-sequence")[:limit]
        )
        return [
            TradeView(
                portfolio=row.portfolio.name,
                is_paper=row.portfolio.is_paper,
                day=row.occurred_date,
                at=None if row.is_date_only else row.occurred_at,
                side=row.type,
                quantity=row.quantity or Decimal(0),
                price=row.price,
            )
            for row in reversed(rows)
        ]


def held_instruments() -> Iterable[int]:
    """The instruments that anybody holds now: their prices are kept fresh. One statement."""
    return (
        Position.objects.filter(portfolio__in=Portfolio.objects.active())
        .exclude(quantity=0)
        .values_list("instrument_id", flat=True)
        .distinct()
    )


def instruments_held_by(user: Any) -> Iterable[int]:
    """The instruments that a person holds now in portfolios of their own. One statement."""
    return _positions(user).exclude(quantity=0).values_list("instrument_id", flat=True).distinct()


def bound_to_simulated_prices(instrument_ids: Collection[int]) -> set[int]:
    """Return which of these instruments something was booked of at the prices they have had here: in practice accounts, in
    the demo portfolio, whose story was made of them, and dividends of the simulated market wherever they were booked. What
    people entered themselves they paid elsewhere."""
    ids = list(instrument_ids)
    practice = Position.objects.filter(portfolio__kind=PortfolioKind.PAPER, instrument_id__in=ids)
    demo = Transaction.objects.counting().filter(source=DEMO_SOURCE, instrument_id__in=ids)
    made_up = CorporateAction.objects.filter(
        instrument=OuterRef("instrument"),
        ex_date=OuterRef("ex_date"),
        kind=OuterRef("kind"),
        source="simulated",
    )
    paid = ActionProposal.objects.filter(Exists(made_up), state=ProposalState.BOOKED, instrument_id__in=ids)
    return {
        pk
        for rows in (practice, demo, paid)
        for pk in rows.order_by().values_list("instrument_id", flat=True).distinct()
    }


def _portfolios(user: Any) -> QuerySet[Portfolio]:
    found: QuerySet[Portfolio] = Portfolio.objects.visible_to(user).active().filter(owner=user)
    return found


def _positions(user: Any) -> QuerySet[Position]:
    return Position.objects.filter(portfolio__in=_portfolios(user))


def _views(positions: QuerySet[Position]) -> list[HeldView]:
    rows = (
        positions.values(
            "instrument_id",
            "portfolio_id",
            "portfolio__name",
            "portfolio__kind",
            "instrument__multiplier",
            "instrument__quote_unit",
        )
        .annotate(
            held=Sum("quantity"), cost=Sum("cost_basis"), gained=Sum("realised_gain"), earned=Sum("income")
        )
        .order_by("portfolio__name", "portfolio_id", "instrument_id")
    )
    return [
        HeldView(
            instrument_id=row["instrument_id"],
            portfolio_id=row["portfolio_id"],
            portfolio=row["portfolio__name"],
            is_paper=row["portfolio__kind"] == PortfolioKind.PAPER,
            url=reverse("holdings:holding", args=[row["portfolio_id"], row["instrument_id"]]),
            unit=unit_of(
                Instrument(multiplier=row["instrument__multiplier"], quote_unit=row["instrument__quote_unit"])
            ),
            quantity=row["held"],
            cost_basis=row["cost"],
            realised_gain=row["gained"],
            income=row["earned"],
        )
        for row in rows
    ]
