"""What the counter shows of its orders: frozen values, made from rows in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marketdata.models import Instrument
from portfolio_site.kernel.rows import columns_of
from trading.engine.states import CANCELABLE, OPEN, REPLACEABLE, OrderStatus
from trading.models import ROLE_CHOICES, TIME_IN_FORCE_CHOICES, TYPE_CHOICES, Fill, Order

#: Kinds of fees in words.
CHARGES = {"sec": "SEC fee", "taf": "FINRA TAF", "crypto": "Crypto fee", "commission": "Commission"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One sentence of an order's history. ``kind`` is the status it led to, or ``note``."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeView:
    """One fee of a fill: its kind (sec, taf, crypto, commission …), its amount in the order's currency, its rate."""

    kind: str
    amount: Decimal
    note: str

    @property
    def label(self) -> str:
        """The kind in words."""
        return CHARGES.get(self.kind, self.kind.capitalize())


@dataclass(frozen=True, slots=True, kw_only=True)
class FillView:
    """One execution. ``amount`` is without ``fees``; both in the order's currency. ``fee_quantity`` are coins taken as a
    fee of what was bought. ``charges`` tell the fees apart."""

    id: UUID
    order_id: UUID
    number: int
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fees: Decimal
    fee_quantity: Decimal
    liquidity: str
    position_quantity: Decimal
    executed_at: datetime
    transaction_id: int
    symbol: str
    instrument_id: int
    portfolio_id: int
    side: str
    currency: str
    is_simulated: bool
    charges: tuple[ChargeView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as pages and the API show it. Amounts and prices are in ``currency``.

    An order by amount has a ``notional``; its ``quantity`` is then an estimate until it is done. ``legs`` are the other
    members of its group where they were asked for (with the order that heads it), oldest first; ``parent_id`` names the head.
    ``stop_price`` of a trailing stop is where it stands now. ``is_simulated``: its instrument has made-up prices.
    """

    id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    asset_id: UUID
    symbol: str
    instrument_name: str
    asset_class: str
    exchange: str
    client_order_id: str
    side: str
    type: str
    time_in_force: str
    order_class: str
    role: str
    position_intent: str
    quantity: Decimal
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    hwm: Decimal | None
    extended_hours: bool
    currency: str
    status: str
    filled_quantity: Decimal
    filled_avg_price: Decimal | None
    reserved_cash: Decimal
    reserved_quantity: Decimal
    reason_code: str
    reason: str
    origin: str
    parent_id: UUID | None
    replaces_id: UUID | None
    replaced_by_id: UUID | None
    submitted_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    triggered_at: datetime | None
    filled_at: datetime | None
    canceled_at: datetime | None
    expired_at: datetime | None
    rejected_at: datetime | None
    replaced_at: datetime | None
    is_simulated: bool
    trail: tuple[TrailEntry, ...]
    legs: tuple[OrderView, ...] = ()

    @property
    def failed_at(self) -> datetime | None:
        """When it was rejected."""
        return self.rejected_at

    @property
    def is_replaceable(self) -> bool:
        """Whether a replacement would be considered."""
        return OrderStatus(self.status) in REPLACEABLE and self.notional is None

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
    def type_label(self) -> str:
        """The type in words."""
        return dict(TYPE_CHOICES)[self.type]

    @property
    def time_in_force_label(self) -> str:
        """The time in force in words."""
        return dict(TIME_IN_FORCE_CHOICES)[self.time_in_force]

    @property
    def role_label(self) -> str:
        """What it is for in its group, in words; empty for a simple order."""
        return dict(ROLE_CHOICES).get(self.role, "")

    @property
    def describes(self) -> str:
        """The order in words, without numbers that privacy mode hides: ``"Buy AAPL"``."""
        return f"{self.side.capitalize()} {self.symbol}"


#: Columns that a view has under the same name.
_SAME = (
    "id portfolio_id instrument_id client_order_id side type time_in_force order_class role position_intent quantity "
    "notional limit_price stop_price trail_price trail_percent hwm extended_hours currency status filled_quantity "
    "filled_avg_price reserved_cash reserved_quantity reason_code reason origin parent_id replaces_id replaced_by_id "
    "submitted_at updated_at expires_at triggered_at filled_at canceled_at expired_at rejected_at replaced_at"
).split()


def order_view(
    order: Order,
    *,
    instrument: Instrument | None = None,
    owner_id: int | None = None,
    legs: Iterable[Order] = (),
) -> OrderView:
    """The value of a row. Pass ``instrument`` and ``owner_id`` where they are at hand to spare the look-up."""
    thing = order.instrument if instrument is None else instrument
    owner = order.portfolio.owner_id if owner_id is None else owner_id
    return OrderView(
        **columns_of(order, _SAME),
        user_id=owner,
        asset_id=thing.public_id,
        symbol=thing.symbol,
        instrument_name=thing.name,
        asset_class=thing.asset_class,
        exchange=thing.exchange,
        is_simulated=thing.is_simulated,
        trail=tuple(
            TrailEntry(at=datetime.fromisoformat(item["at"]), kind=item["kind"], text=item["text"])
            for item in order.trail
        ),
        legs=tuple(order_view(leg, instrument=thing, owner_id=owner) for leg in legs),
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
            fee_quantity=fill.fee_quantity,
            liquidity=fill.liquidity,
            position_quantity=fill.position_quantity,
            executed_at=fill.executed_at,
            transaction_id=fill.transaction_id,
            symbol=fill.order.instrument.symbol,
            instrument_id=fill.order.instrument_id,
            portfolio_id=fill.order.portfolio_id,
            side=fill.order.side,
            currency=fill.order.currency,
            is_simulated=fill.order.instrument.is_simulated,
            charges=tuple(
                ChargeView(kind=item["kind"], amount=Decimal(item["amount"]), note=item.get("note", ""))
                for item in fill.fee_details
            ),
        )
        for fill in fills
    ]
