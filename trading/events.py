"""What the counter tells: each event of an order once, in commit order, in the stream of its portfolio.

An order that fills the moment it is placed tells ``OrderAccepted`` and then ``OrderFilled``.
``position_quantity`` is the portfolio's position in the instrument after the event; for events that move no
shares it is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from portfolio_site.kernel.events import Event, event


def stream_of(portfolio_id: int) -> str:
    """The stream in which a portfolio's events stay in order."""
    return f"portfolio:{portfolio_id}"


@event("trading.order_accepted")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(Event):
    """The order passed its checks and its cash or shares are held. ``status`` is new, or accepted when it is
    queued for the next session. ``price`` is the limit price, None for market orders."""

    order_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None
    currency: str
    status: str
    position_quantity: Decimal | None
    at: datetime


@event("trading.order_routed")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRouted(Event):
    """An order that waited (for its session, its entry or its way to the exchange) works in the market now."""

    order_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    status: str
    at: datetime


@event("trading.order_triggered")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTriggered(Event):
    """A stop was reached: ``price`` traded, and the order works at the market from now on (at ``limit_price``, where it has
    one). ``quantity`` is what it still has to do."""

    order_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    type: str
    quantity: Decimal
    stop_price: Decimal | None
    price: Decimal
    limit_price: Decimal | None
    currency: str
    status: str
    at: datetime


@event("trading.order_replaced")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReplaced(Event):
    """Another order, ``replaced_by``, took the place of this one; what it had filled stays with it."""

    order_id: UUID
    replaced_by: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    quantity: Decimal
    filled_quantity: Decimal
    status: str
    at: datetime


@event("trading.order_partially_filled")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPartiallyFilled(Event):
    """``quantity`` units traded at ``price``; ``filled_quantity`` of ``order_quantity`` are done."""

    order_id: UUID
    fill_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fees: Decimal
    currency: str
    order_quantity: Decimal
    filled_quantity: Decimal
    filled_avg_price: Decimal
    status: str
    position_quantity: Decimal
    at: datetime


@event("trading.order_filled")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(Event):
    """The last ``quantity`` units traded at ``price``: the order is complete."""

    order_id: UUID
    fill_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fees: Decimal
    currency: str
    order_quantity: Decimal
    filled_quantity: Decimal
    filled_avg_price: Decimal
    status: str
    position_quantity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded(Event):
    """``quantity`` is what was ordered, ``filled_quantity`` what was traded before the end; ``price`` is
    the limit price, None for market orders; ``reason_code`` and ``reason`` say why (empty when the person
    canceled)."""

    order_id: UUID
    portfolio_id: int
    user_id: int
    instrument_id: int
    symbol: str
    side: str
    quantity: Decimal
    filled_quantity: Decimal
    price: Decimal | None
    currency: str
    status: str
    reason_code: str
    reason: str
    position_quantity: Decimal | None
    at: datetime


@event("trading.order_canceled")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(OrderEnded):
    """The open part was taken back and what it held is free again."""


@event("trading.order_rejected")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(OrderEnded):
    """An order that had been accepted could not be executed after all."""


@event("trading.order_expired")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(OrderEnded):
    """The order came to the end of its time with some or all of it unfilled."""


@event("trading.margin_call")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCalled(Event):
    """The equity of an account has fallen below its maintenance margin: ``amount`` is missing, until ``due_at``."""

    portfolio_id: int
    user_id: int
    account_number: str
    amount: Decimal
    equity: Decimal
    maintenance_margin: Decimal
    currency: str
    due_at: datetime
    at: datetime


@event("trading.broker_told")
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerInstructed(Event):
    """There is something to be said to a broker: an order, a cancel, a replacement. Sent after this has committed."""

    connection_id: UUID
    portfolio_id: int
    at: datetime


@event("trading.account_changed")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(Event):
    """Something about an account is different: its configuration, its kill switch, a reset, a margin call that is met.
    ``what`` names it."""

    portfolio_id: int
    user_id: int
    what: str
    at: datetime
