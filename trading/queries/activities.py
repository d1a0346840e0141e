"""The activities of an account: every execution, every fee, dividend, interest and payment, newest first.

An id is the local time in New York to the millisecond and a UUID, so that ids sort as the activities happened. Fees are told
one by one, at the moment of the fill they belong to; the net amounts of all rows add up to the cash.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, Value

from holdings import queries as books
from holdings.queries import PaperEntry
from trading.models import Fill
from trading.queries.market import NEW_YORK

ZERO = Decimal(0)
_NAMESPACE = uuid.UUID("5a3c9d0e-7b1f-4c62-9f5e-0d8a6b2e4c11")
#: Journal type -> (activity type, sign of its net amount).
_TYPES: dict[str, tuple[str, int]] = {
    "deposit": ("CSD", 1),
    "withdrawal": ("CSW", -1),
    "dividend": ("DIV", 1),
    "distribution": ("DIV", 1),
    "interest": ("INT", 1),
    "interest_charge": ("INT", -1),
    "fee": ("FEE", -1),
    "fee_refund": ("FEE", 1),
    "split": ("SPLIT", 0),
    "spin_off": ("SPIN", 0),
    "merger": ("MA", 0),
    "symbol_change": ("NC", 0),
    "return_of_capital": ("DIVROC", 1),
}
TRADE_TYPES = frozenset({"FILL"})
FEE_TYPES = frozenset({"FEE", "CFEE"})
ALL_TYPES = frozenset({"FILL", "CFEE"} | {kind for kind, _ in _TYPES.values()})
MAX_PAGE = 100
_MILLISECOND = timedelta(milliseconds=1)
_NO_END = 1 << 31
#: So many more than a page are read at first: rows of one millisecond belong together.
_MARGIN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One row. ``type`` is the activity type of the wire; what does not apply to it is None or empty.

    For a FILL: ``quantity``, ``price``, ``cum_quantity``, ``leaves_quantity``, ``side``, ``order_id``, ``order_status``
    and ``is_final`` (the completing one). Otherwise ``net_amount`` is what came in (negative: went out); a crypto fee of a
    purchase has a negative ``quantity`` of coins and a net amount of zero. ``cash`` is what the row did to the cash in
    ``currency``, executions (before their fees) included: all rows of a currency add up to it.
    """

    id: str
    type: str
    at: datetime
    date: date
    symbol: str = ""
    instrument_id: int | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    cum_quantity: Decimal | None = None
    leaves_quantity: Decimal | None = None
    side: str = ""
    order_id: UUID | None = None
    order_status: str = ""
    is_final: bool = False
    net_amount: Decimal | None = None
    description: str = ""
    sub_type: str = ""
    currency: str = ""
    group_id: UUID | None = None
    cash: Decimal = ZERO


def activities_of(
    portfolio_id: int,
    *,
    types: Collection[str] | None = None,
    after: datetime | None = None,
    until: datetime | None = None,
    ascending: bool = False,
    limit: int = MAX_PAGE,
    page_token: str = "",
    symbol: str = "",
    most: int = MAX_PAGE,
) -> list[Activity]:
    """Activities of an account since it was opened or last began anew: at most ``limit`` (never more than ``most``), newest
    first unless ``ascending``. ``after`` and ``until`` are exclusive; the page begins right after the row whose id is
    ``page_token``; ``symbol`` leaves those whose symbol begins so.

    Raises ``ValueError`` for a token that is none. Three statements, more where very many things happened at once.
    """
    limit = max(1, min(limit, most))
    wanted = ALL_TYPES if types is None else frozenset(types)
    account = _Account(portfolio_id=portfolio_id, wanted=wanted, since=books.journal_begins_at(portfolio_id))
    if account.since is None:
        return []
    edge = _edge(account, page_token) if page_token else None
    # The millisecond of the page's edge is read again: its ids decide what was there already.
    if edge is not None and ascending:
        before_edge = edge - timedelta(microseconds=1)
        after = before_edge if after is None else max(after, before_edge)
    elif edge is not None:
        behind_edge = edge + _MILLISECOND
        until = behind_edge if until is None else min(until, behind_edge)
    seen = None if edge is None else (edge, page_token)
    span = _Span(after=after, until=until, ascending=ascending, limit=limit, symbol=symbol, seen=seen)
    rows = _enough(_trades, account, span) + _enough(_entries, account, span)
    rows.sort(key=_place, reverse=not ascending)
    return rows[:limit]


