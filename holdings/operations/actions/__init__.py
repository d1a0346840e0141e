"""Splits and dividends that became known, on their way into the books: proposed, booked once, or dismissed."""

from holdings.operations.actions.booking import (
    Change,
    ProposalRefused,
    ProposalUnknown,
    book_all_proposals,
    book_due_proposals,
    book_proposal,
    dismiss_proposal,
    reopen_proposal,
)
from holdings.operations.actions.listening import (
    Posting,
    follow_posting,
    follow_postings,
    is_large_change,
    look_at_actions,
    tell_portfolios,
)
from holdings.operations.actions.proposing import refresh_proposals

__all__ = [
    "Change",
    "Posting",
    "ProposalRefused",
    "ProposalUnknown",
    "book_all_proposals",
    "book_due_proposals",
    "book_proposal",
    "dismiss_proposal",
    "follow_posting",
    "follow_postings",
    "is_large_change",
    "look_at_actions",
    "refresh_proposals",
    "reopen_proposal",
    "tell_portfolios",
]
