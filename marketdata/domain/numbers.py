"""Market data, pure: the numbers by which securities are known, and their check digits."""

from __future__ import annotations

import re

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CUSIP = re.compile(r"[0-9A-Z*@#]{8}[0-9]")
_FIGI = re.compile(r"[BCDFGHJKLMNPQRSTVWXYZ]{2}G[0-9BCDFGHJKLMNPQRSTVWXYZ]{8}[0-9]")
#: Country letters that a FIGI may not begin with, lest it look like an ISIN of Bahrain and the like.
_FIGI_NOT = ("BS", "BM", "GG", "GB", "GH", "KY", "VG")
_CUSIP_SIGNS = {"*": 36, "@": 37, "#": 38}


def isin_is_valid(text: str) -> bool:
    """Whether this is an ISIN with the right check digit (ISO 6166)."""
    if not _ISIN.fullmatch(text):
        return False
    digits = "".join(str(int(sign, 36)) for sign in text)
    return _luhn(digits) == 0


def cusip_is_valid(text: str) -> bool:
    """Whether this is a CUSIP with the right check digit (modulus 10, double add double)."""
    if not _CUSIP.fullmatch(text):
        return False
    total = 0
    for place, sign in enumerate(text[:8]):
        value = _CUSIP_SIGNS.get(sign)
        value = int(sign, 36) if value is None else value
        total += sum(divmod(value * (place % 2 + 1), 10))
    return (10 - total % 10) % 10 == int(text[8])


def figi_is_valid(text: str) -> bool:
    """Whether this is a FIGI with the right check digit (Object Management Group, FIGI 1.0)."""
    if not _FIGI.fullmatch(text) or text.startswith(_FIGI_NOT):
        return False
    total = 0
    for place, sign in enumerate(text[:11]):
        value = int(sign, 36) * (place % 2 + 1)
        total += sum(divmod(value, 10))
    return (10 - total % 10) % 10 == int(text[11])


def _luhn(digits: str) -> int:
    """The sum of Luhn's algorithm over digits that end with the check digit, modulo 10."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (place % 2 + 1), 10))
    return total % 10
