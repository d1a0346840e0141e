"""What a restore does, or would do, and how one is refused."""

from __future__ import annotations

from dataclasses import dataclass

from holdings.operations.importing import Change
from portfolio_site.kernel.errors import DomainError


class RestoreRefused(DomainError):
    """The file is no whole backup, or does not go where it is to go. Nothing was changed."""

    code = "restore_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOutcome:
    """What a restore did, or would do. `portfolio_id` is None for a new portfolio that was only looked at.

    `added`, `removed` and `unchanged` count entries; `planned` (among those added) wait for their day. `targets` are the
    dimensions whose target weights were set, `watchlists` the names of those that were made.
    """

    name: str
    portfolio_id: int | None
    is_new: bool
    added: int
    removed: int
    unchanged: int
    planned: int
    targets: int
    watchlists: tuple[str, ...]
    cash: tuple[Change, ...]
    holdings: tuple[Change, ...]
    problems: tuple[str, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether the portfolio is as the backup has it already."""
        return not (self.is_new or self.added or self.removed or self.targets or self.watchlists)
