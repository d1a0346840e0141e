"""Placing an order: idempotent, checked, held and (if the market allows) filled, in one transaction."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from portfolio_site.kernel.jobs import enqueue_later
from portfolio_site.kernel.rows import new_row
from trading.engine.liquidity import latency_of
from trading.engine.states import OrderStatus, Trigger
from trading.engine.terms import StopLoss, TakeProfit, Terms
from trading.engine.types import OrderClass, OrderType, Phase, PositionIntent, Role, Side, TimeInForce
from trading.engine.wording import waiting_for_auction
from trading.models import Order
from trading.operations import ending
from trading.operations.access import lock_own
from trading.operations.brokering.handing import hand_over
from trading.operations.corporate_actions import apply_own_splits
from trading.operations.desk import Desk, desk_with
from trading.operations.errors import ClientOrderIdTakenError, OrderRefusedError
from trading.operations.gates import check_gates
from trading.operations.grouping import stand_by
from trading.operations.reading import MAX_CLIENT_ORDER_ID, check_client_order_id, read_terms
from trading.operations.working import work
from trading.queries.accounts import fill_model_of
from trading.queries.assessment import Assessment, assess
from trading.queries.facts import read_order_facts
from trading.queries.values import OrderView, order_view

__all__ = ["MAX_CLIENT_ORDER_ID", "place_order"]

#: The same order within this time is taken for a slip of the hand, where the caller asks for that.
DUPLICATE_WINDOW = timedelta(seconds=10)
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)


def place_order(
    *,
    portfolio_id: int,
    actor: Any,
    client_order_id: str | None = None,
    instrument_id: int,
    symbol: str | None = None,
    side: str,
    type: str,  # noqa: A002 - the field's own name
    time_in_force: str,
    quantity: Decimal | None = None,
    notional: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    trail_price: Decimal | None = None,
    trail_percent: Decimal | None = None,
    extended_hours: bool = False,
    order_class: str = "simple",
    take_profit: TakeProfit | None = None,
    stop_loss: StopLoss | None = None,
    position_intent: str | None = None,
    origin: str = "",
    repeat: str = "answer",
    refuse_duplicates: bool = False,
    now: datetime,
) -> OrderView:
    """Place an order of ``actor`` in their paper portfolio and return it, with the legs of its group, as it stands after
    a first look at the market.

    Exactly one of ``quantity`` (units) and ``notional`` (money) is given. A bracket or OTO names its entry, an OCO its
    take-profit (``limit_price`` or ``take_profit``). Without ``client_order_id`` one is made. ``symbol`` is what the sender
    believes the instrument to be called; one that is called otherwise by now is not the one that is meant.

    The same ``client_order_id`` with the same content returns the order that is there, whatever has become
    of it (with ``repeat="refuse"`` that raises as well); with different content it raises
    ``ClientOrderIdTakenError``. Raises ``OrderRefusedError`` (nothing stored) when a check fails,
    ``PortfolioUnknownError`` for a portfolio that is not the actor's, ``ReadOnlyError`` for an auditor. With
    ``refuse_duplicates`` an order like one of the last ten seconds is refused with code ``duplicate_order``, for a page
    to ask about.

    Order, fill, journal, lots, position, cash and outbox commit together.
    """
    if client_order_id is None:
        client_order_id = str(uuid.uuid4())
    check_client_order_id(client_order_id)
    terms = read_terms(
        side=side,
        type=type,
        time_in_force=time_in_force,
        quantity=quantity,
        notional=notional,
        limit_price=limit_price,
        stop_price=stop_price,
        trail_price=trail_price,
        trail_percent=trail_percent,
        extended_hours=extended_hours,
        order_class=order_class,
        take_profit=take_profit,
        stop_loss=stop_loss,
        position_intent=position_intent,
    )
    with transaction.atomic():
        portfolio = lock_own(portfolio_id, actor)
        read = partial(
            read_order_facts,
            portfolio_id=portfolio_id,
            user=actor,
            instrument_id=instrument_id,
            client_order_id=client_order_id,
            for_sale=terms.side is Side.SELL,
            now=now,
        )
        facts = read()
        if facts is not None and facts.split_due:
            apply_own_splits(Desk(portfolio=portfolio, account=None, actor=None, now=now), instrument_id)
            facts = read()
        if facts is None or symbol not in (None, facts.market.instrument.symbol):
            raise OrderRefusedError(
                "There is no such instrument.", code="instrument_not_found", field="instrument"
            )
        holds, market = facts.holds, facts.market
        if holds.same_client_id is not None:
            if repeat == "refuse":
                raise ClientOrderIdTakenError(holds.same_client_id)
            return _first_answer(holds.same_client_id, instrument_id=instrument_id, terms=terms)
        desk = desk_with(portfolio, facts, actor=actor, now=now)
        check_gates(desk, site=(facts.site_halted, facts.site_reason))
        assessment = assess(
            account=desk.account,
            market=market,
            terms=terms,
            holds=holds,
            now=now,
            position=facts.books.position,
            cash=facts.books.cash_in(market.instrument.currency),
        )
        if assessment.refusal is not None:
            raise OrderRefusedError.of(assessment.refusal, **assessment.details)
        if refuse_duplicates:
            _refuse_duplicate(desk, assessment)
        order = take(desk, assessment, client_order_id=client_order_id, origin=origin)
        desk.save()
        return order_view(
            order, instrument=market.instrument, owner_id=desk.portfolio.owner_id, legs=desk.family(order)
        )


def take(desk: Desk, assessment: Assessment, *, client_order_id: str, origin: str = "") -> Order:
    """Make the order (and its legs) of an assessment that has passed, and let it meet the market. The caller saves."""
    instrument = assessment.market.instrument
    desk.know(
        currency=instrument.currency,
        cash=assessment.cash,
        instrument_id=instrument.id,
        position=assessment.position,
    )
    order = _order_of(desk, assessment, client_order_id=client_order_id, origin=origin)
    desk.add(order)
    for leg in _legs_of(desk, assessment, order):
        desk.add(leg)
    _first_look(desk, order, assessment)
    return order


def _order_of(desk: Desk, assessment: Assessment, *, client_order_id: str, origin: str) -> Order:
    terms, market, now = assessment.terms, assessment.market, desk.now
    pk = uuid.uuid4()
    if terms.time_in_force in _AUCTIONS:
        eligible_at: datetime | None = market.auction_at(terms.time_in_force, now)
        status = OrderStatus.ACCEPTED
    else:
        latency = latency_of(fill_model_of(desk.account), pk)
        eligible_at = now + latency if latency else None
        status = OrderStatus.PENDING_NEW if works_now(market.phase, terms) else OrderStatus.ACCEPTED
    is_group = terms.order_class is not OrderClass.SIMPLE
    role = Role.NONE if not is_group else Role.ENTRY
    if terms.order_class is OrderClass.OCO:
        role = Role.TAKE_PROFIT
    return new_row(
        Order,
        {"instrument": market.instrument},
        id=pk,
        portfolio_id=desk.portfolio.id,
        client_order_id=client_order_id,
        side=terms.side.value,
        type=terms.type.value,
        time_in_force=terms.time_in_force.value,
        order_class=terms.order_class.value,
        role=role.value,
        position_intent=assessment.intent.value,
        quantity=assessment.quantity,
        notional=terms.notional,
        limit_price=terms.limit_price,
        stop_price=assessment.stop_price,
        trail_price=terms.trail_price,
        trail_percent=terms.trail_percent,
        hwm=assessment.hwm,
        cap_price=assessment.cap_price,
        extended_hours=terms.extended_hours,
        currency=market.instrument.currency,
        status=status.value,
        reserved_cash=assessment.hold_cash,
        reserved_quantity=assessment.hold_quantity,
        reserves_margin=assessment.reserves_margin,
        origin=origin,
        placed_by_id=desk.actor.pk,
        submitted_at=now,
        updated_at=now,
        eligible_at=eligible_at,
        expires_at=market.expires_at(terms.time_in_force, now, extended=terms.extended_hours),
    )


def works_now(phase: Phase, terms: Terms) -> bool:
    """Whether an order begins to work at once in this phase of the market."""
    if phase is Phase.REGULAR:
        return True
    return phase is Phase.EXTENDED and terms.extended_hours and terms.type is OrderType.LIMIT


def _legs_of(desk: Desk, assessment: Assessment, head: Order) -> list[Order]:
    """The exits of a group. Those of an entry hold nothing before it is filled; an OCO's share what its head holds."""
    terms = assessment.terms
    if terms.order_class is OrderClass.SIMPLE:
        return []
    is_oco = terms.order_class is OrderClass.OCO
    side = terms.side if is_oco else terms.side.opposite
    intent = PositionIntent.SELL_TO_CLOSE if side is Side.SELL else PositionIntent.BUY_TO_CLOSE
    legs = []

    def leg(role: Role, type_: OrderType, limit: Decimal | None, stop: Decimal | None) -> Order:
        return Order(
            portfolio_id=head.portfolio_id,
            instrument=assessment.market.instrument,
            client_order_id=str(uuid.uuid4()),
            side=side.value,
            type=type_.value,
            time_in_force=head.time_in_force,
            order_class=head.order_class,
            role=role.value,
            position_intent=intent.value,
            quantity=head.quantity,
            limit_price=limit,
            stop_price=stop,
            currency=head.currency,
            status=OrderStatus.HELD.value,
            reserves_margin=head.reserves_margin,
            origin=head.origin,
            parent=head,
            placed_by_id=head.placed_by_id,
            submitted_at=head.submitted_at,
            updated_at=head.submitted_at,
            expires_at=head.expires_at,
        )

    if terms.take_profit is not None and not is_oco:
        legs.append(leg(Role.TAKE_PROFIT, OrderType.LIMIT, terms.take_profit.limit_price, None))
    stop = terms.stop_loss
    if stop is not None:
        kind = OrderType.STOP if stop.limit_price is None else OrderType.STOP_LIMIT
        legs.append(leg(Role.STOP_LOSS, kind, stop.limit_price, stop.stop_price))
    return legs


