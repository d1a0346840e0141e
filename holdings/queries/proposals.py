"""Dividends and splits that wait to be booked, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from holdings.models import ActionProposal, ProposalKind, ProposalState

MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """A dividend (`amount` gross, `taxes` withheld of it, both in `currency`) or split (`ratio`) of what was held
    (`quantity` before it; negative when short)."""

    id: int
    portfolio_id: int
    instrument_id: int
    symbol: str
    name: str
    kind: str
    ex_date: date
    value: Decimal
    quantity: Decimal
    amount: Decimal | None
    taxes: Decimal
    currency: str
    ratio: str
    state: str
    state_name: str
    doubt: str
    entry_ids: tuple[int, ...]
    is_automatic: bool
    decided_at: datetime | None

    @property
    def is_split(self) -> bool:
        """Whether it is a split; else it is a dividend."""
        return self.kind == ProposalKind.SPLIT

    @property
    def is_open(self) -> bool:
        """Whether it waits for a decision."""
        return self.state == ProposalState.OPEN

    @property
    def is_dismissed(self) -> bool:
        """Whether it can be brought back."""
        return self.state == ProposalState.DISMISSED

    @property
    def net(self) -> Decimal | None:
        """What comes in."""
        return None if self.amount is None else self.amount - self.taxes


@dataclass(frozen=True, slots=True)
class OpenProposals:
    """Those that wait: the oldest first, at most `MOST`, and how many there are of each kind."""

    rows: tuple[ProposalView, ...]

    @property
    def dividends(self) -> int:
        """How many dividends."""
        return sum(not row.is_split for row in self.rows)

    @property
    def splits(self) -> int:
        """How many splits."""
        return sum(row.is_split for row in self.rows)

    @property
    def without_doubt(self) -> int:
        """How many can be booked in one go."""
        return sum(not row.doubt for row in self.rows)

    def __bool__(self) -> bool:
        return bool(self.rows)


def open_proposals(portfolio_id: int) -> OpenProposals:
    """Return what waits to be booked in a portfolio. One statement."""
    rows = ActionProposal.objects.open().filter(portfolio=portfolio_id)
    return OpenProposals(
        tuple(map(_view, rows.select_related("instrument").order_by("ex_date", "-kind", "pk")[:MOST]))
    )


def proposals_of(
    portfolio_id: int, *, states: Iterable[str] | None = None, limit: int = MOST
) -> list[ProposalView]:
    """Return the proposals of a portfolio, the latest ex-date first; those of what was not held are left out unless
    asked for. One statement."""
    rows = ActionProposal.objects.filter(portfolio=portfolio_id)
    rows = rows.exclude(state=ProposalState.VOID) if states is None else rows.filter(state__in=list(states))
    return [_view(row) for row in rows.select_related("instrument").order_by("-ex_date", "-pk")[:limit]]


def proposal_of(portfolio_id: int, proposal_id: int) -> ProposalView | None:
    """Return one of a portfolio, or None. One statement."""
    row = (
        ActionProposal.objects.filter(portfolio=portfolio_id, pk=proposal_id)
        .select_related("instrument")
        .first()
    )
    return None if row is None else _view(row)


def _view(row: ActionProposal) -> ProposalView:
    return ProposalView(
        id=row.pk,
        portfolio_id=row.portfolio_id,
        instrument_id=row.instrument_id,
        symbol=row.instrument.symbol,
        name=row.instrument.name,
        kind=row.kind,
        ex_date=row.ex_date,
        value=row.value,
        quantity=row.quantity,
        amount=row.amount,
        taxes=row.taxes,
        currency=row.currency,
        ratio=row.ratio,
        state=row.state,
        state_name=row.get_state_display(),
        doubt=row.doubt,
        entry_ids=tuple(row.entry_ids),
        is_automatic=row.is_automatic,
        decided_at=row.decided_at,
    )
