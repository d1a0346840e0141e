"""Simulated prices give way to real ones: whole, only when those are here, and not under what was traded at them. The
internet is a server on this machine, asked through the real clients."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from marketdata import operations, queries, tasks
from marketdata.models import (
    CorporateAction,
    FxRate,
    Instrument,
    IntradayBar,
    PriceBar,
    PriceSourceChange,
    Quote,
)
from marketdata.operations import price_sources, real_prices, simulated_use, switching
from marketdata.operations.history.asking import ask_history
from marketdata.operations.history.storing import store_history
from marketdata.operations.providing import provider_named, ref_of
from marketdata.providers import ecb
from marketdata.tests.conftest import bar
from marketdata.tests.providers.test_ecb import archive
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, COINS, QUOTES, days_until, everything, quotes_of
from marketdata.tests.support.vendor import FAULTS, Reply

#: A Friday, an hour and a half before New York closes.
NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
YESTERDAY = date(2026, 11, 19)

pytestmark = pytest.mark.django_db


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


def state_of(instrument: Instrument) -> tuple:
    instrument.refresh_from_db()
    return (
        instrument.provider,
        list(
            PriceBar.objects.filter(instrument=instrument)
            .order_by("date")
            .values_list("date", "close", "source")
        ),
        list(
            CorporateAction.objects.filter(instrument=instrument)
            .order_by("ex_date", "kind")
            .values_list("ex_date", "value")
        ),
        list(Quote.objects.filter(instrument=instrument).values_list("last", "quoted_at", "source")),
    )


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


class TestHalfAnswers:
    """What is missing or odd in an answer never leaves a mixture behind."""

    def test_what_is_traded_in_while_providers_are_asked_stays_simulated(
        self, apple, yahoo_is_there, monkeypatch
    ):
        """An order that was filled at a simulated price after the first look, before the real prices were here."""
        looks = []

        def bought_meanwhile(ids):
            looks.append(ids)
            return [] if len(looks) == 1 else ids

        monkeypatch.setitem(simulated_use._sources, "in a practice account", bought_meanwhile)
        before = state_of(apple)
        assert operations.adopt_real_prices(now=NOW).adopted == {}
        assert len(looks) == 2
        assert state_of(apple) == before

    def test_an_absurd_first_price_is_not_believed(self, apple, yahoo_is_there):
        before = state_of(apple)
        yahoo_is_there.on(QUOTES, quotes_of({"AAPL": yahoo.quote("AAPL", 24460.0, bid=0, ask=0)}))
        why = operations.adopt_real_prices(now=NOW).kept["AAPL"]
        assert why == "its first real price (24460.0) is far from its last close (243.0)"
        assert state_of(apple) == before

    def test_a_split_of_today_is_no_absurd_price(self, apple, yahoo_is_there):
        yahoo_is_there.on(
            CHARTS,
            yahoo.chart(days_until(YESTERDAY, [244.0, 243.0]), splits=[("2026-11-20T09:30:00-05:00", 10, 1)]),
        )
        assert operations.adopt_real_prices(now=NOW).adopted == {"AAPL": "yahoo"}

    def test_without_a_history_the_close_before_is_what_a_price_is_held_against(
        self, internet, make_instrument
    ):
        make_instrument("AAA", provider="simulated", exchange="XNYS")
        internet.on(QUOTES, quotes_of({"AAA": yahoo.quote("AAA", 0.01, bid=0, ask=0)}))
        result = operations.adopt_real_prices(now=NOW)
        assert "far from its last close" in result.kept["AAA"]
        assert not Quote.objects.filter(is_simulated=False).exists()

    def test_those_that_were_left_out_of_an_answer_stay_and_are_asked_for_again_soon(
        self, internet, make_instrument
    ):
        for symbol in ("AAA", "BBB"):
            make_instrument(symbol, provider="simulated", exchange="XNYS")
        rows = {symbol: yahoo.quote(symbol) for symbol in ("AAA", "BBB")}
        internet.on(QUOTES, quotes_of({"AAA": rows["AAA"]}))
        result = operations.adopt_real_prices(now=NOW)
        assert (set(result.adopted), set(result.kept)) == ({"AAA"}, {"BBB"})
        cache.delete(real_prices._key(Instrument.objects.get(symbol="BBB").pk))
        internet.on(QUOTES, quotes_of(rows))
        assert set(operations.adopt_real_prices(now=NOW).adopted) == {"BBB"}

    def test_a_split_that_is_told_of_another_day_counts_once(self, apple, yahoo_is_there):
        CorporateAction.objects.create(
            instrument=apple, ex_date=date(2026, 11, 16), kind="split", value=4, source="starter list"
        )
        yahoo_is_there.on(
            CHARTS,
            yahoo.chart(
                days_until(YESTERDAY, [240.0, 241.5, 243.0]), splits=[("2026-11-17T09:30:00-05:00", 4, 1)]
            ),
        )
        operations.adopt_real_prices(now=NOW)
        splits = CorporateAction.objects.filter(kind="split").values_list("ex_date", flat=True)
        assert list(splits) == [date(2026, 11, 17)]

    def test_one_that_cannot_go_over_holds_up_nobody(
        self, apple, yahoo_is_there, make_instrument, monkeypatch
    ):
        other = make_instrument("AAA", provider="simulated", exchange="XNYS")
        yahoo_is_there.on(QUOTES, quotes_of({"AAPL": yahoo.quote("AAPL", 244.6), "AAA": yahoo.quote("AAA")}))
        real = switching._remove_simulated

        def fail(instrument, history):
            if instrument.pk == other.pk:
                raise IntegrityError("something refers to its prices")
            return real(instrument, history)

        monkeypatch.setattr(switching, "_remove_simulated", fail)
        result = operations.adopt_real_prices(now=NOW)
        assert (result.adopted, result.waiting) == ({"AAPL": "yahoo"}, 1)

    def test_a_minute_that_was_being_made_of_a_simulated_price_goes_later(self, apple, yahoo_is_there):
        operations.adopt_real_prices(now=NOW)
        fields = dict.fromkeys(("open", "high", "low", "close"), 99)
        IntradayBar.objects.create(
            instrument=apple,
            at=NOW,
            quoted_at=NOW,
            seen_at=NOW,
            source="simulated",
            is_simulated=True,
            **fields,
        )
        operations.adopt_real_prices(now=NOW + timedelta(minutes=1))
        assert not IntradayBar.objects.filter(is_simulated=True).exists()


class TestSomebodyWantsIt:
    """An instrument of the list is opened, watched or held for the first time."""

    @pytest.fixture
    def job(self, make_instrument, settings):
        share = make_instrument(
            "AAPL", provider="simulated", exchange="XNAS", provider_symbols={"yahoo": "AAPL"}
        )
        return operations.request_history(instrument_id=share.pk, reason="opened", now=NOW)

    def test_with_the_internet_it_gets_its_real_history_at_once(self, job, yahoo_is_there, time_machine):
        time_machine.move_to(NOW, tick=False)
        tasks.fetch_history(job_id=job.pk)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}
        assert Quote.objects.get().source == "yahoo"
        job.refresh_from_db()
        assert job.state == "done"

    def test_without_it_gets_a_simulated_one_that_says_so(self, job, internet, time_machine):
        time_machine.move_to(NOW, tick=False)
        internet.on("/", FAULTS["500"])
        tasks.fetch_history(job_id=job.pk)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"simulated"}
        job.refresh_from_db()
        assert (job.state, job.instrument.is_simulated) == ("done", True)

    def test_what_is_bound_is_not_asked_for(self, job, yahoo_is_there, monkeypatch, time_machine):
        time_machine.move_to(NOW, tick=False)
        monkeypatch.setitem(simulated_use._sources, "in a practice account", lambda ids: ids)
        tasks.fetch_history(job_id=job.pk)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"simulated"}
        assert yahoo_is_there.asked_for(QUOTES) == []


class TestThePageThatSaysSo:
    def test_tells_who_could_not_be_reached_and_what_has_to_stay(
        self, apple, internet, owner, client_of, monkeypatch
    ):
        listed = operations.create_watchlist(owner=owner, name="Mine", now=NOW)
        operations.add_to_watchlist(watchlist_id=listed.id, instrument_id=apple.pk, actor=owner, now=NOW)
        internet.on("/", FAULTS["500"])
        operations.adopt_real_prices(now=NOW)
        monkeypatch.setitem(simulated_use._sources, "in a practice account", lambda ids: ids)
        told = client_of(owner).get("/markets/health/").content.decode()
        assert "1 instrument has simulated prices, 0 real ones." in told
        assert "not reached: Yahoo (HTTP 500)" in told
        assert "in a practice account" in told

    def test_says_nothing_of_it_where_all_is_real(self, apple, yahoo_is_there, owner, client_of):
        operations.adopt_real_prices(now=NOW)
        assert "Simulated and real prices" not in client_of(owner).get("/markets/health/").content.decode()


class TestLateSimulatedPrices:
    """Worked out before an instrument went over, stored after."""

    def test_of_a_tick_are_not_stored(self, apple, yahoo_is_there):
        tick = provider_named("simulated").quotes([ref_of(apple)], NOW + timedelta(seconds=5)).quotes
        operations.adopt_real_prices(now=NOW)
        operations.apply_quotes(quotes=tick, now=NOW + timedelta(seconds=5), is_trusted=True)
        assert Quote.objects.get().source == "yahoo"

    def test_of_a_history_are_not_stored(self, apple, yahoo_is_there):
        span = {"start": date(2026, 1, 1), "end": YESTERDAY}
        answer = ask_history(apple, actions_until=NOW.date(), **span)
        assert answer.is_simulated
        operations.adopt_real_prices(now=NOW)
        store_history(instrument=apple, answer=answer, now=NOW, **span)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}

    @pytest.mark.django_db(transaction=True)
    def test_that_are_being_stored_are_waited_for(self, apple, yahoo_is_there, monkeypatch):
        """Who holds the lock together with others is in a connection of its own here."""
        monkeypatch.setattr(price_sources, "_PATIENCE_SECONDS", 0.2)
        other = connection.copy()
        try:
            other.set_autocommit(False)
            with other.cursor() as cursor:
                price_sources.share_sources(cursor)
            result = operations.adopt_real_prices(now=NOW)
            assert (result.adopted, result.waiting) == ({}, 1)
            assert set(PriceBar.objects.values_list("source", flat=True)) == {"simulated"}
            other.rollback()
        finally:
            other.close()
        assert operations.adopt_real_prices(now=NOW).adopted == {"AAPL": "yahoo"}


class TestAFailureHalfWay:
    def test_leaves_all_as_it_was(self, apple, yahoo_is_there, monkeypatch):
        before = state_of(apple)

        def fail(**_):
            raise RuntimeError("the lights went out")

        monkeypatch.setattr("marketdata.operations.switching.apply_quotes", fail)
        with pytest.raises(RuntimeError), transaction.atomic():
            operations.adopt_real_prices(now=NOW)
        assert state_of(apple) == before
        assert not PriceSourceChange.objects.exists()


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
        from django.core.cache import cache

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
