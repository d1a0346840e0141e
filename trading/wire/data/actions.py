"""Market data on the wire: dividends and splits of many symbols, page by page, as the data clients ask for them.

The ex-date alone is known: an action is processed on it (a dividend is paid then, too), record and payable dates are null.
"""

from __future__ import annotations

import base64
import binascii
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from marketdata.models import ActionKind, CorporateAction
from trading.wire.announcements import action_id, action_number, split_rates
from trading.wire.assets import find_assets, listed, symbol_of
from trading.wire.calls import Call
from trading.wire.errors import bad_request, invalid
from trading.wire.values import NEW_YORK, number_of, read_uuid

_DEFAULT: Final = 100
_MOST: Final = 1000
_ONE: Final = Decimal(1)
_HAS: Final = {
    "cash_dividend": Q(kind=ActionKind.DIVIDEND),
    "forward_split": Q(kind=ActionKind.SPLIT, value__gte=_ONE),
    "reverse_split": Q(kind=ActionKind.SPLIT, value__lt=_ONE),
}
#: What the form knows, and no source here tells of.
_ALSO_KNOWN: Final = frozenset(
    "unit_split stock_dividend spin_off cash_merger stock_merger stock_and_cash_merger redemption name_change "
    "worthless_removal rights_distribution".split()
)


def corporate_actions(call: Call) -> Any:
    """``GET /v1/corporate-actions``: by ex-date, ``start`` and ``end`` included (today, unless told otherwise)."""
    descending = call.word("sort", frozenset({"asc", "desc"}), "asc") == "desc"
    limit = call.whole("limit", default=_DEFAULT, least=1, most=_MOST)
    rows = _wanted(call)
    token = call.text("page_token")
    if token is not None:
        day, pk = _read_token(token)
        if descending:
            rows = rows.filter(Q(ex_date__lt=day) | Q(ex_date=day, pk__lt=pk))
        else:
            rows = rows.filter(Q(ex_date__gt=day) | Q(ex_date=day, pk__gt=pk))
    order = ("-ex_date", "-pk") if descending else ("ex_date", "pk")
    page = list(rows.select_related("instrument").order_by(*order)[: limit + 1])
    found: dict[str, list[dict[str, Any]]] = {}
    for row in page[:limit]:
        kind, form = _form(row)
        found.setdefault(f"{kind}s", []).append(form)
    return {
        "corporate_actions": found,
        "next_page_token": _token(page[limit - 1]) if len(page) > limit else None,
    }


def _wanted(call: Call) -> QuerySet[CorporateAction]:
    rows = CorporateAction.objects.filter(instrument__in=listed())
    symbols, cusips, ids = call.words("symbols"), call.words("cusips"), call.words("ids")
    if ids:
        if symbols or cusips or call.words("types") or call.text("start") or call.text("end"):
            raise invalid("ids cannot be combined with other filters")
        return rows.filter(pk__in=[_number(text) for text in ids])
    if symbols:
        rows = rows.filter(instrument__in=[thing.pk for thing in find_assets(symbols).values()])
    if cusips:
        rows = rows.filter(instrument__cusip__in=[text for text in cusips if "\0" not in text])
    types = {word.lower() for word in call.words("types")}
    unknown = types - _HAS.keys() - _ALSO_KNOWN
    if unknown:
        raise invalid(f"invalid types: {min(unknown)[:20]!r}")
    if types:
        kinds = Q(pk__in=[])
        for name in types & _HAS.keys():
            kinds |= _HAS[name]
        rows = rows.filter(kinds)
    today = call.now.astimezone(NEW_YORK).date()
    start, end = call.day("start") or today, call.day("end") or today
    if start > end:
        raise invalid("end should not be before start")
    return rows.filter(ex_date__range=(start, end))


def _form(row: CorporateAction) -> tuple[str, dict[str, Any]]:
    """(its type, the action)."""
    day, thing = row.ex_date.isoformat(), row.instrument
    dates = {"process_date": day, "ex_date": day, "record_date": None, "payable_date": None}
    form: dict[str, Any] = {"id": str(action_id(row.pk)), "symbol": symbol_of(thing), **dates}
    if row.kind == ActionKind.DIVIDEND:
        paid = {"cusip": thing.cusip, "rate": number_of(row.value), "special": False, "foreign": False}
        return "cash_dividend", {**form, **paid}
    ratio: Decimal = row.value
    new, old = split_rates(ratio)
    form |= {"new_rate": new, "old_rate": old}
    if ratio >= 1:
        return "forward_split", {**form, "cusip": thing.cusip}
    return "reverse_split", {**form, "old_cusip": thing.cusip, "new_cusip": thing.cusip}


def _number(text: str) -> int:
    found: UUID | None = read_uuid(text)
    number = None if found is None else action_number(found)
    # An id of somebody else's is nobody's here.
    return -1 if number is None else number


def _token(row: CorporateAction) -> str:
    return base64.urlsafe_b64encode(f"{row.ex_date.isoformat()}|{row.pk}".encode()).decode()


def _read_token(token: str) -> tuple[date, int]:
    try:
        day, _, pk = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition("|")
        place = date.fromisoformat(day), int(pk)
    except (binascii.Error, ValueError):
        raise bad_request("invalid page_token") from None
    if not 0 <= place[1] < 1 << 63:
        raise bad_request("invalid page_token")
    return place
