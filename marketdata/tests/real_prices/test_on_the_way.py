"""What happens while real prices take over: half answers, pages, failures half way."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction

from marketdata import operations, tasks
from marketdata.models import (
    CorporateAction,
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
from marketdata.tests.real_prices.support import NOW, YESTERDAY, state_of
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, QUOTES, days_until, quotes_of
from marketdata.tests.support.vendor import FAULTS

pytestmark = pytest.mark.django_db


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
