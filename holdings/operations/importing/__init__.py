"""Bringing in a file: upload, preview, commit, undo.

The preview is the commit, done and rolled back: what it shows is what will happen, to the last digit.
"""

from __future__ import annotations

from holdings.operations.importing.carrying_out import changes_between
from holdings.operations.importing.outcome import (
    Change,
    ImportDecided,
    ImportOutcome,
    ImportRefused,
    ImportUnknown,
    InstrumentMatch,
    PreviewRow,
)
from holdings.operations.importing.use_cases import (
    KEEP_PREVIEWS,
    commit_import,
    discard_import,
    forget_old_previews,
    import_entries,
    preview_import,
    undo_import,
    upload_import,
)

__all__ = [
    "KEEP_PREVIEWS",
    "Change",
    "ImportDecided",
    "ImportOutcome",
    "ImportRefused",
    "ImportUnknown",
    "InstrumentMatch",
    "PreviewRow",
    "changes_between",
    "commit_import",
    "discard_import",
    "forget_old_previews",
    "import_entries",
    "preview_import",
    "undo_import",
    "upload_import",
]
