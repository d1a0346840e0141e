"""The print shop: decimals, days and instants as the reader writes them. Text only; nothing here changes a stored value."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from .data import Locale

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def decimal_text(value: Decimal, *, places: int | None, locale: Locale, signed: bool = False) -> str:
    """``value`` with the locale's separators.

    ``places``: decimal places (rounded half even); None keeps every digit but trailing zeros. ``signed`` writes a plus sign.
    """
    if places is not None:
        value = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = format(abs(value), "f")
    whole, _, fraction = text.partition(".")
    if places is None:
        fraction = fraction.rstrip("0")
    groups = []
    while len(whole) > 3:
        groups.append(whole[-3:])
        whole = whole[:-3]
    groups.append(whole)
    text = locale.group_separator.join(reversed(groups))
    if fraction:
        text += locale.decimal_separator + fraction
    is_zero = value == 0
    if value < 0 and not is_zero:
        return MINUS + text
    return "+" + text if signed and not is_zero else text


def percent_text(fraction: Decimal, *, locale: Locale, signed: bool = False) -> str:
    """A fraction as percent with two decimals: 0.0512 → ``5.12 %``."""
    return decimal_text(fraction * 100, places=2, locale=locale, signed=signed) + "\N{NO-BREAK SPACE}%"


def day_text(day: date, locale: Locale) -> str:
    """A day in the reader's pattern."""
    return day.strftime(locale.date_pattern)


def instant_text(instant: datetime, locale: Locale) -> str:
    """An instant in the reader's time zone, to the minute, with the zone's short name."""
    local = instant.astimezone(ZoneInfo(locale.time_zone))
    return f"{day_text(local.date(), locale)} {local:%H:%M} {local:%Z}"
