"""The print shop: how a person writes numbers and days, handed to renderers that know no locale library."""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.dates import format_date, format_skeleton
from babel.numbers import get_decimal_symbol, get_group_symbol

from portfolio_site.kernel.formatting import parse_locale
from reports.renderers.data import Locale

# A day whose parts cannot be mistaken for each other.
_SAMPLE = date(2033, 11, 22)


def locale_of(person: Any) -> Locale:
    """The person's separators, order of a date, and time zone. Words stay English, as on the pages."""
    parsed = parse_locale(person.locale)
    return Locale(
        language="en",
        decimal_separator=get_decimal_symbol(parsed),
        group_separator=get_group_symbol(parsed).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"),
        date_pattern=_pattern(parsed),
        time_zone=person.time_zone,
    )


def _pattern(parsed: Any) -> str:
    if parsed.language == "en":
        sample = format_date(_SAMPLE, "medium", locale=parsed)
    else:
        sample = format_skeleton(
            "yMMdd" if "yMMdd" in parsed.datetime_skeletons else "yMd", _SAMPLE, locale=parsed
        )
    for part, code in (("2033", "%Y"), ("33", "%y"), ("22", "%d"), ("Nov", "%b"), ("11", "%m")):
        sample = sample.replace(part, code)
    return sample
