"""Bringing a backup back: into a new portfolio, or into the one it was made of.

The preview is the restore, rolled back. A long journal is read twice and held never: what of it is not in the books yet is
copied into the tables some thousand entries at a time, and the books are computed once.
"""

from __future__ import annotations

from holdings.operations.restoring.outcome import RestoreOutcome, RestoreRefused
from holdings.operations.restoring.use_case import look_into_backup, restore_backup, take_in_backup

__all__ = ["RestoreOutcome", "RestoreRefused", "look_into_backup", "restore_backup", "take_in_backup"]
