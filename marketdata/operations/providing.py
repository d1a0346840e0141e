"""Market data operations: which provider serves what, and how it calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from marketdata.models import Instrument
from marketdata.providers import registry
from marketdata.providers.base import Anchor, Capability, InstrumentRef, Provider
from marketdata.queries.simulation import simulated_options


def provider_named(name: str) -> Provider:
    """Return a provider set up by this site's settings; `KeyError` when there is none of that name."""
    return registry.provider(name, options_of(name))


def options_of(name: str) -> Mapping[str, Any]:
    """Return what a provider is set up with: addresses, time-outs, keys."""
    if name == "simulated":
        return simulated_options()
    found: Mapping[str, Any] = settings.MARKET_DATA_PROVIDERS.get(name, {})
    return found


def names_with(capability: Capability) -> list[str]:
    """Return the names of the providers that can do this."""
    return [name for name in registry.names() if capability in provider_named(name).capabilities]


def ref_of(instrument: Instrument, provider_name: str | None = None) -> InstrumentRef:
    """Describe an instrument to its provider, or to another one that stands in.

    The provider's own name for it is the one on record; else what the provider makes of symbol and exchange, which
    is empty where it cannot tell.
    """
    name = provider_name or instrument.provider
    anchor = None
    if instrument.anchor_date is not None and instrument.anchor_price is not None:
        anchor = Anchor(instrument.anchor_date, instrument.anchor_price)
    symbol = instrument.provider_symbols.get(name) or provider_named(name).symbol_for(
        symbol=instrument.symbol,
        exchange=instrument.exchange,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
    )
    return InstrumentRef(
        instrument_id=instrument.pk,
        symbol=symbol,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        quoted_in=instrument.quoted_in,
        exchange=instrument.exchange,
        sector=instrument.sector,
        anchor=anchor,
    )
