"""Reading JSON without losing a digit, and values out of it with the path of each in the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from holdings.importers.base import FileRefused, Problem

# A number that needs more digits than this is no quantity or price, and would only cost time to compute with.
_LONGEST_NUMBER = 80
_LARGEST = Decimal(10) ** 16


class BadValue(Exception):
    """A value cannot be what it should; the reader of the row turns it into a `Problem`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def load_json(content: bytes) -> Mapping[str, Any]:
    """Parse a JSON object, numbers as `Decimal`. Raises `FileRefused` with line and column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused([Problem(path="$", message=f"is not UTF-8 text (byte {error.start})")]) from error
    try:
        document = json.loads(
            text, parse_float=_decimal_literal, parse_int=_decimal_literal, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise FileRefused([Problem(path="$", message=message)]) from error
    except RecursionError as error:
        raise FileRefused([Problem(path="$", message="is nested too deeply")]) from error
    except BadValue as error:
        raise FileRefused([Problem(path="$", message=error.message)]) from error
    if not isinstance(document, dict):
        raise FileRefused([Problem(path="$", message="is no JSON object")])
    return document


def _decimal_literal(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise BadValue("$", f"holds a number of {len(text)} characters")
    return Decimal(text)


def _no_constant(text: str) -> Decimal:
    raise BadValue("$", f"holds {text}, which is not a number")


def as_decimal(value: object, path: str, *, at_least_zero: bool = True) -> Decimal:
    """A finite number from a JSON number or its text, or `BadValue`."""
    if isinstance(value, str):
        try:
            number = Decimal(value.strip()) if len(value) <= _LONGEST_NUMBER else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
    elif isinstance(value, Decimal):
        number = value
    else:
        raise BadValue(path, "is not a number")
    if not number.is_finite():
        raise BadValue(path, f"“{str(value)[:40]}” is not a number")
    if abs(number) >= _LARGEST:
        raise BadValue(path, "is too large")
    if at_least_zero and number < 0:
        raise BadValue(path, "is negative")
    return number


def as_text(value: object, path: str, *, longest: int = 1000) -> str:
    """A text (null is empty), stripped, without NUL, cut at `longest`; or `BadValue`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadValue(path, "is not a text")
    return value.replace("\x00", "").strip()[:longest]


def as_instant(value: object, path: str) -> date | datetime:
    """A day or an aware instant from ISO 8601 text, between 1900 and 2199; or `BadValue`."""
    if not isinstance(value, str):
        raise BadValue(path, "is not a date")
    text = value.strip()
    found: date | datetime
    try:
        if len(text) == 10:
            found = date.fromisoformat(text)
        else:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                raise BadValue(path, f"“{text[:40]}” has no time zone")
    except ValueError as error:
        raise BadValue(path, f"“{text[:40]}” is not a date") from error
    if not 1900 <= found.year < 2200:
        raise BadValue(path, f"the year {found.year} is out of range")
    return found
