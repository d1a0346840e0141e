"""Fixtures of the wire's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache

from marketdata.models import Instrument
from trading.tests.support import make_instrument, set_quote
from trading.wire.gate import simulation
from trading.wire.tests.support import Bot, Sdk, make_bot, sdk_for


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
    # A process knows it already when a test counts the statements of a request.
    simulation.remember(True, seconds=3600)


@pytest.fixture
def bot(db: None) -> Bot:
    """A program with an account of 100 000 USD."""
    return make_bot()


@pytest.fixture
def stranger(db: None) -> Bot:
    """Somebody else's program."""
    return make_bot()


@pytest.fixture
def share(db: None) -> Instrument:
    """A simulated share at 100.00 to 100.02, quoted now."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", "100.01", at=datetime.now(UTC))
    return instrument


@pytest.fixture
def coin(db: None) -> Instrument:
    """A simulated coin at 50 000 to 50 010, quoted now."""
    instrument = make_instrument(
        "BTC-USD", name="Bitcoin", asset_class="crypto", exchange="", quantity_step="0.00000001"
    )
    set_quote(instrument, "50000", "50010", "50005", at=datetime.now(UTC))
    return instrument


@pytest.fixture
def answer(bot: Bot) -> Any:
    """Send a request as the bot."""
    return bot.send


@pytest.fixture
def sdk(live_site: Any) -> Sdk:
    """The official SDK against the running site, with an account of 100 000 USD."""
    return sdk_for(make_bot(), live_site)
