"""Market data operations: daily bars from a file into the table, by COPY and one upsert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction

from marketdata.models import Instrument
from marketdata.operations.history import SIMULATED, backfill_history, revise
from marketdata.operations.loading.symbols import KnownInstrument
from marketdata.operations.prices import end_of
from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.operations.quotes import apply_quotes
from marketdata.providers.base import Capability, QuoteData
from marketdata.queries import splits

_STAGE = (
    "CREATE TEMP TABLE staged (sym int, date date, open numeric, high numeric, low numeric, close numeric,"
    " volume numeric) ON COMMIT DROP"
)
_CHUNK = 200

# What a price of a span of days is multiplied by to be one as traded, and a volume divided by.
_SPANS = "unnest(%s::int[], %s::bigint[], %s::date[], %s::date[], %s::numeric[], %s::numeric[])"
_SCALED = """
    SELECT {distinct} g.id, s.date, {prices},
           CASE WHEN g.shares = 1 THEN s.volume ELSE round(s.volume / g.shares) END AS volume
    FROM staged s JOIN {spans} AS g(sym, id, since, until, price, shares)
      ON g.sym = s.sym AND s.date >= g.since AND s.date < g.until
    {order}
"""
_AS_WRITTEN = "CASE WHEN g.price = 1 THEN s.{name} ELSE round(s.{name} * g.price, 6) END AS {name}"
# Yahoo divides by all splits, in 32-bit floats written with six digits: 645.57 comes back as 645.569960. Where a price of
# cents (or of hundredths of cents) is within what both take away, it was that. The error is that of a float's last digit,
# and of half the sixth digit as often as it is multiplied; never more than a hundred-thousandth of a tiny price.
_OF_FLOATS = """
    CASE WHEN abs(s.{name} * g.price - round(s.{name} * g.price, 2))
              <= s.{name} * g.price * 0.00000012 + least(0.0000006 * g.price, s.{name} * g.price * 0.00001)
         THEN round(s.{name} * g.price, 2)
         WHEN abs(s.{name} * g.price - round(s.{name} * g.price, 4))
              <= s.{name} * g.price * 0.00000012 + least(0.0000006 * g.price, s.{name} * g.price * 0.00001)
         THEN round(s.{name} * g.price, 4)
         WHEN g.price = 1 THEN s.{name}
         ELSE round(s.{name} * g.price, 6) END AS {name}"""


def _rows(adjusted: str, *, may_repeat: bool) -> str:
    """The statement that says what the staged rows are as traded."""
    form = _OF_FLOATS if adjusted == "split" else _AS_WRITTEN
    return _SCALED.format(
        prices=", ".join(form.format(name=name) for name in ("open", "high", "low", "close")),
        spans=_SPANS,
        # Of rows that a file has twice the later one counts.
        distinct="DISTINCT ON (g.id, s.date)" if may_repeat else "",
        order="ORDER BY g.id, s.date, s.ctid DESC" if may_repeat else "",
    )


_KNOWN = """
SELECT EXISTS (SELECT 1 FROM marketdata_pricebar
               WHERE instrument_id = ANY(%s::bigint[]) AND date BETWEEN %s::date AND %s::date)
"""
# What is there already is brought up to date, the rest is put in. (In a table in parts an upsert cannot say which of the
# two it did.) Numbers are compared as the table will hold them.
_CHANGE = """
UPDATE marketdata_pricebar b
SET open = n.open, high = n.high, low = n.low, close = n.close, volume = n.volume, source = %s
FROM ({rows}) n
WHERE b.instrument_id = n.id AND b.date = n.date
  AND b.instrument_id = ANY(%s::bigint[]) AND b.date BETWEEN %s::date AND %s::date
  AND (b.open, b.high, b.low, b.close, b.volume)
      IS DISTINCT FROM (round(n.open, 12), round(n.high, 12), round(n.low, 12), round(n.close, 12), round(n.volume, 12))
