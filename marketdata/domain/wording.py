"""Market data, pure: how sources of prices are called in sentences."""

from __future__ import annotations

_TITLES = {
    "yahoo": "Yahoo",
    "coingecko": "CoinGecko",
    "alpha_vantage": "Alpha Vantage",
    "ecb": "the ECB",
    "simulated": "the simulated market",
    "manual": "hand",
}


def provider_title(name: str) -> str:
    """Return what people call a provider; a name nobody gave a title stays as it is."""
    return _TITLES.get(name, name.replace("_", " "))
