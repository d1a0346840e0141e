"""Reading orders and fills: lists, one order with its story, and what an open one is waiting for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from marketdata.queries import QuoteView, cached_quotes
from trading.engine.matching import match
from trading.engine.states import OrderStatus
from trading.models import Fill, Order, OrderQuerySet
from trading.queries.book import book_order
from trading.queries.brokers import sentences_at_brokers
from trading.queries.market import market_with, tradable_of
from trading.queries.values import FillView, OrderView, fill_views, order_view

#: Lists that are not paged through are never longer than this.
MAX_LISTED = 200


def orders_queryset(user: Any) -> OrderQuerySet:
    """The orders ``user`` may see, with what a view of them needs. For filters and cursor paging."""
    return Order.objects.visible_to(user).select_related("instrument", "portfolio")


def orders_for(
    user: Any,
    *,
    portfolio_id: int | None = None,
    instrument_id: int | None = None,
    status: str = "all",
    limit: int = 50,
) -> list[OrderView]:
    """Orders that ``user`` may see, newest first. ``status`` is open, closed or all. One statement."""
    rows = orders_queryset(user)
    if status == "open":
        rows = rows.open()
    elif status == "closed":
        rows = rows.closed()
    elif status != "all":
        raise ValueError("status is open, closed or all")
    if portfolio_id is not None:
        rows = rows.filter(portfolio_id=portfolio_id)
    if instrument_id is not None:
        rows = rows.filter(instrument_id=instrument_id)
    newest = rows.order_by("-submitted_at", "id")[: min(limit, MAX_LISTED)]
    return [order_view(row) for row in newest]


def instruments_in_open_orders() -> Iterable[int]:
    """The instruments that open orders wait for: their prices are kept fresh. One statement."""
    return Order.objects.open().values_list("instrument_id", flat=True).distinct()


def instruments_ordered_by(user: Any) -> Iterable[int]:
    """The instruments that a person's own open orders wait for. One statement."""
    return (
        Order.objects.open().filter(portfolio__owner=user).values_list("instrument_id", flat=True).distinct()
    )


def in_open_orders(instrument_ids: Collection[int]) -> Iterable[int]:
    """Which of these instruments open orders wait for. One statement."""
    found: Iterable[int] = (
        Order.objects.open()
        .filter(instrument_id__in=list(instrument_ids))
        .values_list("instrument_id", flat=True)
    )
    return found


def visible_order(user: Any, order_id: UUID) -> OrderView | None:
    """The order if ``user`` may see it. One statement."""
    row = orders_queryset(user).filter(pk=order_id).first()
    return None if row is None else order_view(row)


def fills_queryset(user: Any) -> QuerySet[Fill]:
    """Fills that ``user`` may see, for lists that filter and page; `fill_views` makes views of a page."""
    rows: QuerySet[Fill] = Fill.objects.visible_to(user).select_related("order", "order__instrument")
    return rows


def fills_for(
    user: Any,
    *,
    portfolio_id: int | None = None,
    order_id: UUID | None = None,
    limit: int = 50,
) -> list[FillView]:
    """Fills that ``user`` may see, newest first. One statement."""
    rows = fills_queryset(user)
    if portfolio_id is not None:
        rows = rows.filter(order__portfolio_id=portfolio_id)
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    newest = rows.order_by("-executed_at", "-number", "id")[: min(limit, MAX_LISTED)]
    return fill_views(newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An open order beside its market: the quote it looks at and the sentence that says why it has not
    filled."""

    order: OrderView
    portfolio_name: str
    quote: QuoteView | None
    waiting_for: str


def open_orders_with_market(
    user: Any, *, now: datetime, portfolio_id: int | None = None, instrument_id: int | None = None
) -> list[OpenOrder]:
    """The open orders of ``user`` with the reason each is still open. One statement plus the quotes."""
    rows = orders_queryset(user).open()
    if portfolio_id is not None:
        rows = rows.filter(portfolio_id=portfolio_id)
    if instrument_id is not None:
        rows = rows.filter(instrument_id=instrument_id)
    orders = list(rows.order_by("-submitted_at", "id")[:MAX_LISTED])
    return with_market(orders, now=now)


def open_order_with_market(user: Any, order_id: UUID, *, now: datetime) -> OpenOrder | None:
    """One order with its market; ``waiting_for`` is empty when it is no longer open."""
    row = orders_queryset(user).filter(pk=order_id).first()
    return None if row is None else with_market([row], now=now)[0]


def with_market(orders: Sequence[Order], *, now: datetime) -> list[OpenOrder]:
    """Rows (instrument and portfolio selected along) beside their market, in the same order. The quotes come from the cache."""
    quotes = cached_quotes({order.instrument_id for order in orders}, now=now) if orders else {}
    elsewhere = sentences_at_brokers([order for order in orders if order.is_open and not order.watch])
    return [
        OpenOrder(
            order=order_view(order),
            portfolio_name=order.portfolio.name,
            quote=quotes.get(order.instrument_id),
            waiting_for=elsewhere.get(order.pk)
            or waiting_sentence(order, quotes.get(order.instrument_id), now=now),
        )
        for order in orders
    ]


def waiting_sentence(order: Order, quote: QuoteView | None, *, now: datetime) -> str:
    """Why an open order has not filled, by the same engine that would fill it; empty for one that has
    ended."""
    if not order.is_open:
        return ""
    if order.status == OrderStatus.HELD and not order.watch:
        return "It waits until its entry is filled completely."
    thing = tradable_of(order.instrument)
    market = market_with(order.instrument, thing, quote, now=now)
    tick = market.tick()
    if tick is None:
        return "There is no price for this instrument at the moment."
    found = match([book_order(order, thing=thing)], tick, now, phase=market.phase)
    return found.waiting.get(order.id) or found.ended.get(order.id, "It is about to be filled.")
