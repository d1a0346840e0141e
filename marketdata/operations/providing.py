"""Market data operations: which provider serves what, and how it calls it."""

from __future__ import annotations

from django.conf import settings

from marketdata.models import Instrument
from marketdata.providers import registry
from marketdata.providers.base import Anchor, Capability, InstrumentRef, Provider


def provider_named(name: str) -> Provider:
    """Return a provider set up by this site's settings; `KeyError` when there is none of that name."""
    return registry.provider(name, {"seed": settings.SIMULATED_SEED})


def names_with(capability: Capability) -> list[str]:
    """Return the names of the providers that can do this."""
    return [name for name in registry.names() if capability in provider_named(name).capabilities]


def ref_of(instrument: Instrument) -> InstrumentRef:
    """Describe an instrument to its provider."""
    anchor = None
    if instrument.anchor_date is not None and instrument.anchor_price is not None:
        anchor = Anchor(instrument.anchor_date, instrument.anchor_price)
    return InstrumentRef(
        instrument_id=instrument.pk,
        symbol=instrument.provider_symbols.get(instrument.provider, instrument.symbol),
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        quoted_in=instrument.quoted_in,
        exchange=instrument.exchange,
        anchor=anchor,
    )
