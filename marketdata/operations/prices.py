"""Market data operations: prices kept by hand: entered, corrected, deleted, loaded from a file of one's own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import TextIOWrapper
from typing import IO, Any

from django.db import connection, transaction

from marketdata.domain.validation import PRICE_LIMIT
from marketdata.events import PricesRefreshed
from marketdata.importers.price_files import Fault, Form, NotAPriceFile, begin, copy_rows
from marketdata.models import Instrument, PriceBar, Quote
from marketdata.operations.history import revise
from marketdata.operations.quotes import apply_quotes
from marketdata.providers.base import QuoteData
from marketdata.queries import InstrumentNotFound
from marketdata.queries.quotes import forget
from portfolio_site.kernel.errors import DomainError, ForbiddenError
from portfolio_site.kernel.events import publish

MANUAL_SOURCE = "manual"
EARLIEST = date(1800, 1, 1)
#: A file of prices of one thing is small; more is another file.
MOST_ROWS = 50_000
_MOST_FAULTS = 50


class PriceRefused(DomainError):
    """A price that cannot be entered like this; `field` says where."""

    code = "price_refused"


@dataclass(slots=True, kw_only=True)
class OwnPricesLoaded:
    """What became of a file of prices; the faulty rows of it by line, the first ones."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)


def record_price(*, instrument_id: int, day: date, price: Decimal, actor: Any, now: datetime) -> PriceBar:
    """Enter what a hand-kept instrument was worth at the end of a day; a second entry for a day replaces the
    first.

    The latest day's price becomes the quote. One's own instruments may be priced by oneself, shared ones by
    who may change prices in the admin, and only where no provider serves them. Raises `PriceRefused`,
    `ForbiddenError`, `InstrumentNotFound`.
    """
    if not price.is_finite() or price < 0 or price >= PRICE_LIMIT:
        raise PriceRefused("Enter a price of zero or more.", field="price")
    if day > now.astimezone(UTC).date():
        raise PriceRefused("A price cannot be of a day to come.", field="date")
    if day < EARLIEST:
        raise PriceRefused("That day is too long ago.", field="date")
    with transaction.atomic():
        instrument = _hand_kept(instrument_id, actor)
        bar, _ = PriceBar.objects.update_or_create(
            instrument=instrument,
            date=day,
            defaults={"close": price, "open": None, "high": None, "low": None, "source": MANUAL_SOURCE},
        )
        _follow(instrument, now=now)
    return bar


def delete_price(*, instrument_id: int, day: date, actor: Any, now: datetime) -> bool:
    """Remove the price of a day from a hand-kept instrument; the latest one that is left becomes the quote. False
    when there was none. Raises as `record_price` does."""
    with transaction.atomic():
        instrument = _hand_kept(instrument_id, actor)
        deleted, _ = PriceBar.objects.filter(instrument=instrument, date=day).delete()
        if deleted:
            _follow(instrument, now=now)
    return bool(deleted)


def load_own_prices(*, instrument_id: int, file: IO[bytes], actor: Any, now: datetime) -> OwnPricesLoaded:
    """Take a CSV file of one instrument's prices (`date,close`, with or without open, high, low and volume) as if
    they had been entered by hand.

    Good rows are stored in one transaction, faulty ones told by line. Columns may be separated by commas, semicolons
    or tabs; with semicolons the decimal sign may be a comma. Raises `PriceRefused` for what is no such file, and as
    `record_price` does.
    """
    loaded = OwnPricesLoaded()

    def on_fault(fault: Fault) -> None:
        loaded.fault_count += 1
        if len(loaded.faults) < _MOST_FAULTS:
            loaded.faults.append(fault)

    with transaction.atomic():
        instrument = _hand_kept(instrument_id, actor)
        try:
            reader = _Rows(TextIOWrapper(file, encoding="utf-8-sig", newline=""))
            reading = begin(
                reader, on_fault=on_fault, today=now.astimezone(UTC).date(), symbol=instrument.symbol
            )
            if reading.form is not Form.TIDY or "symbol" in reading.header:
                raise PriceRefused(
                    "The file should have the columns date and close, and be of this instrument alone.",
                    field="file",
                )
            lines = list(copy_rows(reader, reading))
        except NotAPriceFile as error:
            raise PriceRefused(f"That is not a file of prices: {error}.", field="file") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise PriceRefused(
                "That is not a text file with columns (CSV, in UTF-8).", field="file"
            ) from error
        loaded.rows = reading.rows
        if lines:
            _merge(instrument, lines, loaded)
            _follow(instrument, now=now)
    return loaded


