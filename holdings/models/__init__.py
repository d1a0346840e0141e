"""The tables of the books.

`Transaction` and `TransactionVoid` are the truth; `Lot`, `Position`, `CashBalance` and `RealisedTrade` follow from them
and can be rebuilt at any time. No other app reads these classes: it calls `holdings.queries` and `holdings.operations`.
"""

from __future__ import annotations

from holdings.models.backups import BackupInterval, BackupPlan
from holdings.models.derived import (
    CashBalance,
    LedgerCheckpoint,
    LedgerState,
    Liability,
    Lot,
    Position,
    RealisedTrade,
)
from holdings.models.imports import ImportBatch
from holdings.models.journal import (
    DraftTransaction,
    EntryKey,
    Transaction,
    TransactionType,
    TransactionVoid,
)
from holdings.models.portfolio import (
    Account,
    AccountKind,
    CostBasisMethod,
    Portfolio,
    PortfolioKind,
    Sight,
    whose_portfolios,
)
from holdings.models.proposals import ActionProposal, ProposalKind, ProposalState
from holdings.models.targets import TargetDimension, TargetWeight

__all__ = [
    "Account",
    "AccountKind",
    "ActionProposal",
    "BackupInterval",
    "BackupPlan",
    "CashBalance",
    "CostBasisMethod",
    "DraftTransaction",
    "EntryKey",
    "ImportBatch",
    "LedgerCheckpoint",
    "LedgerState",
    "Liability",
    "Lot",
    "Portfolio",
    "PortfolioKind",
    "Position",
    "ProposalKind",
    "ProposalState",
    "RealisedTrade",
    "Sight",
    "TargetDimension",
    "TargetWeight",
    "Transaction",
    "TransactionType",
    "TransactionVoid",
    "whose_portfolios",
]