def cashflows_of(
    portfolio_id: int, *, currency: str, types: Collection[str], after: datetime, until: datetime
) -> list[tuple[datetime, str, Decimal]]:
    """(instant, activity type, net amount) of everything beside the executions themselves that moved cash of a currency after
    an instant and up to another. What the account was opened with is not among them. Three statements."""
    since = books.journal_begins_at(portfolio_id)
    if since is None:
        return []
    account = _Account(portfolio_id=portfolio_id, wanted=frozenset(types) - TRADE_TYPES, since=since)
    # Bounds of a span are exclusive.
    span = _Span(after=max(after, since), until=until + timedelta(microseconds=1), ascending=True)
    stored = _trades(account, span, _NO_END) + _entries(account, span, _NO_END)
    rows = (row for _, found in stored for row in found)
    return [(row.at, row.type, row.net_amount) for row in rows if row.net_amount and row.currency == currency]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    portfolio_id: int
    wanted: frozenset[str]
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Which rows a page may have: ``seen`` is the place of the last row of the page before."""

    after: datetime | None
    until: datetime | None
    ascending: bool = False
    limit: int = MAX_PAGE
    symbol: str = ""
    seen: tuple[datetime, str] | None = None

    def has(self, row: Activity) -> bool:
        """Whether the row was not on a page before."""
        if self.seen is None:
            return True
        return _place(row) > self.seen if self.ascending else _place(row) < self.seen


#: What was stored at an instant, as the activities that it is told as (none where no wanted type is among them).
_Stored: TypeAlias = "tuple[datetime, list[Activity]]"


def _enough(
    read: Callable[[_Account, _Span, int], list[_Stored]], account: _Account, span: _Span
) -> list[Activity]:
    """A page of rows, if there are so many. However many happened in one millisecond, all of it is read: within it they are
    sorted by their ids, which the database does not know."""
    size = span.limit + _MARGIN
    while True:
        stored = read(account, span, size)
        found = [row for _, rows in stored for row in rows if span.has(row)]
        if len(stored) < size:
            return found
        last = _millisecond(stored[-1][0])
        found = [row for row in found if _millisecond(row.at) != last]
        if len(found) >= span.limit:
            return found
        size *= 4


def _place(row: Activity) -> tuple[datetime, str]:
    return _millisecond(row.at), row.id


def _millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def activity_id(at: datetime, key: UUID) -> str:
    """``YYYYMMDDhhmmssmmm::uuid`` in New York time."""
    local = at.astimezone(NEW_YORK)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}::{key}"


def _edge(account: _Account, token: str) -> datetime:
    """The millisecond a token names. Raises ``ValueError``."""
    stamp, _, key = token.partition("::")
    if len(stamp) != 17 or not stamp.isascii() or not stamp.isdigit():
        raise ValueError("that is not the id of an activity")
    uuid.UUID(key)
    parsed = datetime.strptime(f"{stamp}000", "%Y%m%d%H%M%S%f")  # noqa: DTZ007 - the zone is added right here
    first, second = (parsed.replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second <= first:
        return first
    # In the night in which the clock is put back an hour comes twice: it is the one that the row is in.
    span = _Span(after=second - timedelta(microseconds=1), until=second + _MILLISECOND)
    rows = _enough(_trades, account, span) + _enough(_entries, account, span)
    return second if any(row.id == token for row in rows) else first


def _trades(account: _Account, span: _Span, size: int) -> list[_Stored]:
    wanted = account.wanted
    if not wanted & (TRADE_TYPES | FEE_TYPES):
        return []
    rows = Fill.objects.filter(portfolio_id=account.portfolio_id, executed_at__gte=account.since)
    if span.after is not None:
        rows = rows.filter(executed_at__gt=span.after)
    if span.until is not None:
        rows = rows.filter(executed_at__lt=span.until)
    if span.symbol:
        rows = rows.filter(instrument__symbol__istartswith=span.symbol)
    if "FILL" not in wanted:
        rows = rows.filter(Q(fees__gt=0) | Q(fee_quantity__gt=0))
        if not wanted >= FEE_TYPES:
            rows = rows.filter(_Charges(F("fee_details"), Value(_CHARGES["CFEE" in wanted])))
    order = ("executed_at", "id") if span.ascending else ("-executed_at", "-id")
    found = rows.select_related("instrument").order_by(*order)[:size]
    return [(fill.executed_at, [row for row in _of_fill(fill) if row.type in wanted]) for fill in found]


class _Charges(Func):
    """Whether a fill's charges have one that a JSON path finds."""

    function = "jsonb_path_exists"
    template = "%(function)s(%(expressions)s::jsonpath)"
    output_field = BooleanField()


