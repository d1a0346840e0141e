"""API: JSON bodies read without binary floating point."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class BodyTooLargeError(ParseError):
    """The body is larger than the site reads."""

    status_code = 413
    default_code = "body_too_large"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _decimal(text: str) -> Decimal:
    # A number like 1e400 is finite as a Decimal but no amount of anything; exponents beyond reason are refused here.
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]} is not a number") from None
    if abs(value.adjusted()) > 40:
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _refuse_half_characters(value: Any) -> None:
    """Raise `UnicodeEncodeError` (a ValueError) for text with a lone surrogate: nothing could store or answer it."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, part in value.items():
            key.encode()
            _refuse_half_characters(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_half_characters(part)


class DecimalJSONParser(JSONParser):
    """Parse JSON with numbers kept as Decimal from their own text; NaN, Infinity, absurd exponents and halves of
    characters are refused."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed body; `ParseError` (400) with a sentence when it is not JSON or too large."""
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLargeError("The request body is too large.")
        try:
            found = json.loads(body.decode("utf-8"), parse_float=_decimal, parse_constant=_refuse_constant)
            if b"\\u" in body:
                _refuse_half_characters(found)
        except UnicodeEncodeError:
            raise ParseError(
                "The body is not valid JSON: it has half a character (a lone surrogate)."
            ) from None
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not valid JSON: {error}") from None
        return found
