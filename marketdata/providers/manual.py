"""Market data providers: by hand. Prices come from people and files, so there is nothing to ask."""

from __future__ import annotations

from marketdata.providers.base import BaseProvider


class ManualProvider(BaseProvider):
    """For what is entered with `record_price` or loaded with `load_prices`: it offers nothing."""

    name = "manual"
