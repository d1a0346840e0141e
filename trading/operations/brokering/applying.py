"""Writing down what a broker says of an order, by the same transition table as everything else."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from trading.brokers.base import RemoteOrder
from trading.engine.states import OPEN, OrderStatus, Trigger, steps
from trading.engine.types import OrderType, Role
from trading.models import BrokerConnection, BrokerOrder, Order
from trading.operations import ending
from trading.operations.brokering.booking import bring_to_work
from trading.operations.brokering.symbols import instrument_at_broker
from trading.operations.desk import ZERO, Desk

_ASKED = (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE)
_PAUSES = (
    OrderStatus.DONE_FOR_DAY,
    OrderStatus.STOPPED,
    OrderStatus.SUSPENDED,
    OrderStatus.CALCULATED,
    OrderStatus.PENDING_REVIEW,
    OrderStatus.ACCEPTED_FOR_BIDDING,
)


def linked(desk: Desk, connection: BrokerConnection, remote: RemoteOrder) -> tuple[BrokerOrder, Order] | None:
    """Our order of a broker's order, locked with its group: by the broker's id, or by the name it was sent under while
    that id is not known yet. None for one that did not come from here."""
    rows = BrokerOrder.objects.filter(connection=connection)
    link = rows.filter(remote_id=remote.id).first()
    if link is None:
        link = rows.filter(remote_id="", order__client_order_id=remote.client_order_id).first()
        if link is None:
            return None
        order = _loaded(desk, link)
        if not order.is_open:
            return None  # withdrawn here, and there after all: it is taken as an order of its own
        link.remote_id = remote.id
        link.save(update_fields=["remote_id"])
        _link_legs(desk, link, order, remote)
        return link, order
    return link, _loaded(desk, link)


def _loaded(desk: Desk, link: BrokerOrder) -> Order:
    if link.order_id not in desk.orders:
        desk.load(Q(pk=link.order_id))
    return desk.orders[link.order_id]


def _link_legs(desk: Desk, link: BrokerOrder, order: Order, remote: RemoteOrder) -> None:
    """The exits of a group get the ids that the broker gave them: its limit order is the take-profit."""
    ours = {leg.role: leg for leg in desk.family(order)}
    for leg in remote.legs:
        role = Role.TAKE_PROFIT if leg.type == OrderType.LIMIT else Role.STOP_LOSS
        found = ours.get(role)
        if found is not None:
            BrokerOrder.objects.filter(order=found, connection_id=link.connection_id).update(
                remote_id=leg.id, status=leg.status
            )


def apply_remote(desk: Desk, link: BrokerOrder, order: Order, remote: RemoteOrder) -> bool:
    """Bring an order to where the broker says it stands. False when executions have to be booked first. The caller saves."""
    link.status, link.told_at = remote.status[:32], desk.now
    link.save(update_fields=["status", "told_at"])
    if remote.legs and link.remote_id:
        _link_legs(desk, link, order, remote)
    if remote.filled_quantity - link.filled_before > order.filled_quantity:
        return False
    if not order.is_open:
        return True
    _take_terms(desk, link, order, remote)
    try:
        wanted = OrderStatus(remote.status)
    except ValueError:
        return True
    if wanted in OPEN:
        _bring(desk, order, wanted)
    else:
        _end(desk, order, wanted, remote)
    return True


def _take_terms(desk: Desk, link: BrokerOrder, order: Order, remote: RemoteOrder) -> None:
    """What the broker changes of an open order by itself: the exits' quantity, where a trailing stop stands."""
    quantity = None if remote.quantity is None else remote.quantity - link.filled_before
    if quantity is not None and quantity != order.quantity and quantity > order.filled_quantity:
        order.quantity = quantity
        order.reserved_quantity = min(order.reserved_quantity, order.remaining)
        desk.touch(order)
    if order.type == OrderType.TRAILING_STOP and (remote.hwm, remote.stop_price) != (
        order.hwm,
        order.stop_price,
    ):
        order.hwm, order.stop_price = remote.hwm or order.hwm, remote.stop_price or order.stop_price
        desk.touch(order)


