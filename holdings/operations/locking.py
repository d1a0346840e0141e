"""The lock under which everything in a portfolio changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from holdings.operations.errors import PortfolioArchived, PortfolioUnknown
from marketdata.operations import SHARE_PRICE_SOURCES
from portfolio_site.kernel.audit import TELL_CONTEXT, untold_context
from portfolio_site.kernel.statements import Statement

_LOCKING = f"""
SELECT id, owner_id, kind, base_currency, allow_short, allow_negative_cash, cost_basis_method, tax_country, time_zone,
       revision, last_sequence, archived_at, {SHARE_PRICE_SOURCES} {{more}}
FROM holdings_portfolio {{which}}
"""  # noqa: S608 - a constant
_ONE = "WHERE id = %(portfolio)s FOR NO KEY UPDATE"
_LOCK = Statement(_LOCKING.format(which=_ONE, more=""))
_LOCK_AND_TELL = Statement(_LOCKING.format(which=_ONE, more=f", {TELL_CONTEXT}"))
_FREE = "WHERE id = ANY(%(portfolios)s::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
_LOCK_FREE = Statement(_LOCKING.format(which=_FREE, more=""))
_LOCK_FREE_AND_TELL = Statement(_LOCKING.format(which=_FREE, more=f", {TELL_CONTEXT}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPortfolio:
    """The facts about a portfolio that cannot change while its lock is held."""

    id: int
    owner_id: int
    kind: str
    base_currency: str
    allow_short: bool
    allow_negative_cash: bool
    cost_basis_method: str
    tax_country: str
    time_zone: str
    revision: int
    last_sequence: int
    is_archived: bool

    @property
    def is_paper(self) -> bool:
        """Whether the simulated exchange writes the journal."""
        return self.kind == "paper"

    @property
    def is_traded(self) -> bool:
        """Whether trading alone writes the journal: from simulated fills, or from a broker's."""
        return self.kind in ("paper", "broker")


def lock_portfolio(portfolio_id: int) -> LockedPortfolio:
    """Lock the portfolio's row until the transaction ends, and return what it holds.

    `SELECT … FOR NO KEY UPDATE`: rows that refer to the portfolio can still be inserted. Where several portfolios are
    needed, lock them in the order of their ids. An audit context that waits to be told is told along.
    Prices that are read from now on are of the kind (simulated or real) that they stay until then. Raises `RuntimeError`
    outside a transaction (the lock would be gone at once) and `PortfolioUnknown`.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("lock_portfolio() belongs inside the transaction that it protects")
    if not 0 < portfolio_id < 1 << 63:
        raise PortfolioUnknown
    untold = untold_context()
    row = (
        _LOCK.row({"portfolio": portfolio_id})
        if untold is None
        else _LOCK_AND_TELL.row({"portfolio": portfolio_id, **untold})
    )
    if row is None:
        raise PortfolioUnknown
    return _locked(row)


def lock_free_portfolios(portfolio_ids: Sequence[int]) -> dict[int, LockedPortfolio]:
    """Like `lock_portfolio` for those of several portfolios that nobody else has locked, by their ids: it never waits, and
    what it leaves out is for another transaction. One statement. Raises `RuntimeError` outside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("lock_free_portfolios() belongs inside the transaction that it protects")
    untold = untold_context()
    values = {"portfolios": list(portfolio_ids)}
    rows = _LOCK_FREE.rows(values) if untold is None else _LOCK_FREE_AND_TELL.rows(values | untold)
    return {row[0]: _locked(row) for row in rows}


def _locked(row: Sequence[Any]) -> LockedPortfolio:
    return LockedPortfolio(
        id=row[0],
        owner_id=row[1],
        kind=row[2],
        base_currency=row[3],
        allow_short=row[4],
        allow_negative_cash=row[5],
        cost_basis_method=row[6],
        tax_country=row[7],
        time_zone=row[8],
        revision=row[9],
        last_sequence=row[10],
        is_archived=row[11] is not None,
    )


def lock_for_writing(portfolio_id: int) -> LockedPortfolio:
    """Like `lock_portfolio`; raises `PortfolioArchived` for one that is archived."""
    locked = lock_portfolio(portfolio_id)
    if locked.is_archived:
        raise PortfolioArchived
    return locked
