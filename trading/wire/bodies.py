"""The wire's request bodies: JSON whose numbers are read from their text.

Objects are read field by field with ``Fields``; every fault is the documented error, none a 500.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

from trading.wire.errors import TOO_LARGE, WireError, bad_request, invalid
from trading.wire.values import read_number, read_positive, read_price

#: No request of any bot comes near it: a watchlist of 250 symbols has 3 kB.
MOST_BYTES = 256 * 1024
_MOST_DRAINED = 32 * 1024 * 1024


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request body; an empty body is an empty object.

    Raises ``WireError``: 413 for a body that is too large, 400 for what is no JSON object.
    """
    raw = _bytes(request)
    if not raw.strip():
        return {}
    try:
        found = json.loads(
            raw.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_constant,
        )
        if b"\\u" in raw:
            _refuse_half_characters(found)
    except (ValueError, RecursionError):
        raise bad_request("request body format is invalid") from None
    if not isinstance(found, dict):
        raise bad_request("request body must be a JSON object")
    return found


class Fields:
    """The fields of a body, read by name and kind. Null is the same as not there."""

    def __init__(self, body: Mapping[str, Any], prefix: str = "") -> None:
        self._body = body
        self._prefix = prefix

    def __contains__(self, name: object) -> bool:
        return self._body.get(str(name)) is not None

    def label(self, name: str) -> str:
        """The field's name as messages call it: ``take_profit.limit_price``."""
        return f"{self._prefix}{name}"

    def text(self, name: str, *, most: int = 256) -> str | None:
        """A string without control characters."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(f"{self.label(name)} must be a string")
        if len(value) > most:
            raise invalid(f"{self.label(name)} must be no more than {most} characters")
        if not value.isprintable():
            raise invalid(f"{self.label(name)} has characters that cannot be printed")
        return value

    def word(self, name: str, known: frozenset[str]) -> str | None:
        """One of the known words, in small letters."""
        value = self._body.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or value not in known:
            raise invalid(f"invalid {self.label(name)}")
        return value

    def positive(self, name: str) -> Decimal | None:
        """A number greater than zero."""
        value = self._body.get(name)
        return None if value is None else read_positive(value, self.label(name))

    def price(self, name: str) -> Decimal | None:
        """A price: whether it is on the grid is said by the rules of the market."""
        value = self._body.get(name)
        return None if value is None else read_price(value, self.label(name))

    def number(self, name: str) -> Decimal | None:
        """Any number."""
        value = self._body.get(name)
        return None if value is None else read_number(value, self.label(name))

    def flag(self, name: str) -> bool | None:
        """A boolean; the words ``true`` and ``false`` are taken, too."""
        value = self._body.get(name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        raise invalid(f"{self.label(name)} must be true or false")

    def fields(self, name: str) -> Fields | None:
        """An object within the object."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(f"{self.label(name)} must be an object")
        return Fields(value, prefix=f"{self.label(name)}.")

    def texts(self, name: str, *, most: int) -> list[str] | None:
        """A list of strings."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise invalid(f"{self.label(name)} must be a list of strings")
        if len(value) > most:
            raise invalid(f"{self.label(name)} must have no more than {most} entries")
        return value


def _bytes(request: HttpRequest) -> bytes:
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    try:
        # A body sent in pieces announces no length: one byte more than allowed is enough to know.
        raw = request.read(MOST_BYTES + 1) if announced <= MOST_BYTES else b""
        if announced > MOST_BYTES or len(raw) > MOST_BYTES:
            _drain(request)
            raise WireError(TOO_LARGE, f"request body is larger than {MOST_BYTES} bytes")
    except (UnreadablePostError, RawPostDataException, OSError):
        raise bad_request("request body could not be read") from None
    return bytes(raw)


def _drain(request: HttpRequest) -> None:
    """Take what is still being sent, within reason: a client that is cut off while it sends reads no answer."""
    taken = 0
    while taken < _MOST_DRAINED:
        part = request.read(64 * 1024)
        if not part:
            return
        taken += len(part)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refuse_half_characters(value: Any) -> None:
    """Raise ``UnicodeEncodeError`` (a ValueError) for text with a lone surrogate: nothing could store it."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, part in value.items():
            key.encode()
            _refuse_half_characters(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_half_characters(part)
