"""Market data, pure: sectors by one name, whoever tells them."""

from __future__ import annotations

_NAMES = {
    # The names of GICS, which S&P and MSCI use.
    "information technology": "Technology",
    "health care": "Healthcare",
    "consumer discretionary": "Consumer cyclical",
    "consumer staples": "Consumer staples",
    "communication services": "Communication",
    "real estate": "Real estate",
    # Those of Morningstar, which Yahoo uses.
    "consumer cyclical": "Consumer cyclical",
    "consumer defensive": "Consumer staples",
    "financial services": "Financials",
    "basic materials": "Materials",
    # Those of ICB, which FTSE Russell uses.
    "telecommunications": "Communication",
}


def sector_name(text: str) -> str:
    """Return the name that this site has for a sector; one it does not know stays as it is written."""
    wanted = " ".join(text.split())
    return _NAMES.get(wanted.lower(), wanted)
