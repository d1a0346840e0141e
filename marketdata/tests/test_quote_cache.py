"""Cached quotes: exactly what was stored, believed as long as the market's hours allow, renewed by who looks at them."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from marketdata import operations, queries, tasks
from marketdata.models import Instrument, Quote
from marketdata.operations import interest
from marketdata.operations.quotes import claims
from marketdata.providers.base import QuoteData
from marketdata.queries import attention, quote_cache
from marketdata.tests.conftest import NOW
from marketdata.tests.scripted import forget_gateway, install
from portfolio_site.kernel import valkey
from tests.support.own_valkey import OwnValkey

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_gateway()
    attention.forget()
    claims.forget()
    monkeypatch.setattr(interest, "_sources", {})


@pytest.fixture
def share(make_instrument: Any) -> Instrument:
    made: Instrument = make_instrument("ACME", provider="vendor", exchange="XNAS")
    return made


def store(instrument: Instrument, capture: Any, last: str = "100.123456789012", **fields: Any) -> None:
    quote = QuoteData(
        instrument_id=instrument.pk, **{"last": D(last), "quoted_at": NOW, "source": "vendor", **fields}
    )
    with capture(execute=True):
        operations.apply_quotes(quotes=[quote], now=NOW, is_trusted=True)


class TestEntries:
    def test_are_what_the_database_has(
        self, share: Instrument, django_capture_on_commit_callbacks: Any, django_assert_num_queries: Any
    ) -> None:
        store(
            share,
            django_capture_on_commit_callbacks,
            bid=D("100.1"),
            ask=D("100.2"),
            bid_size=D("7.5"),
            volume=D("12345678901.5"),
            quoted_at=NOW - timedelta(microseconds=1),
            previous_close=D("99"),
        )
        truth = queries.latest_quotes([share.pk], now=NOW)
        with django_assert_num_queries(0):
            assert queries.cached_quotes([share.pk], now=NOW) == truth

    def test_written_after_a_look_are_the_same_as_written_by_a_refresh(
        self, share: Instrument, django_capture_on_commit_callbacks: Any
    ) -> None:
        store(share, django_capture_on_commit_callbacks, ask=D("101"), ask_size=D(3))
        ((by_refresh, _),) = quote_cache.read([share.pk])
        valkey.client().delete("hf:quotes:3")
        queries.cached_quotes([share.pk], now=NOW)
        ((by_look, _),) = quote_cache.read([share.pk])
        assert by_look == by_refresh

    def test_of_a_look_never_replace_those_of_a_later_refresh(
        self, share: Instrument, django_capture_on_commit_callbacks: Any
    ) -> None:
        Quote.objects.create(instrument=share, last=1, quoted_at=NOW, received_at=NOW, source="vendor")
        since = time.time()
        old = queries.latest_quotes([share.pk], now=NOW)
        store(share, django_capture_on_commit_callbacks, last="2", quoted_at=NOW)
        quote_cache.write_read(old.values(), since=since - 0.001)
        assert queries.cached_quotes([share.pk], now=NOW)[share.pk].last == 2

    @pytest.mark.parametrize(("now", "seconds"), [(NOW, 30), (NOW + timedelta(days=2), 600)])
    def test_are_believed_by_the_hours_of_the_market(
        self,
        share: Instrument,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
        now: datetime,
        seconds: float,
    ) -> None:
        store(share, django_capture_on_commit_callbacks, last="5")
        Quote.objects.update(last=6)
        real = time.time()
        monkeypatch.setattr(time, "time", lambda: real + seconds - 5)
        assert queries.cached_quotes([share.pk], now=now)[share.pk].last == 5
        monkeypatch.setattr(time, "time", lambda: real + seconds + 5)
        assert queries.cached_quotes([share.pk], now=now)[share.pk].last == 6

    def test_two_hundred_warm_ones_need_no_statement_and_no_provider(
        self,
        make_instrument: Any,
        django_capture_on_commit_callbacks: Any,
        django_assert_num_queries: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (vendor,) = install(monkeypatch, "vendor")
        made = [make_instrument(f"S{n}", provider="vendor", exchange="XNAS") for n in range(200)]
        with django_capture_on_commit_callbacks(execute=True):
            operations.apply_quotes(
                quotes=[
                    QuoteData(instrument_id=one.pk, last=D(n + 1), quoted_at=NOW, source="vendor")
                    for n, one in enumerate(made)
                ],
                now=NOW,
            )
        with django_assert_num_queries(0):
            assert len(queries.cached_quotes([one.pk for one in made], now=NOW)) == 200
        assert vendor.asked == []

    def test_a_server_that_dies_and_returns_costs_a_look_at_the_database(
        self,
        share: Instrument,
        own_valkey: OwnValkey,
        settings: Any,
        django_capture_on_commit_callbacks: Any,
        django_assert_num_queries: Any,
    ) -> None:
        settings.REDIS_LOCATION = own_valkey.url
        store(share, django_capture_on_commit_callbacks, last="5")
        own_valkey.kill()
        store(share, django_capture_on_commit_callbacks, last="6", quoted_at=NOW + timedelta(seconds=1))
        with django_assert_num_queries(1):
            assert queries.cached_quotes([share.pk], now=NOW)[share.pk].last == 6
        own_valkey.start()
        time.sleep(0.1)
        assert queries.cached_quotes([share.pk], now=NOW)[share.pk].last == 6
        with django_assert_num_queries(0):
            assert queries.cached_quotes([share.pk], now=NOW)[share.pk].last == 6


class TestAttention:
    def test_what_is_looked_at_matters_for_a_while(
        self,
        share: Instrument,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        store(share, django_capture_on_commit_callbacks)
        assert operations.instruments_that_matter() == set()
        queries.cached_quotes([share.pk], now=NOW)
        assert operations.instruments_that_matter() == {share.pk}
        real = time.time()
        monkeypatch.setattr(time, "time", lambda: real + attention.LOOKED_AT_SECONDS + 1)
        assert operations.instruments_that_matter() == set()

    def test_who_looks_at_an_old_price_gets_it_and_has_it_refreshed_once(
        self,
        share: Instrument,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (vendor,) = install(monkeypatch, "vendor")
        vendor.prices = {"ACME": 101}
        store(share, django_capture_on_commit_callbacks, last="100")
        later = NOW + timedelta(minutes=5)
        told: list[int] = []
        monkeypatch.setattr(attention, "_when_wanted", {lambda: told.append(1)})
        for _ in range(5):
            assert queries.cached_quotes([share.pk], now=later)[share.pk].last == 100
        assert (told, vendor.asked) == ([1], []), "nothing is asked while the page is made"
        monkeypatch.setattr("portfolio_site.kernel.clock.now", lambda: later)
        assert tasks.refresh_wanted() == 1
        assert vendor.asked == [["ACME"]]
        assert tasks.refresh_wanted() == 0
        assert queries.latest_quotes([share.pk], now=later)[share.pk].last == 101

    @pytest.mark.parametrize("provider", ["manual", "simulated"])
    def test_what_nobody_can_be_asked_for_is_not_wanted(
        self,
        make_instrument: Any,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
        provider: str,
    ) -> None:
        told: list[int] = []
        monkeypatch.setattr(attention, "_when_wanted", {lambda: told.append(1)})
        made = make_instrument("X", provider=provider)
        store(made, django_capture_on_commit_callbacks)
        queries.cached_quotes([made.pk], now=NOW + timedelta(days=40))
        assert told == []

    def test_watched_instruments_matter(self, share: Instrument, owner: Any, monkeypatch: Any) -> None:
        interest.register_interest("watchlists", interest._watched)
        made = operations.create_watchlist(owner=owner, name="Mine", now=NOW)
        operations.add_to_watchlist(watchlist_id=made.id, instrument_id=share.pk, actor=owner, now=NOW)
        assert operations.instruments_that_matter() == {share.pk}

    def test_without_valkey_pages_do_not_notice(self, share: Instrument, settings: Any) -> None:
        settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"
        attention.note_ids([share.pk])
        attention.want([share.pk])
        assert attention.take_wanted() == []
        assert attention.recently_looked_at() == set()


class TestClaims:
    @pytest.fixture(params=["together", "alone"])
    def _how(self, request: pytest.FixtureRequest, settings: Any) -> None:
        if request.param == "alone":
            settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"

    @pytest.mark.usefixtures("_how")
    def test_are_good_for_their_interval(self) -> None:
        assert claims.claim({1: 60, 2: 60}) == {1, 2}
        assert claims.claim({1: 60, 2: 0, 3: 60}) == {2, 3}
        claims.give_back([1])
        assert claims.claim({1: 60}) == {1}
        claims.touch([9])
        assert claims.claim({9: 60}) == set()

    def test_of_many_threads_one_gets_each(self) -> None:
        taken: list[int] = []

        def take() -> None:
            taken.extend(claims.claim(dict.fromkeys(range(2500), 60.0)))
            connection.close()

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == list(range(2500))
