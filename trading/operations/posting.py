"""Fills on their way into the journal: with everything else in one statement where a trade is a simple one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from holdings import operations as books_operations
from holdings import queries as books
from holdings.operations import LockedPortfolio
from portfolio_site.kernel.events import Event
from portfolio_site.kernel.rows import columns_of
from portfolio_site.kernel.writing import Writing
from trading.engine.types import Side
from trading.models import Fill, Order

_FILL = tuple(column.attname for column in Fill._meta.concrete_fields)


@dataclass(slots=True, kw_only=True)
class BookedTrade:
    """A fill on its way into the journal."""

    fill: Fill
    order: Order
    journal_quantity: Decimal
    journal_amount: Decimal
    journal_fees: Decimal


def write_trades(
    writing: Writing,
    trades: Sequence[BookedTrade],
    *,
    portfolio: LockedPortfolio,
    facts: books.BookFacts | None,
    actor: Any,
    now: datetime,
) -> list[tuple[Event, str]]:
    """Post trades and add their fills to a statement; returns what the books have to tell, each with its stream.

    ``facts`` are what the books know, if nothing was written since they were read; ``actor`` None: whoever placed the order. No
    statement for one simple trade with facts, one without; several, or one that is not simple, are posted one after the other.
    """
    news: list[tuple[Event, str]] = []
    for trade in trades:
        who = actor if actor is not None else trade.order.placed_by
        posted = None
        if len(trades) == 1:
            posted = _post_within(writing, trade, portfolio=portfolio, facts=facts, actor=who, now=now)
        if posted is None:
            trade.fill.transaction_id = _post(trade, portfolio_id=portfolio.id, actor=who, now=now)
        else:
            trade.fill.transaction_id = posted.entry_id
            news.append((posted.told, posted.stream))
    writing.insert("trading_fill", _FILL, [columns_of(trade.fill, _FILL) for trade in trades])
    return news


def _post_within(
    writing: Writing,
    trade: BookedTrade,
    *,
    portfolio: LockedPortfolio,
    facts: books.BookFacts | None,
    actor: Any,
    now: datetime,
) -> books_operations.PostedTrade | None:
    """Post a trade with everything else, where it is a simple one."""
    fill, order = trade.fill, trade.order
    for_sale = fill.side == Side.SELL
    if facts is None or facts.instrument_id != fill.instrument_id or (for_sale and not facts.for_sale):
        facts = books.read_book_facts(
            portfolio_id=portfolio.id, instrument_id=fill.instrument_id, for_sale=for_sale
        )
    return books_operations.post_trade_within(
        writing,
        portfolio,
        facts=facts,
        instrument=order.instrument,
        trade=books_operations.Trade(
            side=fill.side,
            quantity=trade.journal_quantity,
            price=fill.price,
            amount=trade.journal_amount,
            fees=trade.journal_fees,
            occurred_at=fill.executed_at,
            external_id=str(fill.id),
        ),
        actor=actor,
        now=now,
    )


def _post(trade: BookedTrade, *, portfolio_id: int, actor: Any, now: datetime) -> int:
    fill, order = trade.fill, trade.order
    posted = books_operations.post_trade(
        portfolio_id=portfolio_id,
        instrument_id=order.instrument_id,
        side=order.side,
        quantity=trade.journal_quantity,
        price=fill.price,
        amount=trade.journal_amount,
        fees=trade.journal_fees,
        occurred_at=fill.executed_at,
        external_id=str(fill.id),
        actor=actor,
        now=now,
    )
    return int(posted.pk)
