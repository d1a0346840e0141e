"""Closing positions: a market order against what is held, of one instrument or of all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings import queries as books
from marketdata.models import Instrument
from portfolio_site.kernel.errors import DomainError
from trading.engine.liquidity import to_step
from trading.operations.access import own_desk
from trading.operations.canceling import cancel_open
from trading.operations.corporate_actions import apply_own_splits
from trading.operations.errors import ClientOrderIdTakenError, OrderRefusedError, PositionUnknownError
from trading.operations.placing import place_order
from trading.operations.reading import check_client_order_id, check_number
from trading.queries.listing import order_by_client_id
from trading.queries.market import kind_of
from trading.queries.values import OrderView

ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPosition:
    """What became of one position when all were closed: the order, or the error that stood in the way."""

    instrument_id: int
    symbol: str
    order: OrderView | None
    error: DomainError | None


def close_position(
    *,
    portfolio_id: int,
    actor: Any,
    instrument_id: int,
    quantity: Decimal | None = None,
    percentage: Decimal | None = None,
    client_order_id: str | None = None,
    now: datetime,
) -> OrderView:
    """Close a position of ``actor`` by a market order, or a part of it: ``quantity`` units, or ``percentage`` (0 to 100)
    of it; all of it without either. Stocks by a day order, crypto good till cancelled.

    Asked for again with the same ``client_order_id``, the order that was placed is returned; with it for another instrument
    or quantity ``ClientOrderIdTakenError`` is raised. Raises ``PositionUnknownError`` where nothing is held,
    ``OrderRefusedError`` (``insufficient_quantity`` when open orders hold the units), ``PortfolioUnknownError``,
    ``ReadOnlyError``.
    """
    check_number("quantity", quantity)
    check_number("percentage", percentage)
    if quantity is not None and percentage is not None:
        raise OrderRefusedError(
            "Give either a quantity or a percentage.", code="quantity_and_percentage", field="percentage"
        )
    if percentage is not None and not 0 < percentage <= _HUNDRED:
        raise OrderRefusedError(
            "The percentage lies between 0 and 100.", code="percentage_invalid", field="percentage"
        )
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=now)
        before = _placed_before(portfolio_id, client_order_id, instrument_id=instrument_id, quantity=quantity)
        if before is not None:
            return before
        apply_own_splits(desk, instrument_id)
        instrument = Instrument.objects.filter(pk=instrument_id).first()
        position = books.position_quantity(portfolio_id, instrument_id)
        if instrument is None or not position:
            raise PositionUnknownError
        units = abs(position)
        if percentage is not None and percentage < _HUNDRED:
            units = to_step(units * percentage / _HUNDRED, instrument.quantity_step)
        elif quantity is not None:
            units = quantity
        return _close(
            portfolio_id, actor, instrument, position, units, client_order_id=client_order_id, now=now
        )


def _placed_before(
    portfolio_id: int, client_order_id: str | None, *, instrument_id: int, quantity: Decimal | None
) -> OrderView | None:
    """The order that an earlier request with this id placed."""
    if client_order_id is None:
        return None
    check_client_order_id(client_order_id)
    known = order_by_client_id(portfolio_id, client_order_id)
    if known is not None and (
        known.instrument_id != instrument_id or (quantity is not None and known.quantity != quantity)
    ):
        raise ClientOrderIdTakenError(known.id)
    return known


def reverse_position(
    *, portfolio_id: int, actor: Any, instrument_id: int, client_order_id: str, now: datetime
) -> tuple[OrderView, OrderView]:
    """Turn a position round: close it at the market and open the same size on the other side. Both or neither.

    The first order is named ``client_order_id``, the second the same with ``-open`` behind it; asked for again, both are
    returned as they are. The closing order has to be filled at once, so the market has to be open: else nothing is placed
    (``OrderRefusedError``, code ``reverse_not_filled``). Raises as ``close_position`` and, for the second order, as
    ``place_order``.
    """
    opening_id = f"{client_order_id}-open"
    check_client_order_id(opening_id)
    with transaction.atomic():
        own_desk(portfolio_id, actor, now=now)
        closed = _placed_before(portfolio_id, client_order_id, instrument_id=instrument_id, quantity=None)
        opened = _placed_before(portfolio_id, opening_id, instrument_id=instrument_id, quantity=None)
        if closed is not None and opened is not None:
            return closed, opened
        closed = close_position(
            portfolio_id=portfolio_id,
            actor=actor,
            instrument_id=instrument_id,
            client_order_id=client_order_id,
            now=now,
        )
        if closed.remaining:
            raise OrderRefusedError(
                "The position could not be closed at once, so nothing was done. A position is turned round while its "
                "market is open.",
                code="reverse_not_filled",
            )
        is_sale = closed.side == "sell"
        opened = place_order(
            portfolio_id=portfolio_id,
            actor=actor,
            client_order_id=opening_id,
            instrument_id=instrument_id,
            side=closed.side,
            type="market",
            time_in_force=closed.time_in_force,
            quantity=closed.quantity,
            position_intent="sell_to_open" if is_sale else "buy_to_open",
            origin="reverse",
            now=now,
        )
        return closed, opened


def _close(
    portfolio_id: int,
    actor: Any,
    instrument: Instrument,
    position: Decimal,
    units: Decimal,
    *,
    client_order_id: str | None = None,
    now: datetime,
) -> OrderView:
    is_crypto = kind_of(instrument.asset_class) == "crypto"
    return place_order(
        portfolio_id=portfolio_id,
        actor=actor,
        client_order_id=client_order_id or str(uuid.uuid4()),
        instrument_id=instrument.pk,
        side="sell" if position > 0 else "buy",
        type="market",
        time_in_force="gtc" if is_crypto else "day",
        quantity=units,
        position_intent="sell_to_close" if position > 0 else "buy_to_close",
        origin="close",
        now=now,
    )


def close_all_positions(
    *, portfolio_id: int, actor: Any, cancel_orders: bool = False, now: datetime
) -> list[ClosedPosition]:
    """Close every position of the actor's account, by symbol; with ``cancel_orders`` all open orders are canceled first.

    One that cannot be closed does not hold up the others. Raises ``PortfolioUnknownError``, ``ReadOnlyError``,
    ``OrderRefusedError`` for an account that is not for trading.
    """
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=now)
        if cancel_orders:
            cancel_open(desk, text="Cancelled: all positions are being closed.")
        quantities = books.position_quantities(portfolio_id)
        instruments = Instrument.objects.filter(pk__in=quantities).order_by("symbol", "pk")
        results = []
        for instrument in instruments:
            position = quantities[instrument.pk]
            order: OrderView | None = None
            error: DomainError | None = None
            try:
                with transaction.atomic():
                    if apply_own_splits(desk, instrument.pk):
                        position = books.position_quantity(portfolio_id, instrument.pk)
                    order = _close(portfolio_id, actor, instrument, position, abs(position), now=now)
            except DomainError as refusal:
                error = refusal
            results.append(
                ClosedPosition(
                    instrument_id=instrument.pk, symbol=instrument.symbol, order=order, error=error
                )
            )
        return results
