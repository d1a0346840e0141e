"""The ground floor: numbers, money and times as a person reads them, in the person's locale.

Words stay English; separators, symbol positions and the order of a date follow the locale. Decimal in,
text out: a float raises `TypeError`. Nothing here rounds for the books, only for the eye.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Container
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from typing import Final, Literal

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date as _format_date
from babel.dates import format_skeleton
from babel.dates import format_time as _format_time
from babel.numbers import format_currency, format_decimal, format_percent
from django.utils import timezone

from .money import minor_digits

DEFAULT_LOCALE: Final = "en-us"
#: A real minus sign: as wide as a plus, and read out as "minus".
MINUS: Final = "\N{MINUS SIGN}"
#: What stands where there is no value.
NONE: Final = "\N{EN DASH}"

Sign = Literal["auto", "always"]
TimeStyle = Literal["datetime", "date", "time", "short"]
WriteDecimal = Callable[[Decimal], str]

# Babel quantises in the current context; numeric(28,12) sums need more than the default 28 digits.
_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CODE_BEFORE_DIGIT: Final = re.compile(r"([A-Za-z])(\d)")
#: A number that stands alone; times of day (14:03:05), days and parts of words or ids are none.
_ALONE: Final = re.compile(r"(?<![\w.:-])(\d+(?:\.\d+)?)(?![\w:]|\.\d|-\w)", re.ASCII)
#: More digits than this are no figure that anybody reads.
_LONGEST: Final = 40
# Languages and regions told apart when a browser, not a person's profile, says what it prefers.
_OFFERED: Final = [
    *("en_US", "en_GB", "en_AU", "en_CA", "en_IE", "en_NZ", "en_IN", "de_DE", "de_AT", "de_CH", "es_ES"),
    *("fr_FR", "fr_CH", "it_IT", "nl_NL", "pl_PL", "pt_BR", "pt_PT", "sv_SE", "da_DK", "nb_NO", "fi_FI"),
    *("cs_CZ", "ja_JP", "en", "de", "es", "fr", "it", "nl", "pl", "pt", "sv", "da", "nb", "fi", "cs", "ja"),
]


@lru_cache(maxsize=64)
def parse_locale(code: str) -> Locale:
    """Return the Babel locale for a tag such as `de-ch`; English (US) for one that is not known."""
    try:
        return Locale.parse(code.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale.parse(DEFAULT_LOCALE, sep="-")


def negotiate(accept_language: str) -> str:
    """Pick the locale that suits an `Accept-Language` header best."""
    wanted = [part.split(";")[0].strip() for part in accept_language.split(",") if part.strip()][:12]
    found = negotiate_locale([tag.replace("-", "_") for tag in wanted], _OFFERED)
    return (found or DEFAULT_LOCALE).replace("_", "-").lower()


def format_money(
    value: Decimal,
    currency: str,
    *,
    locale: str = DEFAULT_LOCALE,
    digits: int | None = None,
    sign: Sign = "auto",
) -> str:
    """Write an amount with its currency: `$1,234.50`, `1.234,50 €`, `BTC 0.12500000` cut to `BTC 0.125`.

    `digits` fixes the decimal places; otherwise the currency's own, and trailing zeros of coins are cut.
    """
    _require_decimal(value)
    places = minor_digits(currency) if digits is None else digits
    if digits is None and places > 4:
        return _with_sign(value, lambda v: _currency(v, currency, locale, 2, places), sign)
    return _with_sign(value, lambda v: _currency(v, currency, locale, places, places), sign)


def format_price(value: Decimal, currency: str = "", *, locale: str = DEFAULT_LOCALE) -> str:
    """Write a market price: two decimals, or as many as a small price needs (eight at most)."""
    _require_decimal(value)
    least = min(minor_digits(currency), 2) if currency else 2
    most = max(least, price_digits(value))
    if not currency:
        return _with_sign(value, lambda v: _decimal(v, locale, least, most), "auto")
    return _with_sign(value, lambda v: _currency(v, currency, locale, least, most), "auto")


def price_digits(value: Decimal) -> int:
    """Return how many decimals a price of this size is worth: 2 from 10 up, 4 from 1, then up to 8."""
    size = abs(value)
    if size >= 10 or not size:
        return 2
    return 4 if size >= 1 else min(8, 4 - size.adjusted())


def format_number(
    value: Decimal | int,
    *,
    locale: str = DEFAULT_LOCALE,
    digits: int | None = None,
    most: int | None = None,
    sign: Sign = "auto",
) -> str:
    """Write a plain number with exactly `digits` decimals, or up to `most` (12) without trailing zeros."""
    number = Decimal(value) if isinstance(value, int) else value
    _require_decimal(number)
    least, upper = (digits, digits) if digits is not None else (0, 12 if most is None else most)
    return _with_sign(number, lambda v: _decimal(v, locale, least, upper), sign)


def format_sentence(text: str, *, locale: str = DEFAULT_LOCALE, but: Container[str] = ()) -> str:
    """Write the numbers that stand alone in a sentence as the locale does, to the digit: `needs 1000000.00 USD` becomes
    `needs 1,000,000.00 USD`. Times, days, ids and what is in `but` (a symbol of digits) stay as they are.
    """
    return "".join(
        part if is_text else figure_text(part, locale=locale) for is_text, part in figures_in(text, but=but)
    )


def figures_in(text: str, *, but: Container[str] = ()) -> list[tuple[bool, str]]:
    """Take a sentence apart: (is text, part), the numbers that stand alone for themselves."""
    return [(index % 2 == 0 or part in but, part) for index, part in enumerate(_ALONE.split(text)) if part]


def figure_text(number: str, *, locale: str = DEFAULT_LOCALE) -> str:
    """Write a number that is a text (`1000000.00`) with the locale's separators and as many decimals."""
    whole, _, fraction = number.partition(".")
    if len(number) > _LONGEST or (len(whole) > 1 and whole.startswith("0")):
        return number
    return format_number(Decimal(number), locale=locale, digits=len(fraction))


