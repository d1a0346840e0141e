"""What trading asks of a paper portfolio's journal: when it began, its splits, and what was booked beside the trades."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Sum

from holdings.domain.numbers import quotient, scaled
from holdings.models import Position, Transaction
from holdings.models.journal import TransactionQuerySet
from holdings.queries.journal import ratio_of

_COMING = ("buy", "delivery_in")
_GOING = ("sell", "delivery_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEntry:
    """An entry that is no trade. `amount` is not negative: the type says which way it goes."""

    id: int
    type: str
    occurred_at: datetime
    occurred_date: date
    instrument_id: int | None
    symbol: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal
    currency: str
    ratio: str
    note: str
    external_id: str


def journal_begins_at(portfolio_id: int) -> datetime | None:
    """The instant of the first entry that counts; None while there is none. One statement."""
    return (
        Transaction.objects.filter(portfolio_id=portfolio_id)
        .counting()
        .order_by("occurred_at", "sequence")
        .values_list("occurred_at", flat=True)
        .first()
    )


def splits_of(portfolio_id: int, instrument_ids: Iterable[int]) -> list[tuple[int, datetime, Decimal]]:
    """(instrument, instant, new units per old one) of the splits that count. One statement."""
    rows = (
        Transaction.objects.filter(
            portfolio_id=portfolio_id, type="split", instrument_id__in=list(instrument_ids)
        )
        .counting()
        .order_by("occurred_at", "sequence")
        .values_list("instrument_id", "occurred_at", "ratio")
    )
    found = []
    for pk, at, text in rows:
        ratio = ratio_of(text)
        if ratio is not None:
            found.append((pk, at, quotient(Decimal(ratio.numerator), Decimal(ratio.denominator))))
    return found


def position_costs(portfolio_id: int) -> dict[int, tuple[Decimal, Decimal]]:
    """(units, cost in the instrument's currency) by instrument, over all accounts; closed ones are left out. One
    statement."""
    rows = (
        Position.objects.filter(portfolio_id=portfolio_id)
        .values_list("instrument_id")
        .annotate(Sum("quantity"), Sum("cost_basis"))
    )
    return {pk: (quantity, cost) for pk, quantity, cost in rows if quantity}


def entries_beside_trades(
    portfolio_id: int,
    *,
    types: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    ascending: bool = False,
    limit: int = 100,
    symbol: str = "",
) -> list[PaperEntry]:
    """Entries that count and are no trades, newest first (or oldest first); `since` and `until` are exclusive; `symbol`
    leaves those whose instrument's symbol begins so. One statement."""
    rows = (
        Transaction.objects.filter(portfolio_id=portfolio_id)
        .counting()
        .exclude(type__in=["buy", "sell"])
        .select_related("instrument")
    )
    if types is not None:
        rows = rows.filter(type__in=list(types))
    if since is not None:
        rows = rows.filter(occurred_at__gt=since)
    if until is not None:
        rows = rows.filter(occurred_at__lt=until)
    if symbol:
        rows = rows.filter(instrument__symbol__istartswith=symbol)
    order = ("occurred_at", "pk") if ascending else ("-occurred_at", "-pk")
    return [
        PaperEntry(
            id=row.pk,
            type=row.type,
            occurred_at=row.occurred_at,
            occurred_date=row.occurred_date,
            instrument_id=row.instrument_id,
            symbol=row.instrument.symbol if row.instrument is not None else "",
            quantity=row.quantity,
            price=row.price,
            amount=row.amount or Decimal(0),
            currency=row.currency,
            ratio=row.ratio,
            note=row.note,
            external_id=row.external_id,
        )
        for row in rows.order_by(*order)[:limit]
    ]


_OWING = """
SELECT portfolio_id FROM holdings_cashbalance WHERE balance < 0
UNION
SELECT portfolio_id FROM holdings_position WHERE quantity < 0
ORDER BY 1
"""

_HELD_BEFORE = """
SELECT p.portfolio_id, p.quantity - coalesce(t.traded, 0)
FROM (
    SELECT portfolio_id, sum(quantity) AS quantity FROM holdings_position
    WHERE instrument_id = %(instrument)s AND (%(portfolio)s::bigint IS NULL OR portfolio_id = %(portfolio)s)
    GROUP BY portfolio_id
) p
JOIN holdings_portfolio f ON f.id = p.portfolio_id AND f.kind = 'paper' AND f.archived_at IS NULL
LEFT JOIN (
    SELECT x.portfolio_id, sum(CASE WHEN x.type = 'buy' THEN x.quantity ELSE -x.quantity END) AS traded
    FROM holdings_transaction x
    WHERE x.instrument_id = %(instrument)s AND x.type IN ('buy', 'sell') AND x.occurred_at >= %(since)s
      AND (%(portfolio)s::bigint IS NULL OR x.portfolio_id = %(portfolio)s)
      AND NOT EXISTS (SELECT 1 FROM holdings_transactionvoid v WHERE v.transaction_id = x.id)
    GROUP BY x.portfolio_id
) t ON t.portfolio_id = p.portfolio_id
WHERE p.quantity - coalesce(t.traded, 0) <> 0
ORDER BY 1
"""


def units_traded_since(portfolio_id: int, instrument_id: int, since: datetime) -> Decimal:
    """Units of an instrument that came into a portfolio (negative: left it) by trades and deliveries at or after an instant. One
    statement."""
    rows = (
        Transaction.objects.filter(
            portfolio_id=portfolio_id, instrument_id=instrument_id, occurred_at__gte=since, void__isnull=True
        )
        .filter(type__in=[*_COMING, *_GOING])
        .values_list("type")
        .annotate(Sum("quantity"))
    )
    return sum((units if kind in _COMING else -units for kind, units in rows), Decimal(0))


def portfolios_that_owe() -> list[int]:
    """Portfolios with a debit balance or a short position. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OWING)
        return [row[0] for row in cursor.fetchall()]


def paper_holders_before(
    instrument_id: int, since: datetime, *, portfolio_id: int | None = None
) -> dict[int, Decimal]:
    """Units of an instrument that each paper portfolio (or that one) held just before an instant, negative when short.

    What was traded since is taken away again; where the units were split since, they are counted from the first entry on.
    Two statements, and another where there was such a split.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HELD_BEFORE, {"instrument": instrument_id, "since": since, "portfolio": portfolio_id})
        found: dict[int, Decimal] = dict(cursor.fetchall())
    entries = Transaction.objects.filter(
        instrument_id=instrument_id, portfolio__kind="paper", portfolio__archived_at__isnull=True
    ).counting()
    if portfolio_id is not None:
        entries = entries.filter(portfolio_id=portfolio_id)
    split = list(
        entries.filter(type="split", occurred_at__gte=since).values_list("portfolio_id", flat=True).distinct()
    )
    if split:
        found = {pk: units for pk, units in found.items() if pk not in split}
        found |= _units_by_entries(entries.filter(portfolio_id__in=split, occurred_at__lt=since))
    return found


def _units_by_entries(entries: TransactionQuerySet) -> dict[int, Decimal]:
    held: dict[int, Decimal] = defaultdict(Decimal)
    rows = entries.filter(type__in=["buy", "sell", "split"]).in_order()
    for portfolio_id, kind, units, text in rows.values_list("portfolio_id", "type", "quantity", "ratio"):
        ratio = ratio_of(text) if kind == "split" else None
        if ratio is not None:
            held[portfolio_id] = scaled(held[portfolio_id], ratio)
        else:
            held[portfolio_id] += (units or 0) * (1 if kind == "buy" else -1)
    return {pk: units for pk, units in held.items() if units}
