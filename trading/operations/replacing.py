"""Replacing an order: a new one takes its place, works on what the old one has not filled, and holds what it needs."""

from __future__ import annotations

import uuid
from dataclasses import replace as with_changes
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from trading.engine.rules import decimals_of
from trading.engine.states import REPLACEABLE, OrderStatus, Trigger
from trading.engine.terms import Terms
from trading.engine.types import OrderClass, OrderType, PositionIntent, Role, Side, TimeInForce
from trading.engine.wording import plain
from trading.models import Order
from trading.operations import ending
from trading.operations.access import own_order
from trading.operations.brokering.handing import ask_to_replace
from trading.operations.corporate_actions import apply_own_splits
from trading.operations.desk import ZERO, Desk
from trading.operations.errors import (
    ClientOrderIdTakenError,
    OrderNotReplaceableError,
    OrderRefusedError,
)
from trading.operations.gates import check_gates
from trading.operations.grouping import stand_by
from trading.operations.reading import check_client_order_id, check_number, one_of
from trading.operations.working import work
from trading.queries.assessment import Assessment, assess
from trading.queries.holds import Holds
from trading.queries.values import OrderView, order_view

_WHY_NOT = {
    OrderStatus.FILLED: "This order is already filled.",
    OrderStatus.CANCELED: "This order is already cancelled.",
    OrderStatus.EXPIRED: "This order has already expired.",
    OrderStatus.REJECTED: "This order was rejected.",
    OrderStatus.REPLACED: "This order was already replaced. Replace the newer one.",
    OrderStatus.ACCEPTED: "This order waits for the next session and cannot be replaced before. Cancel it instead.",
    OrderStatus.PENDING_NEW: "This order is on its way to the exchange. Try again when it has arrived.",
}


def replace_order(
    *,
    order_id: UUID,
    actor: Any,
    quantity: Decimal | None = None,
    time_in_force: str | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    trail: Decimal | None = None,
    client_order_id: str | None = None,
    now: datetime,
) -> OrderView:
    """Replace an order of ``actor`` and return the new one. What is left out stays as it is.

    ``quantity`` is the whole order's, what is filled already included: the new order works on the rest. ``trail`` is the new
    distance in the unit the order has (money or percent). What the old order held is free for the new one; where that needs
    more, the difference must be there. A member of a group is replaced in its place.

    Raises ``OrderUnknownError``, ``ReadOnlyError``, ``OrderNotReplaceableError`` (details ``order_id``,
    ``order_status``), ``ClientOrderIdTakenError``, ``OrderRefusedError``; nothing changes then.
    """
    for name, number in (
        ("quantity", quantity),
        ("limit_price", limit_price),
        ("stop_price", stop_price),
        ("trail", trail),
    ):
        check_number(name, number)
    if client_order_id is None:
        client_order_id = str(uuid.uuid4())
    check_client_order_id(client_order_id)
    with transaction.atomic():
        desk, old = own_order(order_id, actor, now=now)
        apply_own_splits(desk, old.instrument_id)
        _check_replaceable(old)
        _check_waiting_exit(old, quantity)
        check_gates(desk)
        terms = _terms(old, quantity, time_in_force, limit_price, stop_price, trail)
        market = desk.market(old.instrument)
        holds = _holds_without(desk, old, client_order_id)
        assessment = _assess(desk, old, terms, holds)
        new = _new_order(desk, old, assessment, client_order_id)
        family = desk.family(old)
        desk.add(new)
        if desk.account.broker_connection_id is not None:
            ask_to_replace(desk, old, new, quantity=quantity, trail=trail)
            desk.save()
            return order_view(new, owner_id=desk.portfolio.owner_id, legs=[])
        ending.replace(desk, old, new)
        _take_place(desk, old, new, family)
        _begin(desk, old, new)
        try:
            with transaction.atomic():
                desk.save()
        except IntegrityError as error:
            if "trading_order_client_id_once" in str(error):
                raise ClientOrderIdTakenError("") from error
            raise
        del market
        return order_view(
            new, owner_id=desk.portfolio.owner_id, legs=[] if new.parent_id else desk.family(new)
        )


def _check_replaceable(order: Order) -> None:
    status = OrderStatus(order.status)
    reason = ""
    if status not in REPLACEABLE:
        reason = _WHY_NOT.get(status, "This order cannot be replaced at the moment.")
    elif order.notional is not None:
        reason = "An order by amount cannot be replaced. Cancel it and place another one."
    if reason:
        raise OrderNotReplaceableError(
            reason, details={"order_id": str(order.pk), "order_status": status.value}
        )


