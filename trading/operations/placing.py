"""Placing an order: idempotent, checked, held and (if the market allows) filled, in one transaction."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.queries import is_auditor
from holdings.operations import lock_portfolio
from marketdata.models import Instrument
from portfolio_site.kernel.errors import NotFoundError
from trading.engine.matching import match
from trading.engine.states import OrderStatus, Trigger
from trading.engine.types import BookOrder, OrderType, Refusal, Side, TimeInForce
from trading.models import Order
from trading.operations import booking
from trading.operations.errors import (
    ClientOrderIdTakenError,
    OrderRefusedError,
    PortfolioUnknownError,
    ReadOnlyError,
)
from trading.queries.assessment import Assessment, Terms, assess, market_of, open_reservations
from trading.queries.values import OrderView, order_view

MAX_CLIENT_ORDER_ID = 128


def place_order(
    *,
    portfolio_id: int,
    actor: Any,
    client_order_id: str,
    instrument_id: int,
    side: str,
    type: str,  # noqa: A002 - the field's own name
    time_in_force: str,
    quantity: Decimal,
    limit_price: Decimal | None = None,
    now: datetime,
) -> OrderView:
    """Place an order of ``actor`` in their paper portfolio and return it as it stands after a first look at
    the market.

    The same ``client_order_id`` with the same content returns the order that is there, whatever has become
    of it; with different content it raises ``ClientOrderIdTakenError``. Raises ``OrderRefusedError``
    (nothing stored) when a check fails, ``PortfolioUnknownError`` for a portfolio that is not the actor's,
    ``ReadOnlyError`` for an auditor.

    Order, fill, journal, lots, position, cash and outbox commit together.
    """
    _check_client_order_id(client_order_id)
    terms = _terms(
        side=side, type=type, time_in_force=time_in_force, quantity=quantity, limit_price=limit_price
    )
    with transaction.atomic():
        portfolio = _lock_own_paper_portfolio(portfolio_id, actor)
        instrument = Instrument.objects.visible_to(actor).filter(pk=instrument_id).first()
        if instrument is None:
            raise OrderRefusedError(
                "There is no such instrument.", code="instrument_not_found", field="instrument"
            )
        reservations = open_reservations(
            portfolio_id=portfolio_id,
            currency=instrument.currency,
            instrument_id=instrument.pk,
            client_order_id=client_order_id,
        )
        if reservations.same_client_id is not None:
            return _first_answer(reservations.same_client_id, instrument_id=instrument_id, terms=terms)
        market = market_of(instrument, now=now)
        assessment = assess(portfolio_id=portfolio_id, market=market, terms=terms, reservations=reservations)
        if assessment.refusal is not None:
            raise OrderRefusedError.of(assessment.refusal, **assessment.details)
        order = Order(
            portfolio_id=portfolio_id,
            instrument=instrument,
            client_order_id=client_order_id,
            side=terms.side.value,
            type=terms.type.value,
            time_in_force=terms.time_in_force.value,
            quantity=terms.quantity,
            limit_price=terms.limit_price,
            currency=instrument.currency,
            status=OrderStatus.PENDING_NEW if market.is_open else OrderStatus.ACCEPTED,
            reserved_cash=assessment.hold_cash,
            reserved_quantity=assessment.hold_quantity,
            placed_by_id=actor.pk,
            submitted_at=now,
            updated_at=now,
            expires_at=market.expires_at(terms.time_in_force, now),
        )
        desk = booking.Desk(
            order=order,
            instrument=instrument,
            owner_id=portfolio.owner_id,
            actor=actor,
            now=now,
            position=assessment.position,
        )
        _first_look(desk, assessment)
        booking.save(desk, is_new=True)
        return order_view(order, instrument=instrument, owner_id=portfolio.owner_id)


def _first_look(desk: booking.Desk, assessment: Assessment) -> None:
    """Route the order and match it at once, or say what it waits for."""
    market, order = assessment.market, desk.order
    tick = market.tick()
    if not market.is_open or tick is None:
        opens = "" if market.opens_at is None else f" It opens at {market.opens_at:%Y-%m-%d %H:%M} UTC."
        booking.accept(desk, waiting=f"The market is closed; the order waits for its next session.{opens}")
        return
    desk.move(Trigger.ROUTE)
    result = match([as_book_order(order)], tick, desk.now)
    booking.accept(desk, waiting=result.waiting.get(order.id, ""))
    for execution in result.executions:
        booking.fill(desk, execution)


def as_book_order(order: Order) -> BookOrder:
    """The order as the matching engine takes it."""
    return BookOrder(
        order_id=order.id,
        side=Side(order.side),
        type=OrderType(order.type),
        remaining=order.remaining,
        limit_price=order.limit_price,
        submitted_at=order.submitted_at,
    )


def _check_client_order_id(client_order_id: str) -> None:
    if (
        not client_order_id
        or len(client_order_id) > MAX_CLIENT_ORDER_ID
        or not client_order_id.isprintable()
        or client_order_id != client_order_id.strip()
    ):
        raise OrderRefusedError(
            f"A client order id has 1 to {MAX_CLIENT_ORDER_ID} printable characters.",
            code="client_order_id_invalid",
            field="client_order_id",
        )


def _terms(
    *,
    side: str,
    type: str,  # noqa: A002
    time_in_force: str,
    quantity: Decimal,
    limit_price: Decimal | None,
) -> Terms:
    for name, value, kinds in (
        ("side", side, Side),
        ("type", type, OrderType),
        ("time_in_force", time_in_force, TimeInForce),
    ):
        if value not in {kind.value for kind in kinds}:
            options = ", ".join(kind.value for kind in kinds)
            raise OrderRefusedError(f"Choose one of: {options}.", code=f"{name}_unknown", field=name)
    for name, number in (("quantity", quantity), ("limit_price", limit_price)):
        if number is None:
            continue
        if not isinstance(number, Decimal):
            raise TypeError(f"{name} is Decimal, not {number.__class__.__name__}")
        if not number.is_finite():
            raise OrderRefusedError("This must be a number.", code=f"{name}_invalid", field=name)
    return Terms(
        side=Side(side),
        type=OrderType(type),
        time_in_force=TimeInForce(time_in_force),
        quantity=quantity,
        limit_price=limit_price,
    )


def _lock_own_paper_portfolio(portfolio_id: int, actor: Any) -> Any:
    try:
        portfolio = lock_portfolio(portfolio_id)
    except NotFoundError:
        raise PortfolioUnknownError from None
    if portfolio.owner_id != actor.pk:
        raise ReadOnlyError if is_auditor(actor) else PortfolioUnknownError
    refusal: Refusal | None = None
    if not portfolio.is_paper:
        refusal = Refusal(
            code="portfolio_not_tradable",
            message=(
                "Orders are placed in paper trading portfolios. This one is tracked: "
                "enter what you traded as a transaction instead."
            ),
        )
    elif portfolio.is_archived:
        refusal = Refusal(
            code="portfolio_archived",
            message="This portfolio is archived. Bring it back before you trade in it.",
        )
    if refusal is not None:
        raise OrderRefusedError.of(refusal)
    return portfolio


def _first_answer(order_id: UUID, *, instrument_id: int, terms: Terms) -> OrderView:
    order = Order.objects.select_related("instrument", "portfolio").get(pk=order_id)
    asked = (
        instrument_id,
        terms.side.value,
        terms.type.value,
        terms.time_in_force.value,
        terms.quantity,
        terms.limit_price,
    )
    stored = (
        order.instrument_id,
        order.side,
        order.type,
        order.time_in_force,
        order.quantity,
        order.limit_price,
    )
    if asked != stored:
        raise ClientOrderIdTakenError(order.id)
    return order_view(order)
