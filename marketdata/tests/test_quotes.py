"""Storing quotes: what is taken, what is left alone, what is told."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata import operations, queries, tasks
from marketdata.domain.validation import fault_in_quote
from marketdata.models import Quote
from marketdata.operations.providing import provider_named
from marketdata.operations.quotes import QuoteRefused
from marketdata.providers.base import ProviderUnavailable, QuoteData
from marketdata.tests.conftest import NOW
from portfolio_site.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db
D = Decimal


def quote(instrument, last="100", **fields):
    return QuoteData(
        instrument_id=instrument.pk, **{"last": D(last), "quoted_at": NOW, "source": "test", **fields}
    )


class TestApplyQuotes:
    def test_stores_and_announces_in_one_statement_each(self, make_instrument, django_assert_max_num_queries):
        some = [make_instrument(f"S{n}") for n in range(5)]
        # what is known, savepoint, upsert, outbox row, savepoint released
        with django_assert_max_num_queries(5):
            applied = operations.apply_quotes(quotes=[quote(i, bid=D(99), ask=D(101)) for i in some], now=NOW)
        assert applied.stored == [i.pk for i in some]
        event = OutboxEvent.objects.get(name="marketdata.prices_refreshed")
        assert event.payload["instrument_ids"] == applied.stored
        found = queries.latest_quote(some[0].pk, now=NOW)
        assert found is not None
        assert (found.bid, found.last, found.ask, found.is_stale) == (99, 100, 101, False)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"last": D("NaN")}, "not a number"),
            ({"last": D("Infinity")}, "not a number"),
            ({"last": D(0)}, "not positive"),
            ({"last": D(-1)}, "not positive"),
            ({"bid": D(0)}, "bid is not positive"),
            ({"bid": D(102), "ask": D(101)}, "bid is above the ask"),
            ({"last": D(10) ** 13}, "absurdly high"),
            ({"quoted_at": NOW + timedelta(minutes=5)}, "future"),
            ({"volume": D(-1)}, "volume is negative"),
            ({"bid_size": D(-1)}, "bid size is negative"),
            ({"ask_size": D("NaN")}, "ask size is not a number"),
        ],
    )
    def test_refuses_what_cannot_be_and_keeps_the_last_good_price(self, make_instrument, fields, reason):
        instrument, other = make_instrument("BAD"), make_instrument("GOOD")
        operations.apply_quotes(quotes=[quote(instrument, quoted_at=NOW - timedelta(minutes=1))], now=NOW)
        applied = operations.apply_quotes(quotes=[quote(instrument, **fields), quote(other)], now=NOW)
        assert reason in applied.refused[instrument.pk]
        assert applied.stored == [other.pk]
        assert Quote.objects.get(pk=instrument.pk).last == 100

    @given(
        last=st.decimals(allow_nan=True, allow_infinity=True),
        bid=st.none() | st.decimals(allow_nan=True, allow_infinity=True),
        ask=st.none() | st.decimals(allow_nan=True, allow_infinity=True),
    )
    @settings(max_examples=300)
    def test_nothing_passes_that_is_not_positive_finite_and_in_order(self, last, bid, ask):
        if fault_in_quote(last=last, bid=bid, ask=ask, quoted_at=NOW, now=NOW) is None:
            prices = [price for price in (last, bid, ask) if price is not None]
            assert all(price.is_finite() and price > 0 for price in prices)
            assert bid is None or ask is None or bid <= ask

    def test_an_older_quote_does_not_replace_a_newer_one(self, make_instrument):
        instrument = make_instrument()
        operations.apply_quotes(quotes=[quote(instrument, "100")], now=NOW)
        applied = operations.apply_quotes(
            quotes=[quote(instrument, "50", quoted_at=NOW - timedelta(seconds=1))], now=NOW
        )
        assert applied.stored == []
        assert Quote.objects.get().last == 100
        assert OutboxEvent.objects.count() == 1

    def test_of_several_for_one_instrument_the_latest_counts(self, make_instrument):
        instrument = make_instrument()
        early = quote(instrument, "1", quoted_at=NOW - timedelta(seconds=9))
        operations.apply_quotes(quotes=[quote(instrument, "2"), early], now=NOW)
        assert Quote.objects.get().last == 2

    def test_units_on_offer_are_kept_and_forgotten_with_their_quote(self, make_instrument):
        share = make_instrument()
        operations.apply_quotes(
            quotes=[quote(share, bid=D(99), ask=D(101), bid_size=D(300), ask_size=D("12.5"))], now=NOW
        )
        found = queries.latest_quotes([share.pk], now=NOW)[share.pk]
        cached = queries.cached_quotes([share.pk], now=NOW)[share.pk]
        assert (found.bid_size, found.ask_size) == (cached.bid_size, cached.ask_size) == (300, D("12.5"))
        operations.apply_quotes(quotes=[quote(share, bid=D(99), ask=D(101))], now=NOW)
        found = queries.latest_quotes([share.pk], now=NOW)[share.pk]
        assert (found.bid_size, found.ask_size) == (None, None)

    def test_instruments_that_are_gone_are_left_out(self, make_instrument):
        instrument = make_instrument()
        ghost = QuoteData(instrument_id=987654321, last=D(1), quoted_at=NOW, source="test")
        assert operations.apply_quotes(quotes=[ghost, quote(instrument)], now=NOW).stored == [instrument.pk]


class TestRefresh:
    @pytest.fixture
    def simulated(self, make_instrument):
        return make_instrument("AAPL", provider="simulated", exchange="XNAS")

    def test_moves_simulated_prices_and_the_cache_follows(
        self, simulated, make_instrument, django_capture_on_commit_callbacks
    ):
        by_hand = make_instrument("OWN")
        with django_capture_on_commit_callbacks(execute=True):
            first = operations.refresh_quotes(now=NOW)
        before = queries.cached_quotes([simulated.pk], now=NOW)[simulated.pk]
        with django_capture_on_commit_callbacks(execute=True):
            operations.refresh_quotes(now=NOW + timedelta(hours=1))
        after = queries.cached_quotes([simulated.pk], now=NOW)[simulated.pk]
        assert first.stored == [simulated.pk]
        assert before.last != after.last
        assert after.is_simulated
        assert queries.latest_quote(by_hand.pk) is None

    def test_warm_cache_needs_no_statement(
        self, simulated, django_capture_on_commit_callbacks, django_assert_num_queries
    ):
        with django_capture_on_commit_callbacks(execute=True):
            operations.refresh_quotes(now=NOW)
        with django_assert_num_queries(0):
            assert queries.cached_quotes([simulated.pk], now=NOW)

    def test_few_statements(self, simulated, django_assert_max_num_queries):
        with django_assert_max_num_queries(7):
            operations.refresh_quotes(now=NOW, providers=["simulated"])

    def test_ticks_off_keeps_the_market_still_and_it_is_not_stale(self, simulated):
        with override_settings(SIMULATED_TICKS=False):
            assert operations.refresh_quotes(now=NOW).stored == [simulated.pk]
            later = NOW + timedelta(days=3)
            assert operations.refresh_quotes(now=later).stored == []
            found = queries.latest_quote(simulated.pk, now=later)
        assert found is not None
        assert not found.is_stale

    def test_closed_exchange_does_not_tick(self, simulated):
        sunday = NOW + timedelta(days=2)
        with override_settings(SIMULATED_SESSION="exchange"):
            assert operations.refresh_quotes(now=NOW).stored == [simulated.pk]
            assert operations.refresh_quotes(now=sunday).stored == []
        assert operations.refresh_quotes(now=sunday).stored == [simulated.pk]

    def test_a_failing_provider_leaves_the_last_price(self, simulated, monkeypatch):
        operations.refresh_quotes(now=NOW)
        price = Quote.objects.get().last

        def fail(*_):
            raise ProviderUnavailable("timed out")

        monkeypatch.setattr(provider_named("simulated"), "quotes", fail)
        assert operations.refresh_quotes(now=NOW + timedelta(minutes=5)).stored == []
        assert Quote.objects.get().last == price
        found = queries.latest_quote(simulated.pk, now=NOW + timedelta(minutes=5))
        assert found is not None
        assert found.is_stale

    def test_delisted_and_own_instruments_are_not_asked_for(self, make_instrument, owner):
        make_instrument("GONE", provider="simulated", is_active=False)
        make_instrument("OWN", provider="simulated", owner=owner)
        assert operations.refresh_quotes(now=NOW).stored == []

    def test_task_refreshes_and_asks_for_history_once_a_day(self, simulated, time_machine, monkeypatch):
        asked: list[object] = []
        monkeypatch.setattr(tasks, "enqueue", asked.append)
        time_machine.move_to(NOW)
        assert tasks.refresh_quotes() == 1
        time_machine.shift(5)
        assert tasks.refresh_quotes() == 1
        assert asked == [tasks.prepare_partitions, tasks.extend_history]
        time_machine.shift(86_400)
        tasks.refresh_quotes()
        assert len(asked) == 4


class TestSetQuote:
    @pytest.fixture
    def share(self, make_instrument):
        instrument = make_instrument("KO", provider="simulated")
        operations.refresh_quotes(now=NOW)
        return instrument

    def test_holds_until_released(self, share):
        operations.set_quote(instrument_id=share.pk, bid=D(10), ask=D(11), now=NOW)
        operations.refresh_quotes(now=NOW + timedelta(minutes=1))
        held = queries.latest_quote(share.pk, now=NOW + timedelta(days=9))
        assert held is not None
        assert (held.bid, held.last, held.ask, held.is_held, held.is_stale) == (
            10,
            D("10.5"),
            11,
            True,
            False,
        )
        assert operations.release_quote(instrument_id=share.pk, now=NOW + timedelta(minutes=2))
        free = queries.latest_quote(share.pk)
        assert free is not None
        assert not free.is_held
        assert free.last > 20
        assert not operations.release_quote(instrument_id=share.pk, now=NOW + timedelta(minutes=3))

    def test_refuses_a_crossed_or_negative_market(self, share):
        for bid, ask in ((D(11), D(10)), (D(-1), D(1)), (D("NaN"), D(1))):
            with pytest.raises(QuoteRefused):
                operations.set_quote(instrument_id=share.pk, bid=bid, ask=ask, now=NOW)

    def test_command_sets_and_releases(self, share, capsys):
        call_command("set_quote", "ko", "--bid", "10", "--ask", "10.02")
        assert Quote.objects.get().bid == 10
        call_command("set_quote", "KO", "--release")
        assert not Quote.objects.get().is_held
        assert "released" in capsys.readouterr().out

    def test_command_takes_sizes_and_has_no_end_of_units_without(self, share):
        call_command("set_quote", share.symbol, "--bid", "9", "--ask", "11")
        unlimited = queries.latest_quotes([share.pk])[share.pk]
        call_command(
            "set_quote", share.symbol, "--bid", "9", "--ask", "11", "--bid-size", "5", "--ask-size", "0.5"
        )
        sized = queries.latest_quotes([share.pk])[share.pk]
        assert (unlimited.bid_size, unlimited.ask_size) == (None, None)
        assert (sized.bid_size, sized.ask_size) == (5, D("0.5"))

    def test_command_returns_once_the_event_was_delivered(self, share):
        call_command("set_quote", "KO", "--bid", "10", "--ask", "10.02")
        assert not OutboxEvent.objects.filter(dispatched_at__isnull=True).exists()

    @pytest.mark.parametrize(
        "arguments", [("NOPE", "--bid", "1", "--ask", "2"), ("KO",), ("KO", "--bid", "3", "--ask", "2")]
    )
    def test_command_says_what_is_wrong(self, share, arguments):
        with pytest.raises(CommandError):
            call_command("set_quote", *arguments)


@pytest.mark.django_db(transaction=True)
class TestTwoRefreshesAtOnce:
    def test_do_not_wait_for_each_other_forever(self, make_instrument):
        some = [make_instrument(f"S{n}") for n in range(50)]
        errors = []

        def apply(order):
            try:
                for n in range(20):
                    now = NOW + timedelta(seconds=n)
                    operations.apply_quotes(quotes=[quote(i, quoted_at=now) for i in order], now=now)
            except Exception as error:  # noqa: BLE001 - told below
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=apply, args=(order,)) for order in (some, some[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert errors == []
        assert Quote.objects.filter(quoted_at=NOW + timedelta(seconds=19)).count() == 50
