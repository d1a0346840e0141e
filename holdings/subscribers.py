"""What the books listen to: splits and dividends that a source told of, and their own journal."""

from __future__ import annotations

from collections.abc import Sequence

from holdings.events import ActionsDue, TransactionsPosted
from holdings.operations import actions
from marketdata.events import CorporateActionFound
from portfolio_site.kernel import clock
from portfolio_site.kernel.events import Delivery, Envelope, subscribe, subscribe_batch


def register() -> None:
    """Register the subscribers of this room. What locks portfolios gets a transaction of its own."""
    subscribe("holdings.actions_found", CorporateActionFound, _found, alone=lambda _: True)
    subscribe("holdings.actions_due", ActionsDue, _due, alone=lambda _: True)
    subscribe_batch("holdings.actions_posted", [TransactionsPosted], _posted, alone=_is_large)


def _found(event: CorporateActionFound, _envelope: Envelope) -> None:
    actions.tell_portfolios(instrument_id=event.instrument_id)


def _due(event: ActionsDue, _envelope: Envelope) -> None:
    actions.look_at_actions(
        portfolio_id=event.portfolio_id, instrument_ids=event.instrument_ids, now=clock.now()
    )


def _is_large(event: TransactionsPosted) -> bool:
    return actions.is_large_change(transaction_ids=event.transaction_ids, voided_ids=event.voided_ids)


def _posted(deliveries: Sequence[Delivery]) -> None:
    now = clock.now()
    small = []
    for each in deliveries:
        event: TransactionsPosted = each.item
        if _is_large(event):
            actions.follow_posting(
                portfolio_id=event.portfolio_id,
                transaction_ids=event.transaction_ids,
                voided_ids=event.voided_ids,
                now=now,
            )
        else:
            small.append(
                actions.Posting(portfolio_id=event.portfolio_id, transaction_ids=event.transaction_ids)
            )
    if small:
        actions.follow_postings(postings=small, now=now)
