"""Reading untrusted JSON values: each reader returns the value, or None after noting what is wrong and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdings.domain.currencies import is_currency, is_money
from holdings.domain.types import Notice, PortfolioError, Problem

PLAIN_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
RATIO = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:[:/]([0-9]+(?:\.[0-9]+)?))?", re.ASCII)
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]", re.ASCII)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1900, 2199
MOST_DIGITS, MOST_DECIMALS = 18, 50


class NotANumber:
    """What NaN and Infinity, which are no JSON, are read as, so that the message can name their path."""

    def __init__(self, text: str) -> None:
        self.text = text


def load(text: str | bytes) -> object:
    """The JSON document; raises PortfolioError when it is none."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        elif text.startswith("\ufeff"):
            text = text[1:]
        return json.loads(text, parse_constant=NotANumber)
    except UnicodeDecodeError as error:
        raise PortfolioError([Problem("$", f"is not UTF-8 (byte {error.start})")]) from error
    except RecursionError as error:
        raise PortfolioError([Problem("$", "is nested too deeply")]) from error
    except ValueError as error:
        raise PortfolioError([Problem("$", f"is not valid JSON: {' '.join(str(error).split())}")]) from error


def is_storable(text: str) -> bool:
    """Whether a text can be kept: not with a NUL, nor with half a character (a lone surrogate)."""
    if "\x00" in text:
        return False
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def shown(value: object) -> str:
    """A value in a message, short and on one line."""
    if isinstance(value, NotANumber):
        return value.text
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 40 else text[:37] + "…"


class Reader:
    """Collects problems and notices while values are read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notices: list[Notice] = []

    def wrong(self, path: str, message: str) -> None:
        """Note a reason for refusal."""
        self.problems.append(Problem(path, message))

    def notice(self, code: str, message: str, path: str) -> None:
        """Note a warning."""
        self.notices.append(Notice(code, message, path))

    # --- shapes ---

    def mapping(self, value: object, path: str) -> Mapping[str, object] | None:
        """A JSON object."""
        if isinstance(value, dict):
            return value
        self.wrong(path, f"must be an object, not {shown(value)}")
        return None

    def rows(self, value: object, path: str) -> Iterable[tuple[str, Mapping[str, object]]]:
        """(path, object) of each element of a JSON list of objects."""
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(path, f"must be a list, not {shown(value)}")
            return
        for index, item in enumerate(value):
            row = self.mapping(item, f"{path}[{index}]")
            if row is not None:
                yield f"{path}[{index}]", row

    def unknown(self, row: Mapping[str, object], known: frozenset[str], prefix: str) -> None:
        """Warn of keys that mean nothing here."""
        for key in row:
            if key not in known:
                self.notice("unknown_key", f"{shown(key)} is not known and was ignored", f"{prefix}{key}")

    # --- scalars ---

    def text(self, value: object, path: str, *, required: bool = False) -> str:
        """A string; missing is empty unless required."""
        if value is None:
            if required:
                self.wrong(path, "is required")
            return ""
        if not isinstance(value, str):
            self.wrong(path, f"must be a string, not {shown(value)}")
            return ""
        if required and not value.strip():
            self.wrong(path, "must not be empty")
        if not is_storable(value):
            self.wrong(path, f"has a character that no text can keep: {shown(value)}")
            return ""
        return value

    def flag(self, value: object, path: str) -> bool:
        """A boolean; missing is false."""
        if value is None or isinstance(value, bool):
            return bool(value)
        self.wrong(path, f"must be true or false, not {shown(value)}")
        return False

    def decimal(
        self, value: object, path: str, *, negative: bool = False, zero: bool = True
    ) -> Decimal | None:
        """A number written as a string of plain digits; None when missing or wrong."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(path, f"must be a string holding a plain decimal, not {shown(value)}")
            return None
        if not PLAIN_DECIMAL.fullmatch(value):
            self.wrong(path, f"must be a plain decimal, not {shown(value)}")
            return None
        whole, _, fraction = value.lstrip("-").partition(".")
        if len(whole.lstrip("0")) > MOST_DIGITS or len(fraction.rstrip("0")) > MOST_DECIMALS:
            self.wrong(path, f"has more than {MOST_DIGITS} digits before or {MOST_DECIMALS} after the point")
            return None
        number = Decimal(value)
        if number < 0 and not negative:
            self.wrong(path, f"must not be negative: {shown(value)}")
            return None
        if not number and not zero:
            self.wrong(path, "must be greater than zero")
            return None
        return number

    def ratio(self, value: object, path: str) -> Fraction | None:
        """New shares per old share: "4", "0.125", "3:2"."""
        if value is None:
            return None
        match = RATIO.fullmatch(value) if isinstance(value, str) and len(value) <= 120 else None
        if match is None:
            self.wrong(path, f'must be a ratio like "4", "0.125" or "3:2", not {shown(value)}')
            return None
        new, old = Fraction(match[1]), Fraction(match[2] or "1")
        if not new or not old:
            self.wrong(path, f"must have no zero in it: {shown(value)}")
            return None
        return new / old

    def currency(self, value: object, path: str, *, money: bool = False, required: bool = False) -> str:
        """A currency code; ``money``: a state's currency only. Empty when missing or wrong."""
        code = self.text(value, path, required=required)
        if not code:
            if value is not None and not required and isinstance(value, str):
                self.wrong(path, "must not be empty")
            return ""
        if not (is_money(code) if money else is_currency(code)):
            self.wrong(path, f"unknown currency {shown(code)}")
            return ""
        return code

    def day(self, value: object, path: str) -> date | None:
        """A bare date, YYYY-MM-DD, of a sensible year."""
        if not isinstance(value, str) or not DAY.fullmatch(value):
            self.wrong(path, f"must be a date like 2024-01-31, not {shown(value)}")
            return None
        try:
            found = date.fromisoformat(value)
        except ValueError:
            self.wrong(path, f"is no day of the calendar: {shown(value)}")
            return None
        return found if self._sensible(found, path) else None

    def when(self, value: object, path: str, zone: ZoneInfo) -> tuple[date, datetime | None] | None:
        """A date, or an instant as (its day in the file's time zone, the instant)."""
        if value is None:
            self.wrong(path, "is required")
            return None
        if not isinstance(value, str) or len(value) <= 10:
            found = self.day(value, path)
            return None if found is None else (found, None)
        try:
            instant = datetime.fromisoformat(value if INSTANT.match(value) else "")
            if instant.tzinfo is None:
                instant = instant.replace(tzinfo=zone)
            local = instant.astimezone(zone)
        except (ValueError, OverflowError):
            self.wrong(path, f"must be a date or an instant like 2024-01-31T15:30:00Z, not {shown(value)}")
            return None
        return (local.date(), instant) if self._sensible(local.date(), path) else None

    def _sensible(self, found: date, path: str) -> bool:
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return True
        self.wrong(path, f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}: {found.isoformat()}")
        return False

    def strings(self, value: object, path: str) -> tuple[str, ...]:
        """A list of strings; missing is empty."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(path, f"must be a list of strings, not {shown(value)}")
            return ()
        return tuple(self.text(item, f"{path}[{index}]", required=True) for index, item in enumerate(value))
