"""Market data providers: the list. A new provider is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from marketdata.providers.alpha_vantage import AlphaVantageProvider
from marketdata.providers.base import Provider
from marketdata.providers.coingecko import CoinGeckoProvider
from marketdata.providers.ecb import EcbProvider
from marketdata.providers.manual import ManualProvider
from marketdata.providers.simulated import SimulatedProvider
from marketdata.providers.yahoo import YahooProvider

Options = Mapping[str, Any]

_PROVIDERS: dict[str, Callable[[Options], Provider]] = {
    "manual": lambda options: ManualProvider(),  # noqa: ARG005 - takes none
    "simulated": lambda options: SimulatedProvider(seed=options["seed"], hours=options["hours"]),
    "yahoo": lambda options: YahooProvider(**options),
    "coingecko": lambda options: CoinGeckoProvider(**options),
    "alpha_vantage": lambda options: AlphaVantageProvider(**options),
    "ecb": lambda options: EcbProvider(**options),
}


def names() -> list[str]:
    """Return the names by which an instrument can say who serves it."""
    return list(_PROVIDERS)


def provider(name: str, options: Options) -> Provider:
    """Return the provider called `name`, made once per process and options; `KeyError` when there is none."""
    return _made(name, tuple(sorted(options.items())))


@cache
def _made(name: str, options: tuple[tuple[str, Any], ...]) -> Provider:
    return _PROVIDERS[name](dict(options))
