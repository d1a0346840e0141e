"""The wire's announcements of corporate actions: dividends and splits as this site knows them.

The ex-date alone is known; record and payable dates are left empty.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from marketdata.models import ActionKind, CorporateAction
from trading.wire.assets import find_asset, listed, symbol_of
from trading.wire.calls import Call
from trading.wire.errors import invalid, not_found
from trading.wire.values import read_uuid, read_words, text_of

#: The upper half of an announcement's id; the lower is its number.
_UPPER: Final = 0x0D1F6A523F0B4F0E
_TYPES: Final = frozenset({"dividend", "merger", "spinoff", "split"})
_MOST_DAYS: Final = 90
_MOST: Final = 5000


def list_announcements(call: Call) -> Any:
    """``GET /corporate_actions/announcements``: at most 90 days, both included."""
    types = {word.lower() for word in read_words(call.text("ca_types") or "")}
    since, until = call.day("since"), call.day("until")
    if not types or since is None or until is None:
        raise invalid("ca_types, since and until are required")
    if types - _TYPES:
        raise invalid(f"invalid ca_types: {min(types - _TYPES)[:20]}")
    if until < since or until - since > timedelta(days=_MOST_DAYS):
        raise invalid(f"since and until must be at most {_MOST_DAYS} days apart")
    rows = CorporateAction.objects.filter(
        instrument__in=listed(), ex_date__range=(since, until), kind__in=types
    )
    symbol, cusip = call.text("symbol"), call.text("cusip")
    if symbol is not None:
        found = find_asset(symbol)
        rows = rows.filter(instrument=found) if found is not None else rows.none()
    if cusip is not None:
        rows = rows.filter(instrument__cusip=cusip[:9])
    return _forms(rows.select_related("instrument").order_by("ex_date", "instrument__symbol", "pk")[:_MOST])


def get_announcement(call: Call, announcement_id: str) -> Any:
    """``GET /corporate_actions/announcements/{id}``"""
    wanted = read_uuid(announcement_id)
    pk = None if wanted is None else action_number(wanted)
    rows = CorporateAction.objects.filter(instrument__in=listed()).select_related("instrument")
    found = [] if pk is None else _forms(rows.filter(pk=pk))
    if not found:
        raise not_found("announcement not found")
    return found[0]


def action_id(pk: int) -> uuid.UUID:
    """The id of a corporate action on the wire."""
    return uuid.UUID(int=(_UPPER << 64) | pk)


def action_number(found: uuid.UUID) -> int | None:
    """The number of the action with that id; None for an id of anything else."""
    upper, pk = divmod(found.int, 1 << 64)
    return pk if upper == _UPPER and pk < 1 << 63 else None


def split_rates(ratio: Decimal) -> tuple[int, int]:
    """(new units, old units) of a split that is kept as a decimal: a third comes back as 1 and 3."""
    return Fraction(ratio).limit_denominator(10_000).as_integer_ratio()


def _forms(rows: Iterable[CorporateAction]) -> list[dict[str, Any]]:
    return [_form(row) for row in rows]


def _form(row: CorporateAction) -> dict[str, Any]:
    is_split = row.kind == ActionKind.SPLIT
    ratio: Decimal = row.value
    new, old = split_rates(ratio) if is_split else (1, 1)
    kind = ("stock_split" if ratio > 1 else "reverse_split") if is_split else "cash"
    return {
        "id": str(action_id(row.pk)),
        "corporate_action_id": f"{row.instrument_id}_{row.ex_date:%Y%m%d}_{row.kind}",
        "ca_type": row.kind,
        "ca_sub_type": kind,
        "initiating_symbol": symbol_of(row.instrument),
        "initiating_original_cusip": row.instrument.cusip,
        "target_symbol": symbol_of(row.instrument),
        "target_original_cusip": row.instrument.cusip,
        "declaration_date": None,
        "ex_date": row.ex_date.isoformat(),
        "record_date": None,
        "payable_date": None,
        "cash": "0" if is_split else text_of(ratio),
        "old_rate": str(old),
        "new_rate": str(new),
    }