"""
_ADD = """
INSERT INTO marketdata_pricebar (instrument_id, date, open, high, low, close, volume, source)
SELECT n.id, n.date, n.open, n.high, n.low, n.close, n.volume, %s FROM ({rows}) n
"""
_UNLESS_THERE = "ON CONFLICT (instrument_id, date) DO NOTHING"
_TRADED = """
SELECT i.id, i.symbol FROM marketdata_instrument i
WHERE i.id = ANY(%s::bigint[]) AND EXISTS (
    SELECT 1 FROM marketdata_pricebar b
    WHERE b.instrument_id = i.id AND b.source <> %s AND b.source NOT LIKE '%%, adjusted for dividends'
)
"""
_DROP_ADJUSTED = """
WITH gone AS (
    DELETE FROM marketdata_pricebar
    WHERE instrument_id = ANY(%s::bigint[]) AND source LIKE '%%, adjusted for dividends' RETURNING instrument_id
)
SELECT i.symbol FROM marketdata_instrument i WHERE i.id IN (SELECT instrument_id FROM gone) ORDER BY i.symbol
"""
_ANCHOR = """
UPDATE marketdata_instrument i SET anchor_date = b.date, anchor_price = b.close
FROM unnest(%s::bigint[]) AS n(id)
CROSS JOIN LATERAL (
    SELECT date, close FROM marketdata_pricebar p WHERE p.instrument_id = n.id ORDER BY date DESC LIMIT 1
) b
WHERE i.id = n.id AND b.close > 0
"""
_LAST_TWO = """
SELECT n.id, b.date, b.close, b.source
FROM unnest(%s::bigint[]) AS n(id)
CROSS JOIN LATERAL (
    SELECT date, close, source FROM marketdata_pricebar p WHERE p.instrument_id = n.id ORDER BY date DESC LIMIT 2
) b
ORDER BY n.id, b.date DESC
"""


@dataclass(slots=True)
class Counts:
    """Prices that were new, that replaced others, and that were there already."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)

    def plus(self, other: Counts) -> Counts:
        """Add up two parts of a file."""
        return Counts(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.notes + other.notes,
        )


def stage(cursor: Any, rows: Iterable[str]) -> None:
    """Copy checked rows into a temporary table, a few thousand at a time."""
    cursor.execute("DROP TABLE IF EXISTS pg_temp.staged")
    cursor.execute(_STAGE)
    with cursor.copy("COPY staged FROM STDIN") as copy:
        chunk: list[str] = []
        for row in rows:
            chunk.append(row)
            if len(chunk) == _CHUNK:
                copy.write("".join(chunk))
                chunk.clear()
        copy.write("".join(chunk))


def merge(
    cursor: Any, known: Sequence[KnownInstrument], adjusted: str, *, source: str, may_repeat: bool = True
) -> Counts:
    """Bring the staged rows of known instruments into the table as traded; return what was new and what
    changed. `may_repeat`: a day may be among the rows more than once."""
    if not known:
        return Counts()
    notes: list[str] = []
    if adjusted == "total":
        # Such closes are no prices anybody paid: they are never mixed with those that are.
        cursor.execute(_TRADED, [[instrument.instrument_id for instrument in known], SIMULATED])
        traded = dict(cursor.fetchall())
        if traded:
            known = [instrument for instrument in known if instrument.instrument_id not in traded]
            notes.append("left alone, they have prices as traded: " + ", ".join(sorted(traded.values())))
    if not known:
        return Counts(notes=notes)
    ids = sorted({instrument.instrument_id for instrument in known})
    last_days = _last_days(cursor, known)
    if adjusted != "total":
        notes += _give_way(cursor, ids)
    cursor.execute(
        "DELETE FROM marketdata_pricebar WHERE instrument_id = ANY(%s::bigint[]) AND source = %s",
        [ids, SIMULATED],
    )
    cursor.execute(
        "DELETE FROM marketdata_corporateaction WHERE instrument_id = ANY(%s::bigint[]) AND source = %s",
        [ids, SIMULATED],
    )
    spans = spans_of(known, last_days if adjusted == "split" else {})
    # Two symbols of the file may mean one instrument.
    rows = _rows(adjusted, may_repeat=may_repeat or len(ids) < len(known))
    cursor.execute(
        "SELECT count(*), min(date), max(date) FROM staged WHERE sym = ANY(%s::int[])",
        [[instrument.number for instrument in known]],
    )
    staged, first, last = cursor.fetchone()
    changed = 0
    cursor.execute(_KNOWN, [ids, first, last])
    if cursor.fetchone()[0]:
        cursor.execute(_CHANGE.format(rows=rows), [source, *spans.columns(), ids, first, last])
        changed = cursor.rowcount
        cursor.execute(_ADD.format(rows=rows) + _UNLESS_THERE, [source, *spans.columns()])
    else:
        _add_all(cursor, _ADD.format(rows=rows), [source, *spans.columns()])
    added = cursor.rowcount
    cursor.execute(_ANCHOR, [ids])
    if added or changed:
        revise(ids)
    return Counts(added=added, changed=changed, unchanged=staged - added - changed, notes=notes)


