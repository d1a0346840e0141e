"""What the counter shows of its orders: frozen values, made from rows in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marketdata.models import Instrument
from trading.engine.states import CANCELABLE, OPEN, OrderStatus
from trading.models import Fill, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One sentence of an order's history. ``kind`` is the status it led to, or ``note``."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillView:
    """One execution. ``amount`` is without ``fees``; both in the order's currency."""

    id: UUID
    order_id: UUID
    number: int
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fees: Decimal
    position_quantity: Decimal
    executed_at: datetime
    transaction_id: int
    symbol: str
    instrument_id: int
    portfolio_id: int
    side: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as pages and the API show it. Amounts and prices are in ``currency``."""

    id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    instrument_name: str
    asset_class: str
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    limit_price: Decimal | None
    currency: str
    status: str
    filled_quantity: Decimal
    filled_avg_price: Decimal | None
    reserved_cash: Decimal
    reserved_quantity: Decimal
    reason_code: str
    reason: str
    submitted_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    filled_at: datetime | None
    canceled_at: datetime | None
    expired_at: datetime | None
    rejected_at: datetime | None
    trail: tuple[TrailEntry, ...]

    @property
    def remaining(self) -> Decimal:
        """Units not filled yet."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return OrderStatus(self.status) in OPEN

    @property
    def is_cancelable(self) -> bool:
        """Whether a cancel would be accepted."""
        return OrderStatus(self.status) in CANCELABLE

    @property
    def describes(self) -> str:
        """The order in words, without numbers that privacy mode hides: ``"Buy AAPL"``."""
        return f"{self.side.capitalize()} {self.symbol}"


def order_view(
    order: Order, *, instrument: Instrument | None = None, owner_id: int | None = None
) -> OrderView:
    """The value of a row. Pass ``instrument`` and ``owner_id`` where they are at hand to spare the look-
    up."""
    thing = order.instrument if instrument is None else instrument
    return OrderView(
        id=order.id,
        portfolio_id=order.portfolio_id,
        user_id=order.portfolio.owner_id if owner_id is None else owner_id,
        instrument_id=order.instrument_id,
        symbol=thing.symbol,
        instrument_name=thing.name,
        asset_class=thing.asset_class,
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        limit_price=order.limit_price,
        currency=order.currency,
        status=order.status,
        filled_quantity=order.filled_quantity,
        filled_avg_price=order.filled_avg_price,
        reserved_cash=order.reserved_cash,
        reserved_quantity=order.reserved_quantity,
        reason_code=order.reason_code,
        reason=order.reason,
        submitted_at=order.submitted_at,
        updated_at=order.updated_at,
        expires_at=order.expires_at,
        filled_at=order.filled_at,
        canceled_at=order.canceled_at,
        expired_at=order.expired_at,
        rejected_at=order.rejected_at,
        trail=tuple(
            TrailEntry(at=datetime.fromisoformat(item["at"]), kind=item["kind"], text=item["text"])
            for item in order.trail
        ),
    )


def fill_views(fills: Iterable[Fill]) -> list[FillView]:
    """The values of fills whose order and instrument were selected along."""
    return [
        FillView(
            id=fill.id,
            order_id=fill.order_id,
            number=fill.number,
            quantity=fill.quantity,
            price=fill.price,
            amount=fill.amount,
            fees=fill.fees,
            position_quantity=fill.position_quantity,
            executed_at=fill.executed_at,
            transaction_id=fill.transaction_id,
            symbol=fill.order.instrument.symbol,
            instrument_id=fill.order.instrument_id,
            portfolio_id=fill.order.portfolio_id,
            side=fill.order.side,
            currency=fill.order.currency,
        )
        for fill in fills
    ]
