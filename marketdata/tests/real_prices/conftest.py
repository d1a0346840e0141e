"""The fixtures of the tests of real prices that take over."""

from __future__ import annotations

import pytest

from marketdata import operations
from marketdata.models import (
    PriceBar,
    Quote,
)
from marketdata.tests.real_prices.support import NOW, YESTERDAY
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, QUOTES, days_until, quotes_of


@pytest.fixture
def apple(make_instrument):
    """A share of the simulated market with its history, dividends and quote."""
    share = make_instrument("AAPL", provider="simulated", exchange="XNAS", provider_symbols={"yahoo": "AAPL"})
    operations.backfill_history(now=NOW, instrument_ids=[share.pk], years=1)
    operations.refresh_quotes(now=NOW, providers=["simulated"])
    assert PriceBar.objects.filter(instrument=share, source="simulated").count() > 400
    assert Quote.objects.get(instrument=share).is_simulated
    return share


@pytest.fixture
def yahoo_is_there(internet):
    internet.on(QUOTES, quotes_of({"AAPL": yahoo.quote("AAPL", 244.6)}))
    internet.on(
        CHARTS,
        yahoo.chart(
            days_until(YESTERDAY, [240.0, 241.5, 243.0]), dividends=[("2026-11-18T09:30:00-05:00", 0.26)]
        ),
    )
    return internet
