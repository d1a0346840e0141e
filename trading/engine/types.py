"""The values that pass between the matching engine and its callers. Immutable, exact, without behaviour."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """At what price an order is willing to trade."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order stays open."""

    DAY = "day"  # to the end of the session
    GTC = "gtc"  # until canceled, at most 90 days


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrder:
    """An open order as the exchange sees it.

    ``remaining`` is the unfilled quantity in units; ``limit_price`` is None exactly for market orders;
    ``submitted_at`` gives time priority and ``order_id`` breaks ties: the same book fills the same way.
    """

    order_id: UUID
    side: Side
    type: OrderType
    remaining: Decimal
    limit_price: Decimal | None
    submitted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketQuote:
    """The market at one moment, per unit of the instrument.

    ``bid_size`` and ``ask_size`` are the units on offer; None means that the venue does not say, and then
    the whole order fills. ``is_stale`` is the caller's judgement of the quote's age.
    """

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quoted_at: datetime
    is_stale: bool = False
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill: ``quantity`` units at ``price`` each, with the sentence that says why at this price."""

    order_id: UUID
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """What a quote did to a book: executions in the order they happened, and for each order that still
    has something open the sentence that says what it waits for."""

    executions: tuple[Execution, ...]
    waiting: dict[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an order cannot be taken: a stable ``code``, a sentence, and the form field it belongs to."""

    code: str
    message: str
    field: str | None = None