def _check_waiting_exit(order: Order, quantity: Decimal | None) -> None:
    """An exit that waits for its entry closes no more than that buys or sells."""
    is_waiting = order.status == OrderStatus.HELD and not order.watch
    if is_waiting and quantity is not None and quantity > order.quantity:
        raise OrderRefusedError(
            f"The exit waits for an entry of {plain(order.quantity)}: it cannot be for more than that.",
            code="quantity_too_large",
            field="quantity",
        )


def _terms(
    old: Order,
    quantity: Decimal | None,
    time_in_force: str | None,
    limit_price: Decimal | None,
    stop_price: Decimal | None,
    trail: Decimal | None,
) -> Terms:
    """The new order's terms: the old one's, with the changes, for what is not filled."""
    if quantity is not None and quantity != old.quantity:
        if decimals_of(quantity) > 0 or decimals_of(old.quantity) > 0:
            raise OrderRefusedError(
                "The quantity can be changed in whole units only.", code="quantity_step", field="quantity"
            )
        if quantity <= old.filled_quantity:
            raise OrderRefusedError(
                "The new quantity must be more than what is filled already.",
                code="quantity_filled",
                field="quantity",
            )
    is_trailing = old.type == OrderType.TRAILING_STOP
    if trail is not None and not is_trailing:
        raise OrderRefusedError("Only a trailing stop has a trail.", code="trail_not_allowed", field="trail")
    if stop_price is not None and is_trailing:
        raise OrderRefusedError(
            "The stop price of a trailing stop follows the market: change its trail.",
            code="stop_price_not_allowed",
            field="stop_price",
        )
    by_price = old.trail_price is not None
    return Terms(
        side=Side(old.side),
        type=OrderType(old.type),
        time_in_force=TimeInForce(old.time_in_force)
        if time_in_force is None
        else one_of(time_in_force, TimeInForce, "time_in_force"),
        quantity=(old.quantity if quantity is None else quantity) - old.filled_quantity,
        limit_price=old.limit_price if limit_price is None else limit_price,
        stop_price=None if is_trailing else old.stop_price if stop_price is None else stop_price,
        trail_price=(trail or old.trail_price) if by_price else None,
        trail_percent=(trail or old.trail_percent) if is_trailing and not by_price else None,
        extended_hours=old.extended_hours,
    )


def _holds_without(desk: Desk, old: Order, client_order_id: str) -> Holds:
    """What the others hold: the old order's reservation is there for the new one, and its group does not stand in its
    way."""
    found = desk.holds(
        currency=old.currency, instrument_id=old.instrument_id, client_order_id=client_order_id
    )
    if found.same_client_id is not None:
        raise ClientOrderIdTakenError(found.same_client_id)
    is_margin = old.reserves_margin
    shared = _shared_reservation(desk, old)
    return with_changes(
        found,
        margin=found.margin - (old.reserved_cash if is_margin else ZERO),
        cash_only=found.cash_only - (ZERO if is_margin else old.reserved_cash),
        quantity=found.quantity - shared,
        money_here=found.money_here - old.reserved_cash,
        open_orders=max(found.open_orders - 1, 0),
    )


def _shared_reservation(desk: Desk, old: Order) -> Decimal:
    """Units held by the order, or by the exit beside it that carries the reservation for both."""
    if old.role not in (Role.TAKE_PROFIT, Role.STOP_LOSS):
        units: Decimal = old.reserved_quantity
        return units
    members = [old, *(each for each in desk.family(old) if each.role != Role.ENTRY)]
    return sum((each.reserved_quantity for each in members if each.is_open), ZERO)


def _assess(desk: Desk, old: Order, terms: Terms, holds: Holds) -> Assessment:
    """The new order's checks. A waiting exit of an entry is checked for its form alone: there is nothing to close yet."""
    if old.status == OrderStatus.HELD and not old.watch:
        closes = old.position_intent == PositionIntent.SELL_TO_CLOSE
        # As if the entry were filled: its units are there and nobody else holds them.
        units = (terms.quantity or ZERO) if closes else -(terms.quantity or ZERO)
        holds = with_changes(holds, quantity=ZERO)
        assessment = assess(
            account=desk.account,
            market=desk.market(old.instrument),
            terms=terms,
            holds=holds,
            now=desk.now,
            position=units,
            cash=ZERO,
        )
    else:
        assessment = assess(
            account=desk.account,
            market=desk.market(old.instrument),
            terms=terms,
            holds=holds,
            now=desk.now,
            position=desk.position(old.instrument_id),
            cash=desk.cash(old.currency),
        )
    if assessment.refusal is not None:
        raise OrderRefusedError.of(assessment.refusal, **assessment.details)
    return assessment


