"""Every change to the books: one verb-first function for each use case.

Each opens its own transaction, takes the portfolio's lock first, changes the journal and what follows from it together,
and announces it. A refusal is an exception with the field at fault and a sentence; nothing is half done.
"""

from __future__ import annotations

from holdings.entries import Entry
from holdings.operations.assets import add_asset, remove_asset, update_asset
from holdings.operations.backing_up import (
    BACKUP_KIND,
    NothingToBackUp,
    backup_source,
    backups_for,
    carry_out_backup_plan,
    due_backup_plans,
    make_backup,
    set_backup_plan,
)
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
from holdings.operations.locking import LockedPortfolio, lock_free_portfolios, lock_portfolio
from holdings.operations.portfolios import (
    PortfolioRefused,
    account_from_outside,
    add_account,
    archive_portfolio,
    create_portfolio,
    restore_portfolio,
    update_portfolio,
)
from holdings.operations.posting import (
    Posted,
    post_account_entry,
    post_due_drafts,
    post_starting_cash,
    post_trade,
    post_transaction,
    post_transactions,
    restart_paper_journal,
)
from holdings.operations.rebuilding import rebuild_holdings
from holdings.operations.restoring import (
    RestoreOutcome,
    RestoreRefused,
    look_into_backup,
    restore_backup,
    take_in_backup,
)
from holdings.operations.sample import create_sample_portfolio
from holdings.operations.trades import PostedTrade, Trade, post_trade_within, write_trade

__all__ = [
    "BACKUP_KIND",
    "AlreadyPosted",
    "Entry",
    "EntryRefused",
    "EntryUnknown",
    "ImportDecided",
    "ImportOutcome",
    "ImportRefused",
    "ImportUnknown",
    "LockedPortfolio",
    "NothingToBackUp",
    "PaperJournalClosed",
    "PortfolioArchived",
    "PortfolioRefused",
    "PortfolioUnknown",
    "Posted",
    "PostedTrade",
    "RestoreOutcome",
    "RestoreRefused",
    "Trade",
    "account_from_outside",
    "add_account",
    "add_asset",
    "archive_portfolio",
    "backup_source",
    "backups_for",
    "carry_out_backup_plan",
    "commit_import",
    "correct_transaction",
    "create_portfolio",
    "create_sample_portfolio",
    "discard_import",
    "due_backup_plans",
    "forget_old_previews",
    "import_entries",
    "lock_free_portfolios",
    "lock_portfolio",
    "look_into_backup",
    "make_backup",
    "post_account_entry",
    "post_due_drafts",
    "post_starting_cash",
    "post_trade",
    "post_trade_within",
    "post_transaction",
    "post_transactions",
    "preview_import",
    "rebuild_holdings",
    "remove_asset",
    "remove_draft",
    "restart_paper_journal",
    "restore_backup",
    "restore_portfolio",
    "set_backup_plan",
    "set_holding",
    "take_in_backup",
    "undo_import",
    "update_asset",
    "update_portfolio",
    "upload_import",
    "void_transaction",
    "void_transactions",
    "write_trade",
]
