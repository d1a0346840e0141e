"""Who asks for real prices: the task, the command, a new site."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from marketdata import operations, tasks
from marketdata.models import (
    FxRate,
    Instrument,
    PriceBar,
)
from marketdata.providers import ecb
from marketdata.tests.providers.test_ecb import archive
from marketdata.tests.real_prices.support import NOW, YESTERDAY
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, QUOTES, days_until, everything
from marketdata.tests.support.vendor import FAULTS, Reply

pytestmark = pytest.mark.django_db


class TestTheTask:
    def test_looks_ever_more_rarely_in_vain_and_at_once_again_later(self, apple, yahoo_is_there, monkeypatch):
        monkeypatch.setattr("marketdata.tasks.clock.now", lambda: NOW)
        good = yahoo_is_there._answers[QUOTES]
        yahoo_is_there.on(QUOTES, FAULTS["web page"])
        assert tasks.adopt_real_prices() == 0
        asked = len(yahoo_is_there.asked)
        assert tasks.adopt_real_prices() == 0
        assert len(yahoo_is_there.asked) == asked
        yahoo_is_there.on(QUOTES, good)

        cache.delete("marketdata:no-real-prices")
        assert tasks.adopt_real_prices() == 1


class TestTheCommand:
    def test_tells_what_went_over_and_what_did_not(self, apple, yahoo_is_there, make_instrument, capsys):
        make_instrument("DE000BU2Z031", provider="simulated", asset_class="bond", currency="EUR")
        call_command("use_real_prices")
        told = capsys.readouterr().out
        assert "real now, from yahoo: AAPL" in told
        assert "still simulated (no provider has a name for it): DE000BU2Z031" in told

    def test_refuses_unknown_symbols_and_a_site_that_is_meant_to_be_simulated(
        self, apple, internet, settings
    ):
        with pytest.raises(CommandError, match="Not known here: NOPE"):
            call_command("use_real_prices", "aapl", "nope")
        settings.MARKET_DATA = "simulated"
        with pytest.raises(CommandError, match="meant to be simulated"):
            call_command("use_real_prices")

    def test_says_when_nobody_can_be_reached(self, apple, internet):
        internet.on("/", FAULTS["500"])
        with pytest.raises(CommandError, match="No real prices"):
            call_command("use_real_prices", "AAPL")


class TestANewSite:
    @pytest.fixture
    def world(self, internet):
        internet.on(CHARTS, yahoo.chart(days_until(YESTERDAY, [48.0, 49.0])))
        internet.on(
            "/ecb/" + ecb.WHOLE, Reply(archive("Date,USD,GBP\n2026-11-20,1.1,0.8\n2026-11-19,1.1,0.8\n"))
        )
        operations.load_starter_instruments()
        internet.on(QUOTES, everything())
        return internet

    def test_begins_with_real_prices_where_they_can_be_had(self, world):
        apple, msft = (Instrument.objects.get(symbol=symbol) for symbol in ("AAPL", "MSFT"))
        real = operations.begin_with_real_prices(now=NOW, instrument_ids=[apple.pk, msft.pk])
        assert len(real.adopted) > 500
        assert {bar.instrument_id for bar in PriceBar.objects.all()} == {apple.pk, msft.pk}
        assert FxRate.objects.filter(source="ecb", quote="USD").exists()
        operations.backfill_history(now=NOW)
        simulated = set(Instrument.objects.filter(provider="simulated").values_list("pk", flat=True))
        assert {bar.instrument_id for bar in PriceBar.objects.filter(source="simulated")} <= simulated
        assert not FxRate.objects.filter(source="simulated", quote="USD").exists()

    def test_begins_simulated_at_once_where_not(self, world):
        world.on(QUOTES, FAULTS["hangs"])
        world.on("/ecb/", FAULTS["500"])
        world.on("/ecb/" + ecb.WHOLE, FAULTS["500"])
        world.on(CHARTS, FAULTS["500"])
        apple = Instrument.objects.get(symbol="AAPL")
        real = operations.begin_with_real_prices(now=NOW, instrument_ids=[apple.pk])
        assert (real.adopted, list(real.unreachable)) == ({}, ["yahoo"])
        assert not FxRate.objects.exists()

    def test_asks_nobody_when_it_is_meant_to_be_simulated(self, world, settings):
        settings.MARKET_DATA = "simulated"
        assert operations.begin_with_real_prices(now=NOW, instrument_ids=[]) == operations.Adoption()
        assert world.asked == []

    def test_that_is_meant_to_be_real_makes_nothing_up(self, world, settings):
        settings.MARKET_DATA = "real"
        Instrument.objects.all().delete()
        operations.load_starter_instruments()
        assert not Instrument.objects.filter(provider="simulated").exists()
        bond = Instrument.objects.get(symbol="DE000BU2Z031")
        coin = Instrument.objects.get(symbol="BTC-USD")
        assert (bond.provider, coin.provider, coin.fallback_providers) == ("manual", "coingecko", ["yahoo"])
        apple = Instrument.objects.get(symbol="AAPL")
        operations.begin_with_real_prices(now=NOW, instrument_ids=[apple.pk, bond.pk])
        operations.backfill_history(now=NOW)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}
        assert not FxRate.objects.filter(source="simulated").exists()
