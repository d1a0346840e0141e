"""The port: what every broker can be asked and told, in our words.

An adapter is one file with one class that fulfils ``Broker``. It speaks and translates; it decides nothing and keeps
nothing. All numbers are Decimal, all instants aware; amounts are in the account's currency unless said otherwise. The
simulated exchange does not stand behind this port: it fills inside the transaction that takes the order, so there is
nothing to send, to lose or to follow (ADR 0007).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol


class BrokerError(Exception):
    """A broker could not be asked, or refused. The text is a sentence for people; it never holds a key."""


class BrokerUnreachableError(BrokerError):
    """No answer. ``may_have_arrived`` is False only where it is certain that the request never got there."""

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class BrokerBusyError(BrokerUnreachableError):
    """Too many requests: nothing was done, try later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_arrived=False)


class BrokerKeysRefusedError(BrokerError):
    """The keys are wrong, revoked, or those of another environment."""


class BrokerRefusedError(BrokerError):
    """The broker understood and said no. ``code`` is its own, ``details`` what it added."""

    def __init__(self, message: str, *, code: str = "", details: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or {}


class BrokerOrderUnknownError(BrokerRefusedError):
    """The broker knows no such order."""


class DuplicateClientOrderIdError(BrokerRefusedError):
    """The broker has an order of that client order id already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key pair. Neither half is ever shown by ``repr``."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order to place. Exactly one of ``quantity`` and ``notional``; words are those of the order's columns. The exits of a
    group are its ``take_profit_limit``, ``stop_loss_stop`` and ``stop_loss_limit``."""

    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: str = "simple"
    position_intent: str = ""
    take_profit_limit: Decimal | None = None
    stop_loss_stop: Decimal | None = None
    stop_loss_limit: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a replacement changes; what is None stays. ``quantity`` is what the new order works on."""

    client_order_id: str
    quantity: Decimal | None = None
    time_in_force: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOrder:
    """An order as the broker has it. ``status`` is one of ``engine.states.OrderStatus``; ``quantity`` is None for an order by
    amount. ``reason`` is what the broker says of a rejection, where it says anything."""

    id: str
    client_order_id: str
    symbol: str
    is_crypto: bool
    side: str
    type: str
    time_in_force: str
    order_class: str
    status: str
    quantity: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    hwm: Decimal | None
    extended_hours: bool
    filled_quantity: Decimal
    filled_avg_price: Decimal | None
    position_intent: str
    replaces: str
    replaced_by: str
    submitted_at: datetime
    expires_at: datetime | None
    legs: tuple[RemoteOrder, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteExecution:
    """One execution. ``cum_quantity`` is what its order had done after it; ``is_last``: the order is complete."""

    id: str
    order_id: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    cum_quantity: Decimal
    is_last: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteActivity:
    """What moved cash or units and is no execution. ``amount`` is what came in (negative: went out); ``kind`` the broker's
    word; ``quantity`` units that came in (negative: went out)."""

    id: str
    kind: str
    day: date
    amount: Decimal
    symbol: str = ""
    is_crypto: bool = False
    quantity: Decimal | None = None
    price: Decimal | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePosition:
    """A position: ``quantity`` is negative when short; ``average_price`` what a unit cost."""

    symbol: str
    is_crypto: bool
    quantity: Decimal
    average_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAsset:
    """What the broker lets its customers do with an instrument."""

    symbol: str
    is_tradable: bool
    is_fractionable: bool
    is_shortable: bool
    is_easy_to_borrow: bool
    is_marginable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAccount:
    """The account the keys open."""

    id: str
    number: str
    currency: str
    status: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    multiplier: int
    may_short: bool
    is_blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteUpdate:
    """Something happened to an order. ``event`` is the broker's word; ``execution`` is there when it traded."""

    event: str
    order: RemoteOrder
    execution: RemoteExecution | None


class BrokerStream(Protocol):
    """The broker's stream of updates, open and authorized."""

    def receive(self, timeout: float) -> RemoteUpdate | None:
        """The next update, or None when none came within ``timeout`` seconds. Raises ``BrokerUnreachableError`` when the
        stream has ended."""
        ...


class Broker(Protocol):
    """A broker's account. Every method asks over the network and raises ``BrokerUnreachableError``,
    ``BrokerKeysRefusedError`` or ``BrokerRefusedError``."""

    def account(self) -> RemoteAccount:
        """The account the keys open."""
        ...

    def positions(self) -> list[RemotePosition]:
        """What it holds."""
        ...

    def asset(self, symbol: str) -> RemoteAsset | None:
        """What may be done with an instrument; None for one that the broker does not have."""
        ...

    def submit(self, order: NewOrder) -> RemoteOrder:
        """Place an order. Raises ``DuplicateClientOrderIdError`` where its client order id was seen before."""
        ...

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be canceled; what comes of it is told later."""
        ...

    def replace(self, order_id: str, changes: Changes) -> RemoteOrder:
        """Ask for an order to be replaced; answers the new one."""
        ...

    def order(self, order_id: str) -> RemoteOrder:
        """One order with its legs. Raises ``BrokerOrderUnknownError``."""
        ...

    def order_by_client_id(self, client_order_id: str) -> RemoteOrder | None:
        """The order that was sent under that name, or None."""
        ...

    def open_orders(self) -> list[RemoteOrder]:
        """Every order that has not ended, each member of a group for itself."""
        ...

    def last_execution_id(self) -> str:
        """The place in the list of executions after the newest; empty while there is none."""
        ...

    def executions_after(self, place: str) -> list[RemoteExecution]:
        """The executions after a place (all of them for an empty one), the oldest first; an execution's id is its place."""
        ...

    def activities_since(self, day: date) -> list[RemoteActivity]:
        """What else moved cash or units on or after a day, the oldest first."""
        ...

    def stream(self) -> AbstractContextManager[BrokerStream]:
        """Open the stream of updates. Nothing that happens after this has returned is missed by it."""
        ...
