"""API: decimals as strings, exactly."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    _Field = serializers.Field[Decimal, Any, str, Any]
else:
    _Field = serializers.Field

#: What is read. What is written may have more digits: a figure is not rounded for the way.
_PLAIN = re.compile(r"^-?[0-9]{1,24}(\.[0-9]{1,18})?\Z")
PATTERN_IN = r"^-?[0-9]{1,24}(\.[0-9]{1,18})?$"
PATTERN_OUT = r"^-?[0-9]+(\.[0-9]+)?$"


class DecimalString(_Field):
    """A decimal as a string: exact both ways, trailing zeros cut on the way out.

    In: a string of plain digits, or a JSON number that the parser kept as Decimal; never binary floating point.
    `min_value`/`max_value` are inclusive bounds; `positive` excludes zero.
    """

    default_error_messages = {
        "invalid": "Give a plain decimal number, like 12.5.",
        "min_value": "This must be at least {min_value}.",
        "max_value": "This must be at most {max_value}.",
        "positive": "This must be more than zero.",
    }

    def __init__(
        self,
        *,
        min_value: Decimal | None = None,
        max_value: Decimal | None = None,
        positive: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value, self.positive = min_value, max_value, positive

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the Decimal, or fail the field with a sentence."""
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal):
            self.fail("invalid")
        text = f"{data:f}" if isinstance(data, Decimal) and data.is_finite() else str(data).strip()
        if not _PLAIN.match(text):
            self.fail("invalid")
        value = Decimal(text)
        if self.positive and value <= 0:
            self.fail("positive")
        if self.min_value is not None and value < self.min_value:
            self.fail("min_value", min_value=self.min_value)
        if self.max_value is not None and value > self.max_value:
            self.fail("max_value", max_value=self.max_value)
        return value

    def to_representation(self, value: Any) -> str:
        """Return plain notation without trailing zeros (`"5"`, `"0.057436865"`)."""
        return plain(value)


def plain(value: Decimal | int) -> str:
    """Write a Decimal in plain notation without trailing zeros; negative zero becomes `"0"`."""
    if isinstance(value, float):
        raise TypeError("an API decimal is never a float")
    text = f"{Decimal(value):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


__all__ = ["DecimalString", "plain"]
