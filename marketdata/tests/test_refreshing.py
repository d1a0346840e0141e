"""Fetching quotes: who is asked, who is asked next, what is believed, and what is written down when nobody knows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from marketdata import operations, queries
from marketdata.models import HeldQuote, Instrument, InstrumentTrouble, ProviderHealth, Quote, TroubleKind
from marketdata.operations import interest
from marketdata.operations.gateway import calling, gate
from marketdata.operations.quotes import claims
from marketdata.operations.quotes.candidates import is_in_use
from marketdata.providers.base import (
    BadAnswer,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
    RateLimited,
    SymbolUnknown,
    WrongCurrency,
)
from marketdata.queries import attention
from marketdata.tests.conftest import NOW
from marketdata.tests.scripted import ScriptedProvider, forget_gateway, install
from portfolio_site.kernel import valkey
from portfolio_site.kernel.errors import ForbiddenError
from portfolio_site.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db
D = Decimal
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    forget_gateway()
    attention.forget()
    claims.forget()
    settings.QUOTE_POLL_SECONDS = 0
    monkeypatch.setattr(calling, "_sleep", lambda _seconds: None)
    monkeypatch.setattr(interest, "_sources", {})


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedProvider]:
    return install(monkeypatch, "first", "second")


@pytest.fixture
def first(vendors: list[ScriptedProvider]) -> ScriptedProvider:
    return vendors[0]


@pytest.fixture
def second(vendors: list[ScriptedProvider]) -> ScriptedProvider:
    return vendors[1]


@pytest.fixture
def share(make_instrument: Any, vendors: Any) -> Instrument:
    made: Instrument = make_instrument(
        "ACME", provider="first", fallback_providers=["second"], exchange="XNAS"
    )
    interest.register_interest("test", lambda: Instrument.objects.values_list("pk", flat=True))
    return made


def refresh(minutes: float = 0) -> operations.Refreshed:
    claims.forget()
    valkey.client().delete("hf:quotes:asked-at")
    return operations.refresh_quotes(now=NOW + minutes * MINUTE, providers=["first", "second"])


def last(instrument: Instrument) -> Decimal:
    return Quote.objects.get(pk=instrument.pk).last


class TestFallback:
    def test_the_first_source_serves(self, share: Any, first: Any, second: Any) -> None:
        first.prices = {"ACME": 100}
        assert refresh().stored == [share.pk]
        assert Quote.objects.get().source == "first"
        assert second.asked == []

    @pytest.mark.parametrize(
        "fault",
        [
            SymbolUnknown("no such symbol"),
            BadAnswer("no number"),
            WrongCurrency(expected="USD", got="EUR"),
        ],
    )
    def test_a_symbol_at_fault_goes_to_the_next_and_others_do_not(
        self, share: Any, make_instrument: Any, first: Any, second: Any, fault: Any
    ) -> None:
        fine = make_instrument("FINE", provider="first", fallback_providers=["second"])
        first.prices = {"ACME": fault, "FINE": 5}
        second.prices = {"ACME": 101}
        assert sorted(refresh().stored) == sorted([share.pk, fine.pk])
        assert second.asked == [["ACME"]]
        assert Quote.objects.get(pk=share.pk).source == "second"
        assert not InstrumentTrouble.objects.exists()

    def test_a_provider_that_is_down_is_stood_in_for(self, share: Any, first: Any, second: Any) -> None:
        first.down = ProviderUnavailable("connection refused")
        second.prices = {"ACME": 101}
        assert refresh().stored == [share.pk]
        assert ProviderHealth.objects.get(provider="first").state == "failing"

    def test_what_is_left_out_of_an_answer_is_a_fault_too(self, share: Any, first: Any, second: Any) -> None:
        first.prices, second.prices = {}, {"ACME": 99}
        assert refresh().stored == [share.pk]

    def test_a_price_that_cannot_be_is_refused_and_the_next_is_asked(
        self, share: Any, first: Any, second: Any
    ) -> None:
        first.prices, second.prices = {"ACME": "-5"}, {"ACME": 99}
        result = refresh()
        assert result.stored == [share.pk]
        assert "not positive" in result.refused[share.pk]
        assert last(share) == 99

    def test_nobody_knows_and_the_last_good_price_stays(self, share: Any, first: Any, second: Any) -> None:
        first.prices = {"ACME": 100}
        refresh()
        first.prices = {"ACME": SymbolUnknown("delisted?")}
        second.down = ProviderUnavailable("connection refused")
        result = refresh(30)
        assert result.stored == []
        assert last(share) == 100
        view = queries.latest_quote(share.pk, now=NOW + 30 * MINUTE)
        assert view is not None
        assert (view.is_stale, view.source) == (True, "first")
        trouble = InstrumentTrouble.objects.get()
        assert (trouble.kind, trouble.provider, trouble.times) == (TroubleKind.UNKNOWN_SYMBOL, "first", 1)
        assert trouble.faults == {"first": "delisted?", "second": "connection refused"}

    def test_trouble_counts_and_ends_with_the_next_price(self, share: Any, first: Any, second: Any) -> None:
        refresh()
        refresh(5)
        trouble = InstrumentTrouble.objects.get()
        assert (trouble.times, trouble.since, trouble.last_at) == (2, NOW, NOW + 5 * MINUTE)
        first.prices = {"ACME": 100}
        assert refresh(10).stored == [share.pk]
        assert not InstrumentTrouble.objects.exists()

    def test_the_first_source_is_preferred_again_when_it_is_back(
        self, share: Any, first: Any, second: Any
    ) -> None:
        first.down, second.prices = ProviderUnavailable("down"), {"ACME": 101}
        refresh()
        first.down, first.prices = None, {"ACME": 100}
        gate.reset("first")
        refresh(1)
        assert Quote.objects.get().source == "first"

    def test_what_is_made_up_never_stands_in(self, make_instrument: Any, first: Any, vendors: Any) -> None:
        interest.register_interest("test", lambda: Instrument.objects.values_list("pk", flat=True))
        make_instrument("NEW", provider="first", fallback_providers=["simulated"])
        known = make_instrument("KNOWN", provider="first", fallback_providers=["simulated"])
        operations.apply_quotes(
            quotes=[QuoteData(instrument_id=known.pk, last=D(7), quoted_at=NOW, source="first")], now=NOW
        )
        first.down = ProviderUnavailable("no internet")
        refresh(1)
        assert list(Quote.objects.values_list("instrument", "is_simulated")) == [(known.pk, False)]
        assert last(known) == 7

    def test_hand_kept_instruments_may_have_a_source_to_fall_back_on(
        self, make_instrument: Any, owner: Any, first: Any, vendors: Any
    ) -> None:
        mine = make_instrument("MINE", provider="manual", fallback_providers=["first"], owner=owner)
        interest.register_interest("test", lambda: [mine.pk])
        first.prices = {"MINE": 12}
        assert refresh().stored == [mine.pk]

    def test_an_answer_for_somebody_else_is_not_taken(
        self, share: Any, make_instrument: Any, first: Any
    ) -> None:
        other = make_instrument("OTHER")
        first.prices = {"ACME": QuoteData(instrument_id=other.pk, last=D(1), quoted_at=NOW, source="first")}
        refresh()
        assert not Quote.objects.filter(pk=other.pk).exists()


class TestWhoIsAsked:
    def test_what_matters_is_asked_for_and_the_rest_rarely(
        self, make_instrument: Any, first: Any, vendors: Any
    ) -> None:
        held, other = make_instrument("HELD", provider="first"), make_instrument("OTHER", provider="first")
        interest.register_interest("test", lambda: [held.pk])
        first.prices = {"HELD": 1, "OTHER": 2}
        assert sorted(refresh().stored) == sorted([held.pk, other.pk]), "the rest never had a price"
        first.asked.clear()
        cache.clear()
        refresh(1)
        assert first.asked == [["HELD"]]
        first.asked.clear()
        cache.clear()
        refresh(25 * 60)
        assert sorted(first.asked[0]) == ["HELD", "OTHER"]

    def test_batches_are_as_large_as_the_provider_takes(
        self, make_instrument: Any, first: Any, vendors: Any
    ) -> None:
        made = [make_instrument(f"S{n:03}", provider="first") for n in range(120)]
        interest.register_interest("test", lambda: [one.pk for one in made])
        first.prices = {one.symbol: 1 for one in made}
        refresh()
        assert [len(symbols) for symbols in first.asked] == [50, 50, 20]

    def test_what_was_asked_for_just_now_is_not_asked_for_again(
        self, share: Any, first: Any, settings: Any
    ) -> None:
        settings.QUOTE_POLL_SECONDS = 15
        first.prices = {"ACME": 100}
        for _ in range(3):
            operations.refresh_quotes(now=NOW, providers=["first"])
        assert len(first.asked) == 1

    def test_a_small_quota_makes_the_rounds_slower(
        self, make_instrument: Any, first: Any, settings: Any
    ) -> None:
        from marketdata.domain.polling import round_seconds

        assert round_seconds(count=10, per_call=1, per_minute=5, per_day=25, wanted=15) == 10 * 86_400 / 20
        assert round_seconds(count=10, per_call=50, per_minute=60, per_day=None, wanted=15) == 15

    def test_delisted_and_hand_held_ones_are_left_alone(
        self, share: Any, make_instrument: Any, first: Any
    ) -> None:
        make_instrument("GONE", provider="first", is_active=False)
        operations.set_quote(instrument_id=share.pk, bid=D(1), ask=D(2), now=NOW)
        refresh()
        assert first.asked == []

    def test_a_closed_market_is_asked_rarely(self, share: Any, first: Any) -> None:
        first.prices = {"ACME": 100}
        sunday = NOW + timedelta(days=2)
        for _ in range(2):
            operations.refresh_quotes(now=sunday, providers=["first"])
        assert len(first.asked) == 1

    def test_a_limit_that_is_spent_is_no_trouble(
        self, share: Any, first: Any, second: Any, settings: Any
    ) -> None:
        settings.PROVIDER_LIMITS = {"first": (1, None)}
        first.prices = {"ACME": 100}
        refresh()
        assert refresh(1).stored == []
        assert second.asked == []
        assert not InstrumentTrouble.objects.exists()

    def test_a_provider_that_wants_a_rest_is_stood_in_for(self, share: Any, first: Any, second: Any) -> None:
        first.down, second.prices = RateLimited("429", retry_after=600), {"ACME": 101}
        refresh()
        refresh(1)
        assert len(first.asked) == 1
        assert last(share) == 101

    def test_providers_nobody_uses_are_known(self, share: Any) -> None:
        assert is_in_use("first")
        assert is_in_use("second")
        assert not is_in_use("third")


class TestJumps:
    @pytest.fixture
    def known(self, share: Any, first: Any) -> Any:
        first.prices = {"ACME": 100}
        refresh()
        OutboxEvent.objects.all().delete()
        return share

    def test_are_held_and_the_last_good_price_stays(self, known: Any, first: Any) -> None:
        first.prices = {"ACME": 200}
        result = refresh(1)
        assert (list(result.held), result.stored, last(known)) == ([known.pk], [], 100)
        held = HeldQuote.objects.get()
        assert (held.last, held.known_last, held.source, held.limit) == (200, 100, "first", D("0.25"))
        assert not OutboxEvent.objects.exists()
        assert not InstrumentTrouble.objects.exists()

    def test_the_next_tick_confirms(self, known: Any, first: Any) -> None:
        first.prices = {"ACME": 200}
        refresh(1)
        first.prices = {"ACME": 202}
        assert refresh(2).stored == [known.pk]
        assert last(known) == 202
        assert not HeldQuote.objects.exists()

    def test_the_same_answer_again_does_not(self, known: Any, first: Any) -> None:
        same = QuoteData(instrument_id=known.pk, last=D(200), quoted_at=NOW + MINUTE, source="first")
        first.prices = {"ACME": same}
        for minutes in (1, 2, 3):
            assert refresh(minutes).stored == []
        assert HeldQuote.objects.get().held_at == NOW + MINUTE
        assert HeldQuote.objects.get().seen_at == NOW + 3 * MINUTE

    def test_another_source_confirms_at_once(self, known: Any, first: Any, second: Any) -> None:
        first.prices, second.prices = {"ACME": 200}, {"ACME": 201}
        assert refresh(1).stored == [known.pk]
        assert last(known) == 201
        assert not HeldQuote.objects.exists()

    def test_another_source_may_say_that_nothing_happened(self, known: Any, first: Any, second: Any) -> None:
        first.prices, second.prices = {"ACME": 20000}, {"ACME": 101}
        result = refresh(1)
        assert (result.stored, result.held) == ([known.pk], {})
        assert last(known) == 101

    def test_the_same_vendor_by_another_way_is_no_other_source(self, known: Any, first: Any) -> None:
        at = NOW + MINUTE
        for way in ("first", "first stream", "first"):
            first.prices = {"ACME": QuoteData(instrument_id=known.pk, last=D(200), quoted_at=at, source=way)}
            assert refresh(1).stored == []

    def test_one_that_goes_back_is_dropped(self, known: Any, first: Any) -> None:
        first.prices = {"ACME": 200}
        refresh(1)
        first.prices = {"ACME": 100.5}
        assert refresh(2).stored == [known.pk]
        assert not HeldQuote.objects.exists()

    def test_two_jumps_to_different_prices_confirm_nothing(self, known: Any, first: Any) -> None:
        for minutes, price in ((1, 200), (2, 400), (3, 50)):
            first.prices = {"ACME": price}
            assert refresh(minutes).stored == []
        assert HeldQuote.objects.get().last == 50

    def test_pence_for_pounds_are_never_believed_from_one_answer(self, known: Any, first: Any) -> None:
        first.prices = {"ACME": 10000}
        assert refresh(60 * 24 * 300).stored == []

    def test_the_limit_is_that_of_the_kind(self, make_instrument: Any, first: Any, settings: Any) -> None:
        coin = make_instrument("BTC", provider="first", asset_class="crypto")
        share = make_instrument("KO", provider="first")
        interest.register_interest("test", lambda: [coin.pk, share.pk])
        first.prices = {"BTC": 100, "KO": 100}
        refresh()
        first.prices = {"BTC": 135, "KO": 135}
        result = refresh(1)
        assert (result.stored, list(result.held)) == ([coin.pk], [share.pk])

    def test_after_weeks_a_price_may_have_moved_further(self, known: Any, first: Any) -> None:
        first.prices = {"ACME": 160}
        assert refresh(60 * 24 * 7).stored == [known.pk]

    def test_a_split_on_record_is_no_jump(self, known: Any, first: Any) -> None:
        from marketdata.models import CorporateAction

        CorporateAction.objects.create(
            instrument=known, ex_date=(NOW + timedelta(days=1)).date(), kind="split", value=4, source="test"
        )
        first.prices = {"ACME": "25.3"}
        assert refresh(60 * 24).stored == [known.pk]

    def test_an_older_answer_neither_counts_nor_drops_what_is_held(
        self, known: Any, first: Any, second: Any
    ) -> None:
        first.prices = {"ACME": 200}
        second.prices = {
            "ACME": QuoteData(instrument_id=known.pk, last=D(100), quoted_at=NOW - MINUTE, source="second")
        }
        refresh(1)
        assert HeldQuote.objects.exists()
        assert last(known) == 100

    def test_what_a_person_says_is_taken(self, make_instrument: Any, owner: Any) -> None:
        mine = make_instrument("MINE", owner=owner)
        for minutes, price in ((0, 10), (1, 10000)):
            now = NOW + minutes * MINUTE
            operations.record_price(
                instrument_id=mine.pk, day=now.date(), price=D(price), actor=owner, now=now
            )
        assert last(mine) == 10000

    def test_a_person_decides(self, known: Any, first: Any, owner: Any, admin_user: Any) -> None:
        first.prices = {"ACME": 200}
        refresh(1)
        with pytest.raises(ForbiddenError):
            operations.confirm_held_quote(instrument_id=known.pk, actor=owner, now=NOW + 2 * MINUTE)
        operations.confirm_held_quote(instrument_id=known.pk, actor=admin_user, now=NOW + 2 * MINUTE)
        assert last(known) == 200
        assert not HeldQuote.objects.exists()
        first.prices = {"ACME": 900}
        refresh(3)
        operations.dismiss_held_quote(instrument_id=known.pk, actor=admin_user, now=NOW + 4 * MINUTE)
        assert (last(known), HeldQuote.objects.exists()) == (200, False)


class TestUnchanged:
    def test_the_same_answer_announces_nothing(self, share: Any, first: Any) -> None:
        same = QuoteData(instrument_id=share.pk, last=D(100), quoted_at=NOW, source="first")
        first.prices = {"ACME": same}
        assert refresh().stored == [share.pk]
        assert refresh(1).stored == []
        assert OutboxEvent.objects.count() == 1
        assert Quote.objects.get().received_at == NOW + MINUTE


class TestOneHangsAndTheOthersGoOn:
    def test_a_fault_of_an_adapter_reaches_nobody(self, share: Any, first: Any, second: Any) -> None:
        def broken(_refs: Any, _at: Any) -> QuoteBatch:
            raise RuntimeError("a bug")

        first.script, second.prices = broken, {"ACME": 101}
        assert refresh().stored == [share.pk]
