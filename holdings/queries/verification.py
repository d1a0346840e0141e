"""Proof that the derived tables follow from the journal."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from holdings.domain.types import PortfolioError
from holdings.models import LedgerState, Portfolio, Transaction
from holdings.queries.derived import Difference, derived_in_tables, differences
from holdings.queries.journal import load_journal
from holdings.queries.replaying import replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksReport:
    """What a check of one portfolio found; `problems` is empty when the books are right."""

    portfolio_id: int
    name: str
    entries: int
    problems: tuple[str, ...]


def verify_portfolio(portfolio_id: int) -> BooksReport:
    """Replay the journal and compare every lot, position, balance, debt and realised trade, to the last digit.

    Everything is read in one snapshot, so that a posting that goes on meanwhile is no difference.
    """
    with transaction.atomic():
        # The share lock waits for a posting under way and lets no new one begin; readers are not held up.
        portfolio = Portfolio.objects.select_for_update(no_key=True).get(pk=portfolio_id)
        journal = load_journal(portfolio_id)
        stored = derived_in_tables(portfolio_id)
        problems = [str(found) for found in _state_differences(portfolio)]
        try:
            problems += [str(found) for found in differences(stored, replayed(portfolio, journal))]
        except PortfolioError as error:
            problems += [f"replay: {problem}" for problem in error.problems]
    return BooksReport(
        portfolio_id=portfolio_id,
        name=portfolio.name,
        entries=len(journal.transactions),
        problems=tuple(problems),
    )


def _state_differences(portfolio: Portfolio) -> list[Difference]:
    rows = Transaction.objects.filter(portfolio_id=portfolio.pk)
    highest = rows.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    found = []
    if highest != portfolio.last_sequence:
        found.append(Difference("last sequence", portfolio.last_sequence, highest))
    last = rows.counting().order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    stored = (
        LedgerState.objects.filter(portfolio_id=portfolio.pk)
        .values_list("last_occurred_at", flat=True)
        .first()
    )
    if last != stored:
        found.append(Difference("last entry at", stored, last))
    return found