class _Rows(Iterator[list[str]]):
    """The rows of a small CSV file, whatever stands between the columns; counts lines as `csv.reader` does."""

    def __init__(self, text: TextIOWrapper) -> None:
        first = text.readline()
        self._sign = max(",;\t", key=first.count)
        self._reader = csv.reader(self._lines(first, text), delimiter=self._sign, strict=True)
        self._count = 0

    def _lines(self, first: str, rest: TextIOWrapper) -> Iterator[str]:
        yield first
        yield from rest

    @property
    def line_num(self) -> int:
        """The line on which the current row ended."""
        return self._reader.line_num

    def __next__(self) -> list[str]:
        row = next(self._reader)
        self._count += 1
        if self._count > MOST_ROWS:
            raise PriceRefused(f"A file may have {MOST_ROWS:,} rows at most.", field="file")
        if self._sign == ";":
            return [_with_point(cell) for cell in row]
        return row


def _with_point(cell: str) -> str:
    """`1.234,56` → `1234.56`; what has no comma stays."""
    return cell.replace(".", "").replace(",", ".") if "," in cell else cell


def _hand_kept(instrument_id: int, actor: Any) -> Instrument:
    """The instrument, locked, if this person may price it by hand."""
    instrument = Instrument.objects.visible_to(actor).filter(pk=instrument_id).first()
    if instrument is None:
        raise InstrumentNotFound
    if instrument.provider != "manual":
        raise PriceRefused("This instrument gets its prices from a provider.", code="not_hand_kept")
    is_shared = instrument.owner_id is None
    if instrument.owner_id != actor.pk and not (is_shared and actor.has_perm("marketdata.change_quote")):
        raise ForbiddenError("You may only price instruments of your own.")
    return Instrument.objects.select_for_update().get(pk=instrument_id)


_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS own_prices
    (sym int, date date, open numeric, high numeric, low numeric, close numeric, volume numeric) ON COMMIT DROP
"""
_MERGE = """
WITH stored AS (
    INSERT INTO marketdata_pricebar AS b (instrument_id, date, open, high, low, close, volume, source)
    SELECT DISTINCT ON (date) %s, date, open, high, low, close, volume, %s
    FROM own_prices ORDER BY date, ctid DESC
    ON CONFLICT (instrument_id, date) DO UPDATE SET
        open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
        volume = EXCLUDED.volume, source = EXCLUDED.source
    WHERE (b.open, b.high, b.low, b.close, b.volume)
        IS DISTINCT FROM (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close, EXCLUDED.volume)
    RETURNING 1
)
SELECT (SELECT count(*) FROM stored), count(DISTINCT s.date),
       count(DISTINCT s.date) FILTER (WHERE b.date IS NOT NULL)
FROM own_prices s LEFT JOIN marketdata_pricebar b ON b.instrument_id = %s AND b.date = s.date
"""


def _merge(instrument: Instrument, lines: list[str], loaded: OwnPricesLoaded) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        cursor.execute("TRUNCATE own_prices")
        raw: Any = cursor.cursor
        with raw.copy("COPY own_prices FROM STDIN") as copy:
            for line in lines:
                copy.write(line)
        # What was known is counted as it was before: a statement sees nothing of its own changes.
        cursor.execute(_MERGE, [instrument.pk, MANUAL_SOURCE, instrument.pk])
        stored, days, known = cursor.fetchone()
    loaded.added = days - known
    loaded.changed = stored - loaded.added
    loaded.unchanged = days - stored


def _follow(instrument: Instrument, *, now: datetime) -> None:
    """Let the quote be the latest price there is; nothing where there is none, or the thing is worth nothing."""
    revise([instrument.pk])
    if Quote.objects.filter(instrument=instrument, is_held=True).exists():
        return
    bars = PriceBar.objects.filter(instrument=instrument).order_by("-date")
    newest = list(bars.values_list("date", "close")[:2])
    Quote.objects.filter(instrument=instrument).delete()
    if newest and newest[0][1] > 0:
        apply_quotes(
            quotes=[
                QuoteData(
                    instrument_id=instrument.pk,
                    last=newest[0][1],
                    previous_close=newest[1][1] if len(newest) > 1 else None,
                    quoted_at=end_of(newest[0][0], now),
                    source=MANUAL_SOURCE,
                )
            ],
            now=now,
            is_trusted=True,
        )
        return
    publish(PricesRefreshed(instrument_ids=[instrument.pk], at=now))
    transaction.on_commit(lambda: forget([instrument.pk]))


def end_of(day: date, now: datetime) -> datetime:
    """Return the last instant of a UTC day, or now where that is still to come."""
    return min(datetime.combine(day, time.max, tzinfo=UTC), now)
