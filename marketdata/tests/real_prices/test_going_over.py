"""Real prices take over from simulated ones, or do not, as a whole."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from marketdata import operations, queries
from marketdata.models import (
    CorporateAction,
    IntradayBar,
    PriceBar,
    PriceSourceChange,
    Quote,
)
from marketdata.operations import simulated_use
from marketdata.tests.conftest import bar
from marketdata.tests.real_prices.support import NOW, YESTERDAY, state_of
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, COINS, QUOTES, days_until, quotes_of
from marketdata.tests.support.vendor import FAULTS, Reply

pytestmark = pytest.mark.django_db


class TestGoingOver:
    def test_everything_simulated_goes_and_the_real_history_comes(self, apple, yahoo_is_there):
        result = operations.adopt_real_prices(now=NOW)
        assert result.adopted == {"AAPL": "yahoo"}
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}
        assert list(PriceBar.objects.order_by("date").values_list("close", flat=True)) == [
            240,
            Decimal("241.5"),
            243,
        ]
        assert list(CorporateAction.objects.values_list("value", "source")) == [(Decimal("0.26"), "yahoo")]
        assert not IntradayBar.objects.filter(is_simulated=True).exists()
        quote = queries.latest_quote(apple.pk, now=NOW)
        assert quote is not None
        assert (quote.last, quote.source, quote.is_simulated) == (Decimal("244.6"), "yahoo", False)
        apple.refresh_from_db()
        assert (apple.provider, apple.anchor_date) == ("yahoo", None)

    def test_it_is_put_on_record(self, apple, yahoo_is_there):
        before = PriceBar.objects.count()
        operations.adopt_real_prices(now=NOW)
        change = PriceSourceChange.objects.get()
        assert (change.instrument, change.changed_at) == (apple, NOW)
        assert (change.from_provider, change.to_provider, change.history_source) == (
            "simulated",
            "yahoo",
            "yahoo",
        )
        assert (change.bars_removed, change.bars_added) == (before, 3)

    def test_it_happens_once(self, apple, yahoo_is_there):
        operations.adopt_real_prices(now=NOW)
        asked = len(yahoo_is_there.asked)
        assert operations.adopt_real_prices(now=NOW).adopted == {}
        assert len(yahoo_is_there.asked) == asked

    def test_refreshes_go_on_with_the_real_provider(self, apple, yahoo_is_there):
        operations.adopt_real_prices(now=NOW)
        later = NOW + timedelta(minutes=10)
        row = yahoo.quote("AAPL", 245.1, regularMarketTime=int(later.timestamp()) - 60)
        yahoo_is_there.on(QUOTES, quotes_of({"AAPL": row}))
        operations.register_interest("test", lambda: [apple.pk])
        try:
            operations.refresh_quotes(now=later)
        finally:
            operations.register_interest("test", list)
        assert Quote.objects.get().last == Decimal("245.1")

    def test_prices_from_files_stay(self, apple, yahoo_is_there):
        bar(apple, "2012-01-03", "411.23", source="file prices.csv")
        operations.adopt_real_prices(now=NOW)
        assert PriceBar.objects.get(date=date(2012, 1, 3)).close == Decimal("411.23")

    def test_without_a_history_a_price_is_enough(self, internet, make_instrument):
        for symbol in ("AAA", "BBB"):
            make_instrument(symbol, provider="simulated", exchange="XNYS")
        internet.on(QUOTES, quotes_of({symbol: yahoo.quote(symbol) for symbol in ("AAA", "BBB")}))
        assert set(operations.adopt_real_prices(now=NOW).adopted) == {"AAA", "BBB"}
        assert len(internet.asked_for(QUOTES)) == 1
        assert internet.asked_for(CHARTS) == []
        assert set(Quote.objects.values_list("source", flat=True)) == {"yahoo"}

    def test_pence_stay_pounds(self, internet, make_instrument):
        shell = make_instrument(
            "SHEL.L", provider="simulated", exchange="XLON", currency="GBP", quoted_in="GBp"
        )
        internet.on(
            QUOTES,
            quotes_of(
                {
                    "SHEL.L": yahoo.quote(
                        "SHEL.L", 2650.5, regularMarketPreviousClose=2640, currency="GBp", bid=0, ask=0
                    )
                }
            ),
        )
        operations.adopt_real_prices(now=NOW)
        assert Quote.objects.get(instrument=shell).last == Decimal("26.505")


class TestCoins:
    @pytest.fixture
    def bitcoin(self, make_instrument):
        names = {"yahoo": "BTC-USD", "coingecko": "bitcoin"}
        coin = make_instrument("BTC-USD", provider="simulated", asset_class="crypto", provider_symbols=names)
        operations.backfill_history(now=NOW, instrument_ids=[coin.pk], years=1)
        return coin

    @pytest.fixture
    def charts(self, internet):
        internet.on(CHARTS, yahoo.chart(days_until(YESTERDAY, [90000.0, 91000.0]), zone="UTC"))
        internet.on(QUOTES, quotes_of({"BTC-USD": yahoo.quote("BTC-USD", 91600.0)}))
        return internet

    def test_are_priced_by_coingecko_with_the_long_history_of_yahoo(self, bitcoin, charts):
        price = {"usd": 91500.5, "usd_24h_change": 1.5, "last_updated_at": int(NOW.timestamp()) - 30}
        charts.on(COINS, {"bitcoin": price})
        assert operations.adopt_real_prices(now=NOW).adopted == {"BTC-USD": "coingecko"}
        bitcoin.refresh_from_db()
        assert (bitcoin.provider, bitcoin.fallback_providers) == ("coingecko", ["yahoo"])
        assert Quote.objects.get().source == "coingecko"
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}

    def test_are_priced_by_yahoo_where_coingecko_is_away(self, bitcoin, charts):
        charts.on(COINS, FAULTS["429 with Retry-After"])
        result = operations.adopt_real_prices(now=NOW)
        assert result.adopted == {"BTC-USD": "yahoo"}
        assert "coingecko" in result.unreachable
        bitcoin.refresh_from_db()
        assert bitcoin.fallback_providers == ["coingecko"]


class TestStayingSimulated:
    @pytest.mark.parametrize("fault", ["429", "401", "500", "web page", "hangs", "cut off", "another shape"])
    def test_while_nobody_answers(self, apple, internet, fault):
        before = state_of(apple)
        internet.on("/", FAULTS[fault])
        internet.on("/v1/test/getcrumb", FAULTS[fault])
        result = operations.adopt_real_prices(now=NOW)
        assert (result.adopted, result.waiting) == ({}, 1)
        assert list(result.unreachable) == ["yahoo"]
        assert state_of(apple) == before

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ({"currency": "EUR"}, "quotes in EUR, expected USD"),
            ({"regularMarketPrice": -1}, "not positive"),
            ({"regularMarketPrice": None}, "no price"),
            ({"regularMarketTime": 1561759658}, "its last real price is of 28 June 2019"),
            (None, "no quote"),
        ],
    )
    def test_what_has_no_good_price_and_is_not_asked_for_again_that_day(
        self, apple, yahoo_is_there, row, why
    ):
        before = state_of(apple)
        yahoo_is_there.on(
            QUOTES, quotes_of({} if row is None else {"AAPL": yahoo.quote("AAPL", 244.6) | row})
        )
        assert why in operations.adopt_real_prices(now=NOW).kept["AAPL"]
        assert state_of(apple) == before
        asked = len(yahoo_is_there.asked)
        operations.adopt_real_prices(now=NOW)
        assert len(yahoo_is_there.asked) == asked

    @pytest.mark.parametrize(
        "chart",
        [
            Reply(yahoo.NO_DATA, status=404),
            Reply(yahoo.NOT_THEN, status=400),
            yahoo.chart([]),
            yahoo.chart(days_until(date(2026, 10, 1), [200.0, 201.0])),
        ],
    )
    def test_what_has_no_history_up_to_these_days(self, apple, yahoo_is_there, chart):
        before = state_of(apple)
        yahoo_is_there.on(CHARTS, chart)
        assert "history" in operations.adopt_real_prices(now=NOW).kept["AAPL"]
        assert state_of(apple) == before

    @pytest.mark.parametrize("fault", ["429 with Retry-After", "500", "hangs", "web page"])
    def test_until_its_history_can_be_had(self, apple, yahoo_is_there, fault):
        before = state_of(apple)
        good = yahoo_is_there._answers[CHARTS]
        yahoo_is_there.on(CHARTS, FAULTS[fault])
        assert operations.adopt_real_prices(now=NOW).adopted == {}
        assert state_of(apple) == before
        yahoo_is_there.on(CHARTS, good.body)
        from marketdata.models import ProviderHealth
        from marketdata.tests.scripted import forget_gateway

        ProviderHealth.objects.all().delete()
        forget_gateway()
        assert operations.adopt_real_prices(now=NOW).adopted == {"AAPL": "yahoo"}

    def test_what_was_traded_in_at_simulated_prices(self, apple, yahoo_is_there, monkeypatch):
        monkeypatch.setitem(
            simulated_use._sources, "in a practice account", lambda ids: [pk for pk in ids if pk == apple.pk]
        )
        before = state_of(apple)
        assert operations.adopt_real_prices(now=NOW).kept == {
            "AAPL": "traded at simulated prices: in a practice account"
        }
        assert state_of(apple) == before
        assert operations.adopt_real_prices(now=NOW, even_if_used=True).adopted == {"AAPL": "yahoo"}

    def test_what_has_a_price_set_by_hand(self, apple, yahoo_is_there):
        operations.set_quote(instrument_id=apple.pk, bid=Decimal(99), ask=Decimal(101), now=NOW)
        assert operations.adopt_real_prices(now=NOW).kept == {"AAPL": "its price is set by hand"}
        assert Quote.objects.get().last == 100

    def test_what_nobody_has_a_name_for(self, internet, make_instrument):
        make_instrument("DE000BU2Z031", provider="simulated", asset_class="bond", currency="EUR")
        make_instrument(
            "XAU-USD", provider="simulated", asset_class="commodity", provider_symbols={"yahoo": "GC=F"}
        )
        assert set(operations.adopt_real_prices(now=NOW).kept.values()) == {"no provider has a name for it"}
        assert internet.asked == []

    def test_what_belongs_to_a_person(self, internet, make_instrument, owner):
        make_instrument("AAPL", provider="simulated", owner=owner)
        assert operations.adopt_real_prices(now=NOW) == operations.Adoption()

    def test_a_site_that_is_meant_to_be(self, apple, yahoo_is_there, settings):
        settings.MARKET_DATA = "simulated"
        assert operations.adopt_real_prices(now=NOW).adopted == {}
        assert yahoo_is_there.asked == []
        # Unless somebody names what they want.
        assert operations.adopt_real_prices(now=NOW, instrument_ids=[apple.pk]).adopted == {"AAPL": "yahoo"}
