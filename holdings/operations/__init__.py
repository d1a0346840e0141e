"""Every change to the books: one verb-first function for each use case.

Each opens its own transaction, takes the portfolio's lock first, changes the journal and what follows from it together,
and announces it. A refusal is an exception with the field at fault and a sentence; nothing is half done.
"""

from __future__ import annotations

from holdings.entries import Entry
from holdings.operations.assets import add_asset, remove_asset, update_asset
from holdings.operations.correcting import (
    correct_transaction,
    remove_draft,
    void_transaction,
    void_transactions,
)
from holdings.operations.errors import (
    AlreadyPosted,
    EntryRefused,
    EntryUnknown,
    PaperJournalClosed,
    PortfolioArchived,
    PortfolioUnknown,
)
from holdings.operations.holding import set_holding
from holdings.operations.importing import (
    ImportDecided,
    ImportOutcome,
    ImportRefused,
    ImportUnknown,
    commit_import,
    discard_import,
    forget_old_previews,
    import_entries,
    preview_import,
    undo_import,
    upload_import,
)
from holdings.operations.locking import LockedPortfolio, lock_portfolio
from holdings.operations.portfolios import (
    PortfolioRefused,
    add_account,
    archive_portfolio,
    create_portfolio,
    restore_portfolio,
    update_portfolio,
)
from holdings.operations.posting import (
    Posted,
    post_due_drafts,
    post_starting_cash,
    post_trade,
    post_transaction,
    post_transactions,
)
from holdings.operations.rebuilding import rebuild_holdings
from holdings.operations.sample import create_sample_portfolio

__all__ = [
    "AlreadyPosted",
    "Entry",
    "EntryRefused",
    "EntryUnknown",
    "ImportDecided",
    "ImportOutcome",
    "ImportRefused",
    "ImportUnknown",
    "LockedPortfolio",
    "PaperJournalClosed",
    "PortfolioArchived",
    "PortfolioRefused",
    "PortfolioUnknown",
    "Posted",
    "add_account",
    "add_asset",
    "archive_portfolio",
    "commit_import",
    "correct_transaction",
    "create_portfolio",
    "create_sample_portfolio",
    "discard_import",
    "forget_old_previews",
    "import_entries",
    "lock_portfolio",
    "post_due_drafts",
    "post_starting_cash",
    "post_trade",
    "post_transaction",
    "post_transactions",
    "preview_import",
    "rebuild_holdings",
    "remove_asset",
    "remove_draft",
    "restore_portfolio",
    "set_holding",
    "undo_import",
    "update_asset",
    "update_portfolio",
    "upload_import",
    "void_transaction",
    "void_transactions",
]
