"""Market data operations: who gives an instrument's prices, and asking them now."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from marketdata.models import Instrument, InstrumentTrouble
from marketdata.operations.instruments import InstrumentRefused
from marketdata.operations.own_instruments import own_instrument
from marketdata.operations.quotes import asked_providers, claims
from marketdata.queries import attention
from portfolio_site.kernel.errors import ForbiddenError

BY_HAND: Final = "manual"
_LONGEST_SYMBOL: Final = 60


def sources_to_choose_from() -> list[str]:
    """Return who can give the prices of an instrument of one's own: nobody (kept by hand), and providers with quotes."""
    return [BY_HAND, *asked_providers()]


def choose_source(
    *, instrument_id: int, provider: str, provider_symbol: str, actor: Any, now: datetime
) -> Instrument:
    """Let another source give the prices of an instrument of one's own, under its own name for it; ask it at once.

    Raises `InstrumentNotFound`, `ForbiddenError`, and `InstrumentRefused` with the field at fault.
    """
    if provider not in sources_to_choose_from():
        raise InstrumentRefused("There is no such source.", field="provider")
    symbol = provider_symbol.strip()
    if len(symbol) > _LONGEST_SYMBOL:
        raise InstrumentRefused("That is too long for a symbol.", field="provider_symbol")
    with transaction.atomic():
        own_instrument(instrument_id=instrument_id, actor=actor)
        instrument = Instrument.objects.select_for_update().get(pk=instrument_id)
        instrument.provider = provider
        instrument.fallback_providers = []
        symbols = {name: known for name, known in instrument.provider_symbols.items() if name != provider}
        if symbol and provider != BY_HAND:
            symbols[provider] = symbol
        instrument.provider_symbols = symbols
        instrument.save(update_fields=["provider", "fallback_providers", "provider_symbols"])
        # What the old source said is no news of the new one.
        InstrumentTrouble.objects.filter(pk=instrument_id).delete()
        transaction.on_commit(lambda: _ask_again([instrument_id]))
    return instrument


def retry_quotes(*, instrument_ids: Collection[int], actor: Any, now: datetime) -> int:
    """Have the sources of these instruments asked again soon, in the background, however often they failed; as often as
    their limits allow. Returns for how many; those that the person cannot see are left out."""
    if getattr(actor, "is_read_only", False):
        raise ForbiddenError("Your role may look at this but not change it.")
    ids = list(
        Instrument.objects.visible_to(actor)
        .active()
        .filter(pk__in=list(instrument_ids))
        .values_list("pk", flat=True)
    )
    transaction.on_commit(lambda: _ask_again(ids))
    return len(ids)


def _ask_again(ids: list[int]) -> None:
    claims.give_back(ids)
    attention.want(ids)