def _bring(desk: Desk, order: Order, wanted: OrderStatus) -> None:
    status = OrderStatus(order.status)
    if status in _ASKED or wanted in _ASKED or wanted is status:
        return
    if wanted in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
        if status is not OrderStatus.PARTIALLY_FILLED:
            bring_to_work(desk, order)
    elif wanted is OrderStatus.ACCEPTED and status is OrderStatus.PENDING_NEW:
        desk.move(order, Trigger.QUEUE)
        desk.note(order, "The broker has it, and keeps it for its next session.", kind="waiting")
        desk.tell(order.status, order)
    elif wanted in _PAUSES and status is not OrderStatus.PARTIALLY_FILLED:
        way = steps(status, wanted)
        if way:
            for trigger in way:
                desk.move(order, trigger)
            desk.tell(order.status, order)


def _end(desk: Desk, order: Order, wanted: OrderStatus, remote: RemoteOrder) -> None:
    status = OrderStatus(order.status)
    if wanted is OrderStatus.FILLED:
        _complete(desk, order)
    elif wanted is OrderStatus.CANCELED:
        asked = status is OrderStatus.PENDING_CANCEL
        text = "Cancelled at the broker." if asked else "The broker cancelled it."
        if (
            status not in (*_ASKED, OrderStatus.PARTIALLY_FILLED)
            and steps(status, OrderStatus.CANCELED) is None
        ):
            bring_to_work(desk, order)
        ending.cancel(
            desk, order, text=text, code="" if asked else "broker_canceled", reason="" if asked else text
        )
    elif wanted is OrderStatus.EXPIRED:
        if status in _PAUSES and status is not OrderStatus.DONE_FOR_DAY:
            bring_to_work(desk, order)
        ending.expire(desk, order, text="Expired at the broker.")
    elif wanted is OrderStatus.REJECTED:
        sentence = f"The broker rejected it: {remote.reason}" if remote.reason else "The broker rejected it."
        if status in _ASKED:
            ending.cancel(desk, order, text=sentence, code="broker_rejected", reason=sentence)
        else:
            ending.reject(desk, order, code="broker_rejected", reason=sentence)
    elif wanted is OrderStatus.REPLACED:
        _replaced(desk, order, remote)


def _complete(desk: Desk, order: Order) -> None:
    """All that was executed is booked, and the broker says that this is all there will be."""
    if not order.filled_quantity or not order.is_open:
        return
    order.quantity = order.filled_quantity
    order.filled_at = desk.now
    order.reserved_cash = order.reserved_quantity = ZERO
    bring_to_work(desk, order)
    desk.move(order, Trigger.FILL)
    desk.note(order, "The broker says that it is complete.", kind="filled")
    desk.tell("fill", order)


def _replaced(desk: Desk, order: Order, remote: RemoteOrder) -> None:
    """End an order in favour of the one that the broker has in its place, when that one is known here."""
    successor = BrokerOrder.objects.filter(
        connection_id=desk.account.broker_connection_id, remote_id=remote.replaced_by
    ).first()
    if successor is None or not remote.replaced_by:
        return  # heard of with its successor: adopted or answered in a moment
    take_place(desk, order, _loaded(desk, successor))


def take_place(desk: Desk, old: Order, new: Order) -> None:
    """Let ``new`` stand where ``old`` stood: it holds what both held, and ``old`` is replaced."""
    if not old.is_open or old.replaced_by_id is not None:
        return
    if new.is_open:
        if new.opens_position:
            new.reserved_cash += old.reserved_cash
        else:
            new.reserved_quantity = min(new.reserved_quantity + old.reserved_quantity, new.remaining)
        desk.touch(new)
    for other in desk.family(old):
        if other.parent_id == old.pk:
            other.parent = new
            desk.touch(other)
    if old.status not in (*_ASKED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.HELD):
        bring_to_work(desk, old)
    if old.status == OrderStatus.PENDING_CANCEL:
        ending.cancel(
            desk, old, text="Replaced at the broker.", code="replaced", reason="Replaced at the broker."
        )
        return
    ending.replace(desk, old, new)


