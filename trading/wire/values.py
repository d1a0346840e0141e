"""The wire's values: how numbers and times are written, and how they are read.

Money, prices and quantities leave as strings, exact, without trailing zeros. They come in as strings or numbers and
are read from their text, never by way of binary floating point.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from trading.wire.errors import invalid

NEW_YORK = ZoneInfo("America/New_York")
#: Wide enough for any product of two columns.
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
#: What the columns hold: 16 digits before the point, 12 behind it. Nothing sane needs more of the former than this.
_MOST_DIGITS = 15
_MOST_DECIMALS = 12
#: A price computed in binary floating point is written with up to 17 digits: whether it is on the grid is the market's to say.
_MOST_OF_A_PRICE = 20
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,12}))?(Z|z|[+ -]\d{2}:?\d{2})?)?"
)


def text_of(value: Decimal | int) -> str:
    """A number as the wire writes it: plain notation, trailing zeros cut, no negative zero."""
    text = f"{Decimal(value):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def optional_text(value: Decimal | int | None) -> str | None:
    """The same, null staying null."""
    return None if value is None else text_of(value)


def rounded(value: Decimal, places: int) -> Decimal:
    """``value`` to so many places, half even."""
    return value.quantize(Decimal(1).scaleb(-places), context=EXACT)


def number_of(value: Decimal | float | None) -> float | int | None:
    """A JSON number, for market data and histories: whole numbers stay whole."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else float(value)


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with all six places that are kept."""
    return None if value is None else moment(value)


def moment(value: datetime) -> str:
    """The same, of an instant that is there."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def new_york(value: datetime) -> str:
    """RFC 3339 in New York, as clock and calendar tell time."""
    return value.astimezone(NEW_YORK).isoformat()


def read_number(value: Any, field: str) -> Decimal:
    """A finite number from a string, or from a JSON number as it was written.

    Raises ``WireError`` (422, 40010001) for anything else, for more digits than any amount has, and for 1e400.
    """
    if isinstance(value, Decimal):
        text = str(value)
    elif isinstance(value, str):
        text = value.strip()
    else:
        raise invalid(f"{field} must be a number")
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        raise invalid(f"{field} must be a number")
    number = Decimal(text)
    if number and (number.adjusted() >= _MOST_DIGITS or number.adjusted() < -40):
        raise invalid(f"{field} is out of range")
    return number


def read_positive(value: Any, field: str, *, most: int = _MOST_DECIMALS) -> Decimal:
    """A number greater than zero (-0 is not) with at most so many places that count."""
    label = field.replace("_", " ")
    number = read_number(value, field)
    if number <= 0:
        raise invalid(f"{label} must be > 0")
    exponent = number.normalize(EXACT).as_tuple().exponent
    if isinstance(exponent, int) and -exponent > most:
        raise invalid(f"{label} has more than {most} decimals")
    return number


def read_price(value: Any, field: str) -> Decimal:
    """A price: the same, with the noise that arithmetic in floats leaves behind (``100.10000000000001``)."""
    return read_positive(value, field, most=_MOST_OF_A_PRICE)


def read_instant(text: str, field: str, *, end_of_day: bool = False) -> datetime:
    """An instant from RFC 3339, also with a space where a plus sign was not encoded, or from a bare date.

    Places beyond the sixth are cut. A bare date is New York midnight, the end of that day with ``end_of_day``. Raises
    ``WireError`` (422).
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        raise invalid(f"invalid {field}: {text[:60]!r} is not a time")
    try:
        day, clock, fraction, offset = found.groups()
        if clock is None:
            whole = date.fromisoformat(day)
            at = time.max if end_of_day else time.min
            return datetime.combine(whole, at, tzinfo=NEW_YORK).astimezone(UTC)
        zone = (offset or "Z").upper().replace(" ", "+")
        micro = (fraction or "0")[:6].ljust(6, "0")
        value = datetime.fromisoformat(
            f"{day}T{clock if clock.count(':') == 2 else clock + ':00'}.{micro}{zone}"
        )
        return value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(f"invalid {field}: {text[:60]!r} is not a time") from None


def read_date(text: str, field: str) -> date:
    """A day, from a date or the date part of an instant as written. Raises ``WireError`` (422)."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise invalid(f"invalid {field}: {text[:60]!r} is not a date") from None


def read_bool(text: str, field: str) -> bool:
    """``True``, ``true`` or ``1``, and their opposites. Raises ``WireError`` (422)."""
    word = text.strip().lower()
    if word in {"true", "1", "yes"}:
        return True
    if word in {"false", "0", "no", ""}:
        return False
    raise invalid(f"invalid {field}: {text[:60]!r} is neither true nor false")


def read_uuid(text: str) -> UUID | None:
    """A UUID in its usual form; None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if len(text) in {32, 36} else None


def read_words(text: str) -> list[str]:
    """The words of a comma-joined list, without blanks, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