def _add_all(cursor: Any, statement: str, parameters: list[Any]) -> None:
    """Put rows in where none are: a quarter faster than looking for each first. Where somebody else was quicker with one
    of them, look after all."""
    try:
        with transaction.atomic():
            cursor.execute(statement, parameters)
    except IntegrityError:
        cursor.execute(statement + _UNLESS_THERE, parameters)


def _give_way(cursor: Any, ids: list[int]) -> list[str]:
    """Closes adjusted for dividends go where prices as traded come; a note says whose."""
    cursor.execute(_DROP_ADJUSTED, [ids])
    gone = [symbol for (symbol,) in cursor.fetchall()]
    return [f"closes adjusted for dividends gave way to prices as traded: {', '.join(gone)}"] if gone else []


def _last_days(cursor: Any, known: Sequence[KnownInstrument]) -> dict[int, date]:
    """The last day of each instrument in the file: what its prices were adjusted for happened up to then."""
    cursor.execute("SELECT sym, max(date) FROM staged GROUP BY sym")
    by_number = dict(cursor.fetchall())
    return {i.instrument_id: by_number[i.number] for i in known if i.number in by_number}


@dataclass(slots=True)
class Spans:
    """Columns: symbol number, instrument, from and until which day, and what prices and shares are scaled by
    then."""

    numbers: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    since: list[date] = field(default_factory=list)
    until: list[date] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    shares: list[Decimal] = field(default_factory=list)

    def add(self, instrument: KnownInstrument, since: date, until: date, shares: Decimal) -> None:
        """Add a span of days: a share then is `shares` shares in the file's count."""
        self.numbers.append(instrument.number)
        self.ids.append(instrument.instrument_id)
        self.since.append(since)
        self.until.append(until)
        self.prices.append(shares / instrument.units)
        self.shares.append(shares)

    def columns(self) -> list[Any]:
        """As parameters of a statement."""
        return [self.numbers, self.ids, self.since, self.until, self.prices, self.shares]


def spans_of(known: Sequence[KnownInstrument], adjusted_through: dict[int, date]) -> Spans:
    """For each instrument the spans of days and what its prices and shares are scaled by in them.

    A split on or before the day through which the file is adjusted multiplies the prices before it back up.
    """
    history = splits(list(adjusted_through)) if adjusted_through else {}
    spans = Spans()
    for instrument in known:
        through = adjusted_through.get(instrument.instrument_id)
        undone = [
            (ex_date, ratio)
            for ex_date, ratio in history.get(instrument.instrument_id, [])
            if through is not None and ex_date <= through
        ]
        until, shares = date.max, Decimal(1)
        for ex_date, ratio in reversed(undone):
            spans.add(instrument, ex_date, until, shares)
            until, shares = ex_date, shares * ratio
        spans.add(instrument, date.min, until, shares)
    return spans


def requote(instrument_ids: Sequence[int], *, now: datetime, source: str) -> None:
    """Let the latest quotes follow new bars: simulated instruments go on from the last real close, others
    show it."""
    ids = list(instrument_ids)
    instruments = Instrument.objects.in_bulk(ids)
    backfill_history(
        now=now, instrument_ids=[pk for pk in ids if pk in instruments and instruments[pk].is_simulated]
    )
    providing = names_with(Capability.QUOTES)
    answers: list[QuoteData] = []
    by_name: dict[str, list[Instrument]] = {}
    for instrument in instruments.values():
        if instrument.provider in providing:
            by_name.setdefault(instrument.provider, []).append(instrument)
    for name, served in by_name.items():
        if provider_named(name).is_simulated:
            answers += provider_named(name).quotes([ref_of(instrument) for instrument in served], now).quotes
    by_hand = [pk for pk, instrument in instruments.items() if instrument.provider not in providing]
    apply_quotes(quotes=[*answers, *_closing_quotes(by_hand, now, source)], now=now, is_trusted=True)


def _closing_quotes(ids: list[int], now: datetime, source: str) -> list[QuoteData]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_TWO, [ids])
        newest: dict[int, list[tuple[date, Decimal]]] = {}
        for pk, day, close, _ in cursor.fetchall():
            newest.setdefault(pk, []).append((day, close))
    return [
        QuoteData(
            instrument_id=pk,
            last=closes[0][1],
            previous_close=closes[1][1] if len(closes) > 1 else None,
            quoted_at=end_of(closes[0][0], now),
            source=f"file {source}"[:60],
        )
        for pk, closes in newest.items()
    ]
