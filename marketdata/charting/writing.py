"""Charts of prices: figures as text. Decimals exactly, drawn floats in as many digits as the eye can use."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

_PLACES = Decimal("0.00000001")
#: Digits that matter in a price: more than any exchange gives, fewer than a float makes up.
_DIGITS = 8


def plain(value: Decimal) -> str:
    """Write a price without the zeros at its end."""
    return _cut(f"{value.quantize(_PLACES):f}")


def places_for(values: Any) -> int:
    """Return how many decimals figures of this size need: eight digits that matter, two decimals at least."""
    known = values[np.isfinite(values)]
    top = float(np.abs(known).max()) if len(known) else 0.0
    if top <= 0:
        return 2
    return min(16, max(2, _DIGITS - 1 - math.floor(math.log10(top))))


def texts(values: Any, places: int) -> list[str | None]:
    """Write floats with at most so many decimals; None for what is not known."""
    return [None if math.isnan(value) else _cut(f"{value:.{places}f}") for value in _listed(values)]


def labels_of(days: Any) -> list[str]:
    """Write days (as arrays hold them) as ISO dates, and instants as ISO instants in UTC."""
    if not len(days):
        return []
    if days.dtype == np.dtype("datetime64[D]"):
        written: list[str] = np.datetime_as_string(days, unit="D").tolist()
        return written
    return [f"{text}Z" for text in np.datetime_as_string(days, unit="s").tolist()]


def _cut(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _listed(values: Any) -> Iterable[float]:
    found: list[float] = values.tolist()
    return found
