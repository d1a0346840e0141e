"""What a portfolio holds already: which entries of a backup need not be booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from holdings.models import DraftTransaction, EntryKey, Transaction

_COARSE: Final = ("quantity", "amount", "fees", "taxes")
#: Everything about an entry but its number, its source, and who posted it when.
_ALL: Final = (
    "type", "occurred_at", "is_date_only", "account_id", "to_account_id", "cash_account_id", "instrument_id",
    "to_instrument_id", "quantity", "price", "amount", "fees", "taxes", "currency", "fx_rate", "instrument_rate", "ratio",
    "cost", "note", "tags",
)  # fmt: skip
_ZERO: Final = Decimal(0)


class Known:
    """The entries of a portfolio, and which of them an entry of a backup is.

    Those posted `since` (the backup cannot hold them, unless it was brought back meanwhile) are recognised only where they
    are the same in everything; `left` are those of them that no entry of the backup was.
    """

    def __init__(self, portfolio_id: int, *, source: str, since: datetime | None = None) -> None:
        counting = Transaction.objects.filter(portfolio_id=portfolio_id).counting()
        late = counting.filter(posted_at__gt=since) if since is not None else counting.none()
        self._late: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        self.left: set[int] = set()
        for pk, *values in late.values_list("pk", *_ALL).order_by("-sequence").iterator():
            self._late[_tuple(values)].append(pk)
            self.left.add(pk)
        keys = EntryKey.objects.filter(portfolio_id=portfolio_id, source=source)
        self._keys: dict[str, int] = {
            external_id: pk
            for external_id, pk in keys.values_list("external_id", "transaction_id").iterator()
            if pk not in self.left
        }
        drafts = DraftTransaction.objects.filter(portfolio_id=portfolio_id, source=source)
        self._planned = set(drafts.values_list("external_id", flat=True))
        self._elsewhere: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        rows = counting.exclude(source=source).order_by("-sequence")
        for pk, *values in rows.values_list("pk", *_ALL).iterator():
            if pk not in self.left:
                self._elsewhere[_coarse(dict(zip(_ALL, values, strict=True)))].append(pk)
        self._seen: set[str] = set()

    def by_name(self, external_id: str) -> int | None:
        """The entry that has this outside name: its id; 0 where it waits for its day or came before. None: it is new."""
        if external_id in self._keys:
            return self._keys[external_id]
        if external_id in self._planned or external_id in self._seen:
            return 0
        self._seen.add(external_id)
        return None

    def by_content(self, row: Transaction) -> int | None:
        """The entry that says the same, each of them once; None where there is none (any more)."""
        state = row.__dict__
        if self._elsewhere:
            found = self._elsewhere.get(_coarse(state))
            if found:
                return found.pop()
        if self.left:
            found = self._late.get(_tuple([state[name] for name in _ALL]))
            if found:
                self.left.discard(found[-1])
                return found.pop()
        return None

    def ids_left(self) -> Iterator[int]:
        """What the backup does not hold."""
        return iter(sorted(self.left))


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _coarse(state: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two entries the same wherever they came from."""
    return (
        state["type"],
        state["occurred_at"],
        state["instrument_id"],
        state["to_instrument_id"],
        *(state[name] or _ZERO for name in _COARSE),
        state["currency"],
        state["ratio"],
    )