def _new_order(desk: Desk, old: Order, assessment: Assessment, client_order_id: str) -> Order:
    terms, now = assessment.terms, desk.now
    is_waiting = old.status == OrderStatus.HELD
    keeps_place = old.role == Role.STOP_LOSS or is_waiting
    is_trailing = old.type == OrderType.TRAILING_STOP
    return Order(
        id=uuid.uuid4(),
        portfolio_id=old.portfolio_id,
        instrument=old.instrument,
        client_order_id=client_order_id,
        side=old.side,
        type=old.type,
        time_in_force=terms.time_in_force.value,
        order_class=old.order_class,
        role=old.role,
        position_intent=old.position_intent,
        quantity=assessment.quantity,
        limit_price=terms.limit_price,
        # A trailing stop that is replaced has seen what the old one saw.
        hwm=old.hwm if is_trailing else None,
        stop_price=_trailing_stop(old, terms) if is_trailing else terms.stop_price,
        trail_price=terms.trail_price,
        trail_percent=terms.trail_percent,
        cap_price=assessment.cap_price,
        extended_hours=old.extended_hours,
        currency=old.currency,
        status=(OrderStatus.HELD if is_waiting else OrderStatus.PENDING_NEW).value,
        reserved_cash=ZERO if keeps_place else assessment.hold_cash,
        reserved_quantity=ZERO if keeps_place and not old.reserved_quantity else assessment.hold_quantity,
        reserves_margin=old.reserves_margin,
        origin=old.origin,
        parent_id=old.parent_id,
        replaces_id=old.pk,
        placed_by_id=desk.actor.pk,
        submitted_at=now,
        updated_at=now,
        triggered_at=old.triggered_at,
        expires_at=old.expires_at
        if terms.time_in_force.value == old.time_in_force
        else assessment.market.expires_at(terms.time_in_force, now, extended=terms.extended_hours),
    )


def _trailing_stop(old: Order, terms: Terms) -> Decimal | None:
    from trading.engine.triggers import mark_of

    if old.hwm is None:
        return None
    return mark_of(
        side=Side(old.side),
        trail_price=terms.trail_price,
        trail_percent=terms.trail_percent,
        hwm=old.hwm,
        price=old.hwm,
    ).stop_price


def _take_place(desk: Desk, old: Order, new: Order, family: list[Order]) -> None:
    """In a group the new order stands where the old one stood; its brothers follow its quantity."""
    if old.order_class == OrderClass.SIMPLE:
        return
    for other in family:
        if other.parent_id == old.pk:
            other.parent = new
            desk.touch(other)
        is_exit = old.role in (Role.TAKE_PROFIT, Role.STOP_LOSS) and other.role != Role.ENTRY
        if not other.is_open or (old.role != Role.ENTRY and not is_exit):
            continue
        # Exits cover what their entry had filled before as well; what one exit traded, the other has lost already.
        wanted = other.remaining + new.quantity - old.remaining if old.role == Role.ENTRY else new.quantity
        if other.remaining != wanted:
            other.quantity = other.filled_quantity + wanted
            if other.reserved_quantity:
                other.reserved_quantity = wanted
            desk.note(other, "Its quantity follows the replaced order of its group.")


def _begin(desk: Desk, old: Order, new: Order) -> None:
    """Let the new order work where the old one did."""
    if new.status == OrderStatus.HELD:
        desk.note(new, "Replaces an order that was held; it waits in its place.", kind="held")
        if old.watch or new.order_class == OrderClass.OCO or _is_armed(desk, new):
            stand_by(desk, new)
            work(desk, new.instrument_id, [new, *_armed_brothers(desk, new)], has_rested=False)
        return
    desk.move(new, Trigger.ROUTE)
    ending.accept(desk, new, waiting="")
    if desk.markets[new.instrument_id].is_open:
        work(desk, new.instrument_id, [new, *_armed_brothers(desk, new)], has_rested=False)


def _is_armed(desk: Desk, order: Order) -> bool:
    return any(each.role == Role.ENTRY and each.status == OrderStatus.FILLED for each in desk.family(order))


def _armed_brothers(desk: Desk, order: Order) -> list[Order]:
    return [each for each in desk.family(order) if each.watch and each.is_open]
