"""Baskets as their pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from trading.models import BasketLine, BasketState, LineState, OrderBasket
from trading.queries.values import OrderView, order_view


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLineView:
    """One order of a basket. ``state`` is waiting, placed, refused or dropped; ``reason`` says why for the last two."""

    number: int
    instrument_id: int
    symbol: str
    currency: str
    side: str
    quantity: Decimal
    limit_price: Decimal | None
    amount: Decimal
    fees: Decimal
    state: str
    state_label: str
    reason: str
    order: OrderView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketView:
    """A basket: ``state`` is working, done or stopped. ``weights`` are rows of name, now, target and after as they were
    reviewed (parts of 1)."""

    id: UUID
    portfolio_id: int
    portfolio_name: str
    owner_id: int
    state: str
    state_label: str
    drift_before: Decimal
    drift_after: Decimal
    weights: tuple[dict[str, Any], ...]
    created_at: datetime
    ended_at: datetime | None
    lines: tuple[BasketLineView, ...]

    @property
    def is_working(self) -> bool:
        """Whether something waits or is open."""
        return self.state == BasketState.WORKING

    @property
    def filled(self) -> int:
        """Orders that are filled."""
        return sum(1 for line in self.lines if line.order is not None and line.order.status == "filled")

    @property
    def waiting(self) -> int:
        """Lines that wait for cash."""
        return sum(1 for line in self.lines if line.state == LineState.WAITING)


def visible_basket(user: Any, basket_id: UUID) -> BasketView | None:
    """The basket, if this person may see it. Two statements."""
    rows = OrderBasket.objects.visible_to(user).select_related("portfolio")
    found = rows.filter(pk=basket_id).first()
    return None if found is None else _view(found)


def working_basket_id(portfolio_id: int) -> UUID | None:
    """The basket of an account that is still at work."""
    rows = OrderBasket.objects.filter(portfolio_id=portfolio_id, state=BasketState.WORKING)
    return rows.values_list("pk", flat=True).first()


def working_baskets() -> list[UUID]:
    """Every basket at work, the oldest first. One statement."""
    rows = OrderBasket.objects.filter(state=BasketState.WORKING).order_by("created_at", "pk")
    return list(rows.values_list("pk", flat=True))


def baskets_of_orders(order_ids: Sequence[UUID]) -> list[UUID]:
    """The baskets at work that some of these orders belong to, each once. One statement."""
    rows = BasketLine.objects.filter(order_id__in=order_ids, basket__state=BasketState.WORKING)
    return list(rows.order_by("basket_id").values_list("basket_id", flat=True).distinct())


def latest_baskets(portfolio_id: int, *, limit: int = 5) -> list[OrderBasket]:
    """The last baskets of an account, the newest first. One statement."""
    return list(OrderBasket.objects.filter(portfolio_id=portfolio_id).order_by("-created_at", "pk")[:limit])


def _parts(each: dict[str, Any]) -> dict[str, Decimal | None]:
    return {
        name: None if each.get(name) is None else Decimal(each[name]) for name in ("now", "target", "after")
    }


def _view(row: OrderBasket) -> BasketView:
    lines = row.lines.select_related("instrument", "order__instrument", "order__portfolio").order_by("number")
    return BasketView(
        id=row.pk,
        portfolio_id=row.portfolio_id,
        portfolio_name=row.portfolio.name,
        owner_id=row.portfolio.owner_id,
        state=row.state,
        state_label=row.get_state_display(),
        drift_before=row.drift_before,
        drift_after=row.drift_after,
        weights=tuple({**each, **_parts(each)} for each in row.weights),
        created_at=row.created_at,
        ended_at=row.ended_at,
        lines=tuple(
            BasketLineView(
                number=line.number,
                instrument_id=line.instrument_id,
                symbol=line.instrument.symbol,
                currency=line.instrument.currency,
                side=line.side,
                quantity=line.quantity,
                limit_price=line.limit_price,
                amount=line.amount,
                fees=line.fees,
                state=line.state,
                state_label=line.get_state_display(),
                reason=line.reason,
                order=None if line.order is None else order_view(line.order),
            )
            for line in lines
        ),
    )