def format_percent_of(
    fraction: Decimal, *, locale: str = DEFAULT_LOCALE, digits: int = 2, sign: Sign = "auto"
) -> str:
    """Write a fraction as a percentage: `0.1234` is `12.34%`."""
    _require_decimal(fraction)
    pattern = _percent_pattern(locale, digits)
    with localcontext(_CONTEXT):
        return _with_sign(fraction, lambda v: format_percent(v, pattern, locale=parse_locale(locale)), sign)


def format_when(
    value: dt.datetime | dt.date, style: TimeStyle = "datetime", *, locale: str = DEFAULT_LOCALE
) -> str:
    """Write an instant in the active time zone, or a day. `short` is the time alone for today."""
    if not isinstance(value, dt.datetime):
        return _day(value, locale)
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    clock = _format_time(local, "short", locale=parse_locale(locale)).replace(
        "\N{NARROW NO-BREAK SPACE}", "\xa0"
    )
    if style == "time":
        return clock
    if style == "date":
        return _day(local.date(), locale)
    if style == "short" and local.date() == timezone.localdate():
        return clock
    return f"{_day(local.date(), locale)}, {clock}"


def format_ago(value: dt.datetime, *, now: dt.datetime) -> str:
    """Say how long ago, in words: `just now`, `4 minutes ago`, `in 2 days`."""
    seconds = int((now - value).total_seconds())
    size = abs(seconds)
    if size < 45:
        return "just now"
    for limit, unit, name in (
        (3_300, 60, "minute"),
        (82_800, 3_600, "hour"),
        (2_592_000, 86_400, "day"),
        (28_512_000, 2_592_000, "month"),
        (10**12, 31_536_000, "year"),
    ):
        if size < limit:
            count = max(1, round(size / unit))
            words = f"{count} {name}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "long ago"


def _day(value: dt.date, locale: str) -> str:
    parsed = parse_locale(locale)
    if parsed.language == "en":
        return str(_format_date(value, "medium", locale=parsed))
    # Month names would be foreign words on an English page: digits only.
    return str(
        format_skeleton("yMMdd" if "yMMdd" in parsed.datetime_skeletons else "yMd", value, locale=parsed)
    )


def _require_decimal(value: object) -> None:
    if not isinstance(value, Decimal):
        raise TypeError(f"figures are Decimal, not {type(value).__name__}")
    if not value.is_finite():
        raise ValueError("a figure must be a finite number")


def _with_sign(value: Decimal, write: WriteDecimal, sign: Sign) -> str:
    # copy_abs, not abs(): the latter rounds to the digits of the current context.
    text = write(value.copy_abs())
    if not any(character in "123456789" for character in text):
        return text
    if value < 0:
        return MINUS + text
    return f"+{text}" if sign == "always" else text


def _currency(value: Decimal, currency: str, locale: str, least: int, most: int) -> str:
    with localcontext(_CONTEXT):
        text = str(
            format_currency(
                value,
                currency,
                _currency_pattern(locale, least, most),
                parse_locale(locale),
                currency_digits=False,
            )
        )
    # A code such as BTC does not stick to its number.
    return _CODE_BEFORE_DIGIT.sub("\\1\N{NO-BREAK SPACE}\\2", text)


def _decimal(value: Decimal, locale: str, least: int, most: int) -> str:
    with localcontext(_CONTEXT):
        return str(format_decimal(value, _fraction("#,##0", least, most), parse_locale(locale)))


def _fraction(whole: str, least: int, most: int) -> str:
    return f"{whole}.{'0' * least}{'#' * (most - least)}" if most else whole


@lru_cache(maxsize=256)
def _currency_pattern(locale: str, least: int, most: int) -> str:
    standard = parse_locale(locale).currency_formats["standard"].pattern.split(";")[0]
    start, end = standard.index("#"), standard.rindex("0") + 1
    grouping = standard[start:end].split(".")[0]
    return str(standard[:start] + _fraction(grouping, least, most) + standard[end:])


@lru_cache(maxsize=256)
def _percent_pattern(locale: str, digits: int) -> str:
    standard = parse_locale(locale).percent_formats[None].pattern.split(";")[0]
    start, end = standard.index("#"), standard.rindex("0") + 1
    return str(
        standard[:start] + _fraction(standard[start:end].split(".")[0], digits, digits) + standard[end:]
    )