def _first_look(desk: Desk, order: Order, assessment: Assessment) -> None:
    """Route the order and match it at once, or say what it waits for. A broker's order is handed to that broker."""
    market = assessment.market
    if desk.account.broker_connection_id is not None:
        hand_over(desk, order, market)
        return
    legs = desk.family(order)
    if order.order_class == OrderClass.OCO:
        for leg in legs:
            stand_by(desk, leg)
    for leg in legs:
        sentence = (
            "Watched beside its take-profit." if leg.watch else "Held until the entry is filled completely."
        )
        desk.note(leg, sentence, kind="held")
    if order.time_in_force in _AUCTIONS:
        ending.accept(desk, order, waiting=_auction_sentence(order))
        return
    if not works_now(market.phase, assessment.terms):
        opens = "" if market.opens_at is None else f" It opens at {market.opens_at:%Y-%m-%d %H:%M} UTC."
        ending.accept(
            desk, order, waiting=f"The market is closed; the order waits for its next session.{opens}"
        )
        return
    if order.eligible_at is not None:
        ending.accept(desk, order, waiting="On its way to the exchange.")
        _look_again(order)
        return
    desk.move(order, Trigger.ROUTE)
    ending.accept(desk, order, waiting="")
    waiting = work(desk, order.instrument_id, [order, *(leg for leg in legs if leg.watch)], has_rested=False)
    if order.is_open and waiting.get(order.id):
        desk.note(order, waiting[order.id], kind="waiting")


