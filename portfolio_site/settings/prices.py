"""The frame: where real prices come from. One entry for each provider of `marketdata/providers/`."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from . import environment

#: Where the prices of the starter list come from: `auto` (real ones as soon as they can be had), `simulated`, `real`.
MARKET_DATA = environment.MARKET_DATA
if MARKET_DATA not in ("auto", "simulated", "real"):
    raise ImproperlyConfigured(f"MARKET_DATA is auto, simulated or real, not {MARKET_DATA!r}.")

#: What each provider is set up with. An empty address is the provider's own.
MARKET_DATA_PROVIDERS: dict[str, dict[str, Any]] = {
    "yahoo": {
        "timeout": environment.MARKET_DATA_TIMEOUT,
        "base_url": environment.YAHOO_BASE_URL,
        "stream_url": environment.YAHOO_STREAM_URL,
    },
    "coingecko": {
        "timeout": environment.MARKET_DATA_TIMEOUT,
        "base_url": environment.COINGECKO_BASE_URL,
        "api_key": environment.COINGECKO_API_KEY,
        "plan": environment.COINGECKO_PLAN,
    },
    "alpha_vantage": {
        "timeout": environment.MARKET_DATA_TIMEOUT,
        "base_url": environment.ALPHA_VANTAGE_BASE_URL,
        "api_key": environment.ALPHA_VANTAGE_API_KEY,
    },
    "ecb": {
        # Its whole history is half a megabyte.
        "timeout": 2 * environment.MARKET_DATA_TIMEOUT,
        "base_url": environment.ECB_BASE_URL,
    },
}
