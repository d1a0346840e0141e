"""What an import does, or would do, and how one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from holdings.importers import Problem
from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError

MOST_PROBLEMS = 200


class ImportRefused(DomainError):
    """The file cannot be read; `details["problems"]` lists paths and reasons."""

    code = "import_refused"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        shown = [{"path": problem.path, "message": problem.message} for problem in problems[:MOST_PROBLEMS]]
        super().__init__(message, field="file", details={"problems": shown, "problem_count": len(problems)})
        self.problems = tuple(problems)


class ImportUnknown(NotFoundError):
    """No such import."""

    def __init__(self) -> None:
        super().__init__("There is no such import.")


class ImportDecided(ConflictError):
    """The import was committed, undone or discarded already."""

    code = "import_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """One entry of the file: `state` is new, planned (its day is to come), duplicate, skipped or error."""

    path: str
    state: str
    message: str
    type: str
    occurred: date | datetime
    symbol: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal | None
    fees: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A balance or a quantity before and after."""

    label: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentMatch:
    """How an instrument of the file was understood; `created`: it is entered as one of the person's own."""

    key: str
    symbol: str
    name: str
    currency: str
    created: bool


@dataclass(slots=True, kw_only=True)
class ImportOutcome:
    """What an import does, or would do."""

    rows: list[PreviewRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    instruments: list[InstrumentMatch] = field(default_factory=list)
    new_accounts: list[str] = field(default_factory=list)
    cash: list[Change] = field(default_factory=list)
    holdings: list[Change] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def error_count(self) -> int:
        """Rows and places of the file that are left out because they are wrong."""
        return self.counts.get("error", 0)

    @property
    def importable(self) -> int:
        """Entries that a commit books or plans."""
        return self.counts.get("new", 0) + self.counts.get("planned", 0)
