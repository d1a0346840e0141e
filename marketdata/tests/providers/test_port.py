"""The port that all providers share."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.providers import registry
from marketdata.providers.base import (
    Capability,
    InstrumentRef,
    NotAuthorised,
    NotOffered,
    Provider,
    ProviderError,
    RateLimited,
    WrongCurrency,
)

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
REF = InstrumentRef(instrument_id=1, symbol="ACME", asset_class="equity", currency="USD")
QUESTIONS = {
    Capability.QUOTES: lambda provider: provider.quotes([REF], NOW),
    Capability.HISTORY: lambda provider: provider.bars(REF, NOW.date(), NOW.date()),
    Capability.ACTIONS: lambda provider: provider.actions(REF, NOW.date(), NOW.date()),
    Capability.INTRADAY: lambda provider: provider.intraday(REF, NOW, NOW),
    Capability.FX: lambda provider: provider.rates(["USD"], NOW.date(), NOW.date()),
    Capability.SEARCH: lambda provider: provider.search("acme"),
    Capability.STREAM: lambda provider: provider.open_stream([REF]),
}


@pytest.mark.parametrize("name", registry.names())
class TestEveryProvider:
    def test_goes_by_the_name_in_the_list(self, name):
        provider: Provider = provider_named(name)
        assert provider.name == name

    def test_refuses_what_it_does_not_offer_by_the_error_everybody_expects(self, name):
        provider = provider_named(name)
        for capability, ask in QUESTIONS.items():
            if capability not in provider.capabilities:
                with pytest.raises((NotOffered, NotAuthorised)):
                    ask(provider)


class TestCapabilities:
    def test_the_simulated_market_has_quotes_history_actions_and_rates(self):
        for capability in (Capability.QUOTES, Capability.HISTORY, Capability.ACTIONS, Capability.FX):
            assert "simulated" in names_with(capability)

    def test_history_brings_bars_and_actions_together(self):
        provider = provider_named("simulated")
        ref = InstrumentRef(instrument_id=1, symbol="AAPL", asset_class="equity", currency="USD")
        start, end = date(2026, 1, 1), date(2026, 6, 30)
        history = provider.history(ref, start, end)
        assert history.bars == provider.bars(ref, start, end)
        assert history.actions == provider.actions(ref, start, end)
        assert history.actions


class TestErrors:
    def test_all_are_provider_errors_and_say_what_matters(self):
        wrong = WrongCurrency(expected="GBP", got="USD")
        assert (wrong.expected, wrong.got) == ("GBP", "USD")
        assert str(wrong) == "quotes in USD, expected GBP"
        assert RateLimited("slow down", retry_after=53).retry_after == 53
        assert isinstance(wrong, ProviderError)


class TestNamesOfInstruments:
    def test_the_name_on_record_for_that_provider_is_used(self, make_instrument):
        sap = make_instrument("SAP", provider="simulated", provider_symbols={"manual": "SAP by hand"})
        assert ref_of(sap).symbol == "SAP"
        assert ref_of(sap, "manual").symbol == "SAP by hand"