def refuse_pending(desk: Desk, order: Order, text: str) -> None:
    """The broker would not cancel or replace an order: it works on as before."""
    status = OrderStatus(order.status)
    if status not in _ASKED:
        return
    back = OrderStatus.PARTIALLY_FILLED if order.filled_quantity else OrderStatus.NEW
    for trigger in steps(status, back, is_part_filled=bool(order.filled_quantity)) or ():
        desk.move(order, trigger)
    desk.note(order, text, kind="refused")
    desk.tell(
        "order_cancel_rejected" if status is OrderStatus.PENDING_CANCEL else "order_replace_rejected", order
    )


def adopt(
    desk: Desk, connection: BrokerConnection, remote: RemoteOrder, *, filled_before: Decimal = ZERO
) -> tuple[BrokerOrder, Order]:
    """Take an order over that was placed at the broker by somebody else: its own site, another program. It holds nothing
    here: the broker has checked it."""
    owner = get_user_model().objects.get(pk=desk.portfolio.owner_id)
    instrument = instrument_at_broker(
        remote.symbol, owner=owner, currency=desk.account.currency, is_crypto=remote.is_crypto
    )
    order = Order(
        id=uuid.uuid4(),
        portfolio_id=desk.portfolio.id,
        instrument=instrument,
        client_order_id=_free_client_id(desk, remote),
        side=remote.side,
        type=remote.type,
        time_in_force=remote.time_in_force,
        position_intent=_intent(desk, remote, instrument.pk),
        quantity=_quantity(desk, remote, instrument, filled_before),
        notional=remote.notional,
        limit_price=remote.limit_price,
        stop_price=remote.stop_price,
        trail_price=remote.trail_price,
        trail_percent=None if remote.trail_price is not None else remote.trail_percent,
        hwm=remote.hwm,
        extended_hours=remote.extended_hours,
        currency=instrument.currency,
        status=OrderStatus.PENDING_NEW.value,
        origin="broker",
        placed_by_id=owner.pk,
        submitted_at=min(remote.submitted_at, desk.now),
        updated_at=desk.now,
    )
    desk.add(order)
    ending.accept(desk, order, waiting="Placed at the broker, not here.")
    link = BrokerOrder.objects.create(
        order=order, connection=connection, remote_id=remote.id, filled_before=filled_before
    )
    if remote.replaces:
        before = BrokerOrder.objects.filter(connection=connection, remote_id=remote.replaces).first()
        if before is not None:
            old = _loaded(desk, before)
            if old.is_open and old.replaced_by_id is None:
                order.replaces_id = old.pk
                take_place(desk, old, order)
    return link, order


def _free_client_id(desk: Desk, remote: RemoteOrder) -> str:
    wanted = remote.client_order_id.strip()[:128] or remote.id
    taken = Order.objects.filter(portfolio_id=desk.portfolio.id, client_order_id=wanted).exists()
    return f"broker:{remote.id}" if taken or not wanted.isprintable() else wanted


def _intent(desk: Desk, remote: RemoteOrder, instrument_id: int) -> str:
    if remote.position_intent in ("buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"):
        return remote.position_intent
    position = desk.position(instrument_id)
    if remote.side == "buy":
        return "buy_to_close" if position < 0 else "buy_to_open"
    return "sell_to_close" if position > 0 else "sell_to_open"


def _quantity(desk: Desk, remote: RemoteOrder, instrument: Any, filled_before: Decimal) -> Decimal:
    """Of an order by amount what it has done, or about what it will buy."""
    if remote.quantity is not None:
        return remote.quantity - filled_before
    if remote.status == OrderStatus.FILLED and remote.filled_quantity:
        return remote.filled_quantity - filled_before
    quote = desk.market(instrument).quote
    price = remote.limit_price or (None if quote is None else quote.last) or Decimal(1)
    estimate = ((remote.notional or Decimal(1)) / price).quantize(Decimal("0.000000001"))
    return max(estimate, remote.filled_quantity - filled_before + Decimal("0.000000001"))
