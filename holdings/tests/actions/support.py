"""What the tests share about splits and dividends that became known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from holdings import queries
from holdings.models import ActionProposal, Portfolio, Transaction
from holdings.operations import actions as operations
from holdings.operations.actions import Change
from holdings.tests.support import (
    NOW,
)
from marketdata.models import CorporateAction, Instrument
from marketdata.operations.history import announce_actions

D = Decimal


def fact(instrument: Instrument, day: str, kind: str, value: str) -> CorporateAction:
    """A source tells of a split or dividend."""
    found, _ = CorporateAction.objects.update_or_create(
        instrument=instrument,
        ex_date=date.fromisoformat(day),
        kind=kind,
        defaults={"value": D(value), "source": "test"},
    )
    announce_actions(instrument.pk, [found.pk])
    return found


def waiting(portfolio: Portfolio) -> list[tuple[str, str, Decimal, Decimal | None]]:
    return [
        (row.kind, row.ex_date.isoformat(), row.quantity, row.amount)
        for row in queries.open_proposals(portfolio.pk).rows
    ]


def states(portfolio: Portfolio) -> list[str]:
    rows = ActionProposal.objects.filter(portfolio=portfolio).order_by("ex_date", "pk")
    return list(rows.values_list("state", flat=True))


def book(portfolio: Portfolio, change: Change | None = None, **wanted: Any) -> ActionProposal:
    proposal = ActionProposal.objects.open().filter(portfolio=portfolio, **wanted).order_by("ex_date").first()
    assert proposal is not None
    return operations.book_proposal(
        portfolio_id=portfolio.pk, proposal_id=proposal.pk, actor=portfolio.owner, now=NOW, change=change
    )


def journal(portfolio: Portfolio, *types: str) -> list[Transaction]:
    return list(Transaction.objects.filter(portfolio=portfolio, type__in=types).counting().in_order())


def position(portfolio: Portfolio, instrument: Instrument) -> Decimal:
    return queries.position_quantity(portfolio.pk, instrument.pk)