def _auction_sentence(order: Order) -> str:
    which = "opening" if order.time_in_force == TimeInForce.OPG else "closing"
    return waiting_for_auction(which, order.eligible_at or order.submitted_at)


def _look_again(order: Order) -> None:
    """Have an order that is on its way looked at when it reaches the exchange. A message that is lost is made up for by
    the next tick."""
    if order.eligible_at is not None:
        delay = (order.eligible_at - order.submitted_at).total_seconds()
        enqueue_later("trading.tasks.match_orders", seconds=delay, instrument_ids=[order.instrument_id])


def _refuse_duplicate(desk: Desk, assessment: Assessment) -> None:
    """The same thing twice within seconds is asked about, not taken."""
    terms = assessment.terms
    twin = (
        Order.objects.filter(
            portfolio_id=desk.portfolio.id,
            instrument_id=assessment.market.instrument.id,
            submitted_at__gt=desk.now - DUPLICATE_WINDOW,
            side=terms.side.value,
            type=terms.type.value,
            limit_price=terms.limit_price,
            notional=terms.notional,
            trail_price=terms.trail_price,
            trail_percent=terms.trail_percent,
            order_class=terms.order_class.value,
            time_in_force=terms.time_in_force.value,
            parent__isnull=True,
        )
        .exclude(status__in=[OrderStatus.CANCELED.value, OrderStatus.REPLACED.value])
        .order_by("-submitted_at")
    )
    if terms.quantity is not None:
        twin = twin.filter(quantity=terms.quantity)
    if terms.stop_price is not None:
        twin = twin.filter(stop_price=terms.stop_price)
    found = twin.values_list("pk", flat=True).first()
    if found is not None:
        raise OrderRefusedError(
            "You placed the same order a few seconds ago. Confirm if you want it twice.",
            code="duplicate_order",
            details={"order_id": str(found)},
        )


def _first_answer(order_id: UUID, *, instrument_id: int, terms: Terms) -> OrderView:
    """The order that is there, if it is the one that is asked for; legs along."""
    order = Order.objects.select_related("instrument", "portfolio").get(pk=order_id)
    legs = list(order.legs.select_related("instrument").order_by("submitted_at", "role"))
    stored = _stored_terms(order, legs)
    asked = replace(terms, position_intent=None)
    if order.order_class == OrderClass.OCO:
        take = terms.limit_price if terms.take_profit is None else terms.take_profit.limit_price
        asked = replace(asked, limit_price=take, take_profit=None)
    if order.instrument_id != instrument_id or asked != stored:
        raise ClientOrderIdTakenError(order.id)
    return order_view(order, legs=legs)


def _stored_terms(order: Order, legs: list[Order]) -> Terms:
    take = next((leg for leg in legs if leg.role == Role.TAKE_PROFIT), None)
    stop = next((leg for leg in legs if leg.role == Role.STOP_LOSS), None)
    return Terms(
        side=Side(order.side),
        type=OrderType(order.type),
        time_in_force=TimeInForce(order.time_in_force),
        quantity=order.quantity if order.notional is None else None,
        notional=order.notional,
        limit_price=order.limit_price,
        stop_price=None if order.type == OrderType.TRAILING_STOP else order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
        extended_hours=order.extended_hours,
        order_class=OrderClass(order.order_class),
        take_profit=None if take is None else TakeProfit(limit_price=take.limit_price),
        stop_loss=None
        if stop is None
        else StopLoss(stop_price=stop.stop_price, limit_price=stop.limit_price),
    )
