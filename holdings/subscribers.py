"""What the books listen to: splits and dividends that a source told of, and their own journal."""

from __future__ import annotations

from holdings.events import ActionsDue, TransactionsPosted
from holdings.operations import actions
from marketdata.events import CorporateActionFound
from portfolio_site.kernel import clock
from portfolio_site.kernel.events import Envelope, subscribe


def register() -> None:
    """Register the subscribers of this room."""
    subscribe("holdings.actions_found", CorporateActionFound, _found)
    subscribe("holdings.actions_due", ActionsDue, _due)
    subscribe("holdings.actions_posted", TransactionsPosted, _posted)


def _found(event: CorporateActionFound, _envelope: Envelope) -> None:
    actions.tell_portfolios(instrument_id=event.instrument_id)


def _due(event: ActionsDue, _envelope: Envelope) -> None:
    actions.look_at_actions(
        portfolio_id=event.portfolio_id, instrument_ids=event.instrument_ids, now=clock.now()
    )


def _posted(event: TransactionsPosted, _envelope: Envelope) -> None:
    actions.follow_posting(
        portfolio_id=event.portfolio_id,
        transaction_ids=event.transaction_ids,
        voided_ids=event.voided_ids,
        now=clock.now(),
    )
