"""The fixtures of the tests of an instrument's history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from marketdata.models import (
    Instrument,
)
from marketdata.operations.gateway import calling
from marketdata.operations.history import extending
from marketdata.tests.history_source import HistorySource, listed
from marketdata.tests.scripted import forget_gateway


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years of exchange rates are another matter, and take their time; so do pauses before another try."""
    forget_gateway()
    monkeypatch.setattr(calling, "_sleep", lambda _seconds: None)
    monkeypatch.setattr(extending, "fill_simulated_rates", lambda *_: 0)


@pytest.fixture
def source() -> Iterator[HistorySource]:
    provider = HistorySource()
    with listed(provider):
        yield provider


@pytest.fixture
def acme(make_instrument: Callable[..., Instrument], source: HistorySource) -> Instrument:
    return make_instrument("ACME", provider="scripted", exchange="XNAS")
