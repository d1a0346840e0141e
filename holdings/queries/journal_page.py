"""The journal as programs read it: page by page, each entry as the columns that an answer is made of.

One statement finds the page, whoever asks and however far back it is: it begins at the entry after which the last one
ended, at its place in the index. Decimals come as text without trailing zeros, as they leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from holdings.models import Portfolio, whose_portfolios
from holdings.queries.transactions import EntryFilter, filtered_transactions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIGURES: Final = frozenset(
    {"quantity", "price", "amount", "fees", "taxes", "fx_rate", "instrument_rate", "cost"}
)

#: The columns of a page's rows, in their order. `date` is the day as text; None where there is a time, which then
#: is in `occurred_at`.
COLUMNS: Final = (
    "id", "sequence", "type", "date", "account_id", "to_account_id", "cash_account_id", "instrument_id", "symbol",
    "to_instrument_id", "quantity", "price", "amount", "fees", "taxes", "currency", "fx_rate", "instrument_rate",
    "ratio", "cost", "lots", "note", "tags", "source", "external_id", "replaces_id", "posted_at", "occurred_at",
)  # fmt: skip
_MADE: Final = {
    "date": "CASE WHEN t.is_date_only THEN t.occurred_date::text END",
    "symbol": "COALESCE(i.symbol, '')",
}


def _column(name: str) -> str:
    if name in _FIGURES:
        return f"trim_scale(t.{name})::text"
    return _MADE.get(name, f"t.{name}")


_SELECT: Final = f"""
SELECT {", ".join(_column(name) for name in COLUMNS)}
FROM holdings_transaction t LEFT JOIN marketdata_instrument i ON i.id = t.instrument_id
"""  # noqa: S608 - columns named above
_COUNTING: Final = """
WHERE t.portfolio_id = %(portfolio)s::bigint
  AND EXISTS (SELECT 1 FROM holdings_portfolio p
              WHERE p.id = %(portfolio)s::bigint AND (%(all)s::boolean OR p.owner_id = %(owner)s::bigint))
  AND NOT EXISTS (SELECT 1 FROM holdings_transactionvoid v WHERE v.transaction_id = t.id)
"""
_THOSE: Final = "WHERE t.id = ANY(%(ids)s::bigint[])"
_OLDER: Final = " AND (t.occurred_at, t.sequence) < (%(at)s::timestamptz, %(sequence)s::bigint)"
_NEWER: Final = " AND (t.occurred_at, t.sequence) > (%(at)s::timestamptz, %(sequence)s::bigint)"
_DOWN: Final = "ORDER BY t.occurred_at DESC, t.sequence DESC"
_UP: Final = "ORDER BY t.occurred_at, t.sequence"


@dataclass(frozen=True, slots=True)
class Place:
    """Between two entries: before or behind the one at this instant (microseconds since 1970) and of this sequence."""

    micros: int
    sequence: int
    is_towards_newer: bool = False

    @property
    def at(self) -> datetime:
        """The instant. `OverflowError` for one that no calendar has."""
        return _EPOCH + timedelta(microseconds=self.micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """Rows of `COLUMNS`, newest first, and where the pages beside them begin (None: there is none)."""

    rows: Sequence[Sequence[Any]]
    older: Place | None
    newer: Place | None


def journal_page(user: Any, portfolio_id: int, *, size: int, place: Place | None = None) -> JournalPage:
    """The entries that count of a portfolio that this person may see; empty for any other. One statement."""
    sight = whose_portfolios(user)
    if sight is None:
        return JournalPage(rows=(), older=None, newer=None)
    values: dict[str, Any] = {"portfolio": portfolio_id, "all": sight.everybody, "owner": sight.owner_id}
    text = _SELECT + _COUNTING
    if place is not None:
        text += _NEWER if place.is_towards_newer else _OLDER
        values |= {"at": place.at, "sequence": place.sequence}
    # Written out, and not a parameter: the plan of any page is made for a few rows, once.
    text += f"{_UP if place is not None and place.is_towards_newer else _DOWN} LIMIT {int(size) + 1}"
    return _page(_rows(text, values), size, place)


def filtered_journal_page(
    portfolio: Portfolio, wanted: EntryFilter, *, size: int, place: Place | None = None
) -> JournalPage:
    """The same of the entries that fit a filter; the portfolio is one that the person may see. Two statements."""
    found = filtered_transactions(portfolio, wanted)
    order = ("-occurred_at", "-sequence")
    if place is not None and place.is_towards_newer:
        order = ("occurred_at", "sequence")
        found = found.filter(
            Q(occurred_at__gt=place.at) | Q(occurred_at=place.at, sequence__gt=place.sequence)
        )
    elif place is not None:
        found = found.filter(
            Q(occurred_at__lt=place.at) | Q(occurred_at=place.at, sequence__lt=place.sequence)
        )
    ids = list(found.order_by(*order).values_list("pk", flat=True)[: size + 1])
    if not ids:
        return _page([], size, place)
    rows = _rows(f"{_SELECT} {_THOSE} {_UP if order[0] == 'occurred_at' else _DOWN}", {"ids": ids})
    return _page(rows, size, place)


def _rows(text: str, values: Mapping[str, Any]) -> list[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        found: list[Sequence[Any]] = cursor.fetchall()
        return found


def _page(found: list[Sequence[Any]], size: int, place: Place | None) -> JournalPage:
    """Cut the row off that only says that there are more, and bring the newest to the front."""
    more, rows = len(found) > size, found[:size]
    towards_newer = place is not None and place.is_towards_newer
    if towards_newer:
        rows.reverse()
    has_older = more if not towards_newer else True
    has_newer = more if towards_newer else place is not None
    return JournalPage(
        rows=rows,
        older=_beside(rows[-1], newer=False) if rows and has_older else None,
        newer=_beside(rows[0], newer=True) if rows and has_newer else None,
    )


def _beside(row: Sequence[Any], *, newer: bool) -> Place:
    at: datetime = row[-1]
    return Place((at - _EPOCH) // timedelta(microseconds=1), row[1], newer)


__all__ = ["COLUMNS", "JournalPage", "Place", "filtered_journal_page", "journal_page"]
