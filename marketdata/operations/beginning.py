"""Market data operations: a new site looks for real prices before it makes anything of simulated ones."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from marketdata.models import Instrument
from marketdata.operations.gateway import NotAsked
from marketdata.operations.history.asking import ask_history
from marketdata.operations.history.extending import newest_bars
from marketdata.operations.history.storing import store_history
from marketdata.operations.price_sources import SIMULATED
from marketdata.operations.rates import refresh_fx_rates
from marketdata.operations.real_prices import Adoption, adopt_real_prices, first_day
from marketdata.providers.base import ProviderError
from marketdata.queries.real_prices import note_look

log = structlog.get_logger(__name__)

_BETWEEN_TRIES: Final = 3.0


def begin_with_real_prices(
    *, now: datetime, instrument_ids: Collection[int], seconds: float = 60.0
) -> Adoption:
    """Look for real prices on a new site, before anything is made of simulated ones: exchange rates, whole histories of
    the given instruments, and prices of all others.

    Where nobody answers it is over at once. Limits are waited for, `seconds` long; what is not here then stays
    simulated (or, with `MARKET_DATA=real`, without prices). Does nothing with `MARKET_DATA=simulated`.
    """
    if settings.MARKET_DATA == SIMULATED:
        return Adoption()
    ends_at = time.monotonic() + seconds
    ids, whole = list(instrument_ids), Adoption()
    if settings.MARKET_DATA == "real":
        refresh_fx_rates(now=now)
        _fetch_histories(ids, ends_at=ends_at, now=now)
        return whole
    while True:
        part = adopt_real_prices(now=now, instrument_ids=ids, with_history=True)
        whole.take(part)
        nobody = bool(part.unreachable) and not part.adopted
        if nobody or not part.waiting or time.monotonic() > ends_at:
            break
        time.sleep(_BETWEEN_TRIES)
    note_look(unreachable=whole.unreachable, now=now)
    # Entries keep the rate that they were made at: what can be had comes before them.
    refresh_fx_rates(now=now, is_probe=not whole.adopted)
    if whole.adopted:
        # What did not get its history in time is made up now, whole, and what is made of it stays with it.
        simulated = Instrument.objects.shared().active().filter(provider=SIMULATED).exclude(pk__in=ids)
        whole.take(adopt_real_prices(now=now, instrument_ids=list(simulated.values_list("pk", flat=True))))
    return whole


def _fetch_histories(ids: Collection[int], *, ends_at: float, now: datetime) -> None:
    """Fetch what histories can be had in time, of instruments that began with real sources."""
    until = now.astimezone(UTC).date()
    start, end = first_day(now), until - timedelta(days=1)
    newest = newest_bars(list(ids), today=until)
    for instrument in Instrument.objects.filter(pk__in=[pk for pk in ids if newest[pk] is None]):
        while time.monotonic() < ends_at:
            try:
                answer = ask_history(instrument, start=start, end=end, actions_until=until)
            except NotAsked as error:
                if not error.is_momentary:
                    return
                time.sleep(_BETWEEN_TRIES)
                continue
            except ProviderError as error:
                log.info("real_history_missing", symbol=instrument.symbol, error=str(error)[:200])
            else:
                store_history(instrument=instrument, answer=answer, start=start, end=end, now=now)
            break