#: Is it a crypto fee that is looked for? -> where to find one.
_CHARGES = {True: '$[*] ? (@.kind == "crypto")', False: '$[*] ? (@.kind != "crypto")'}


def _of_fill(fill: Fill) -> Iterable[Activity]:
    """The execution, and a row for each of its fees."""
    thing = fill.instrument
    local = fill.executed_at.astimezone(NEW_YORK).date()
    done = fill.leaves_quantity == 0
    common = {"at": fill.executed_at, "date": local, "symbol": thing.symbol, "instrument_id": thing.pk}
    yield Activity(
        **common,  # type: ignore[arg-type]
        id=activity_id(fill.executed_at, fill.pk),
        type="FILL",
        quantity=fill.quantity,
        price=fill.price,
        cum_quantity=fill.cum_quantity,
        leaves_quantity=fill.leaves_quantity,
        side=fill.side,
        order_id=fill.order_id,
        order_status="filled" if done else "partially_filled",
        is_final=done,
        currency=thing.currency,
        cash=-fill.amount if fill.side == "buy" else fill.amount,
    )
    for place, charge in enumerate(fill.fee_details):
        kind, amount = str(charge["kind"]), Decimal(charge["amount"])
        coins = Decimal(charge.get("units", "0"))
        yield Activity(
            **common,  # type: ignore[arg-type]
            id=activity_id(fill.executed_at, uuid.uuid5(_NAMESPACE, f"fee:{fill.pk}:{place}")),
            type="CFEE" if kind == "crypto" else "FEE",
            quantity=-coins if coins else None,
            price=fill.price if coins else None,
            net_amount=ZERO if coins else -amount,
            cash=ZERO if coins else -amount,
            description=_fee_words(kind, str(charge.get("note", ""))),
            sub_type=kind.upper(),
            currency=thing.currency,
            order_id=fill.order_id,
            group_id=fill.pk,
        )


def _fee_words(kind: str, note: str) -> str:
    name = {"sec": "SEC fee", "taf": "TAF fee", "crypto": "Crypto fee", "commission": "Commission"}.get(
        kind, kind
    )
    return f"{name} ({note})" if note else name


def _entries(account: _Account, span: _Span, size: int) -> list[_Stored]:
    types = {name for name, (kind, _) in _TYPES.items() if kind in account.wanted}
    if "DIV" in account.wanted:
        types.add("fee")
    if not types:
        return []
    found = books.entries_beside_trades(
        account.portfolio_id,
        types=types,
        since=span.after,
        until=span.until,
        ascending=span.ascending,
        limit=size,
        symbol=span.symbol,
    )
    told = [(row.occurred_at, _of_entry(row)) for row in found]
    return [(at, [row] if row.type in account.wanted else []) for at, row in told]


def _of_entry(row: PaperEntry) -> Activity:
    kind, sign = _TYPES[row.type]
    if row.type == "fee" and row.external_id.startswith("action:"):
        # What a short position owes: the journal books it as a fee, programs know it as a dividend with a minus.
        kind = "DIV"
    return Activity(
        id=activity_id(row.occurred_at, uuid.uuid5(_NAMESPACE, f"entry:{row.id}")),
        type=kind,
        at=row.occurred_at,
        date=row.occurred_date,
        symbol=row.symbol,
        instrument_id=row.instrument_id,
        quantity=row.quantity,
        price=row.price,
        net_amount=row.amount * sign,
        cash=row.amount * sign,
        description=row.note or row.ratio,
        currency=row.currency,
    )
