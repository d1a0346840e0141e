"""The frame: where real prices come from. One entry for each provider of `marketdata/providers/`."""

from typing import Any

#: What each provider is set up with: addresses, time-outs, keys.
MARKET_DATA_PROVIDERS: dict[str, dict[str, Any]] = {}
