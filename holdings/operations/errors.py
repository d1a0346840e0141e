"""Why the books refuse something. Each message is a sentence for the person whose input it was."""

from __future__ import annotations

from collections.abc import Mapping

from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError


class EntryRefused(DomainError):
    """An entry cannot be posted; `field` says which of its fields is at fault.

    `rows` says, where several entries came together, which of them are refused and why.
    """

    code = "entry_refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        rows: Mapping[int, str] | None = None,
    ) -> None:
        shown = [{"row": row, "message": reason} for row, reason in (rows or {}).items()]
        super().__init__(message, code=code, field=field, details={"rows": shown} if shown else {})
        self.rows = dict(rows or {})

    def at_row(self, row: int) -> EntryRefused:
        """The same refusal, of the entry at `row`."""
        return EntryRefused(self.message, code=self.code, field=self.field, rows={row: self.message})


class AlreadyPosted(ConflictError):
    """An entry with this source and external id is in the journal already."""

    code = "already_posted"


class PaperJournalClosed(DomainError):
    """The journal of a paper portfolio, or of one at a broker, is written by trading alone."""

    code = "paper_journal_closed"

    def __init__(self) -> None:
        super().__init__(
            "This portfolio is for trading: its entries come from orders only. Place an order instead, "
            "or keep a tracked portfolio for what you own elsewhere."
        )


class PortfolioArchived(DomainError):
    """Nothing is posted to an archived portfolio."""

    code = "portfolio_archived"

    def __init__(self) -> None:
        super().__init__("This portfolio is archived. Bring it back before you change it.")


class PortfolioUnknown(NotFoundError):
    """No such portfolio."""

    def __init__(self) -> None:
        super().__init__("There is no such portfolio.")


class EntryUnknown(NotFoundError):
    """No such entry, or it no longer counts."""

    def __init__(self, message: str = "There is no such entry.") -> None:
        super().__init__(message)
