"""What the books announce to the rooms above them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolio_site.kernel.events import Event, event


def stream_of(portfolio_id: int) -> str:
    """The stream in which the events of a portfolio stay in order."""
    return f"portfolio:{portfolio_id}"


@event("holdings.portfolio_created")
@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioCreated(Event):
    """A person has a new portfolio."""

    portfolio_id: int
    user_id: int
    kind: str


@event("holdings.portfolio_changed")
@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioChanged(Event):
    """The name, the method or another setting of a portfolio is different now, or it was archived."""

    portfolio_id: int
    user_id: int


@event("holdings.transactions_posted")
@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsPosted(Event):
    """The journal has grown, or entries no longer count; the figures of the portfolio are different now.

    `user_id` is the owner of the portfolio; `actor_id` who did it, where a person did.
    """

    portfolio_id: int
    user_id: int
    actor_id: int | None
    transaction_ids: list[int]
    voided_ids: list[int]
    revision: int


@event("holdings.import_finished")
@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFinished(Event):
    """A file was imported, or its import undone."""

    portfolio_id: int
    user_id: int
    batch_id: int
    filename: str
    posted_count: int
    undone: bool


@event("holdings.actions_due")
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsDue(Event):
    """Splits or dividends of these instruments are new or changed, and the portfolio held them once: look what they mean
    for it."""

    portfolio_id: int
    instrument_ids: list[int]


@event("holdings.actions_proposed")
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsProposed(Event):
    """Splits and dividends wait to be booked, or no longer do; `open_count` of them now."""

    portfolio_id: int
    user_id: int
    open_count: int


@event("holdings.corporate_action_booked")
@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActionBooked(Event):
    """A split or dividend is in the books now. `ratio` is that of a split (`4`, `1:8`: new shares per old one), `amount`
    the gross dividend."""

    portfolio_id: int
    user_id: int
    instrument_id: int
    kind: str
    ex_date: date
    quantity: Decimal
    ratio: str
    amount: Decimal | None
    currency: str
    transaction_ids: list[int]
    is_automatic: bool
