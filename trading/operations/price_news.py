"""Telling the processes that hold programs' sockets which prices are new. Best effort: the next tick comes soon."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db import transaction

from portfolio_site.kernel.valkey import UNREACHABLE, Outage, client

_outage = Outage("price news")

#: Redis channel; each message is a JSON list of instrument ids.
PRICES_CHANNEL = "hf:new-prices"


def announce_prices(instrument_ids: Iterable[int]) -> None:
    """Say after the commit that these instruments have new quotes. A publication that nobody hears costs nothing."""
    ids = list(instrument_ids)

    def tell() -> None:
        if _outage.is_on():
            return
        try:
            client().publish(PRICES_CHANNEL, json.dumps(ids, separators=(",", ":")))
        except UNREACHABLE as error:
            _outage.note(error)
        else:
            _outage.over()

    if ids:
        transaction.on_commit(tell, robust=True)
