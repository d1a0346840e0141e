"""Reading prices, rates and instruments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from marketdata import queries
from marketdata.domain.currencies import chain, triangulate
from marketdata.domain.staleness import quote_is_stale
from marketdata.models import CorporateAction, Instrument, Quote
from marketdata.queries.hours import just_opened
from marketdata.tests.conftest import NOW, bar, rate

pytestmark = pytest.mark.django_db
D = Decimal


class TestFxRate:
    def test_same_currency_is_exactly_one_without_any_rate(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert queries.fx_rate(base="EUR", quote="EUR", on=date(2026, 1, 1)) == 1

    def test_last_rate_on_or_before_the_day_applies(self, django_assert_num_queries):
        rate("EUR", "USD", "2026-01-02", "1.1")
        rate("EUR", "USD", "2026-01-09", "1.2")
        with django_assert_num_queries(1):
            found = queries.fx_rate_view(base="EUR", quote="USD", on=date(2026, 1, 8))
        assert (found.rate, found.date) == (D("1.1"), date(2026, 1, 2))

    def test_inverse_and_cross_are_derived(self):
        rate("EUR", "USD", "2026-01-02", "1.25")
        rate("EUR", "CHF", "2026-01-02", "0.9")
        assert queries.fx_rate(base="USD", quote="EUR", on=date(2026, 1, 3)) == D("0.8")
        assert queries.fx_rate(base="USD", quote="CHF", on=date(2026, 1, 3)) == D("0.72")

    def test_cross_may_take_three_legs(self):
        rate("EUR", "USD", "2026-01-02", "1.25")
        rate("EUR", "SEK", "2026-01-02", "10")
        rate("USD", "JPY", "2026-01-02", "160")
        found = queries.fx_rate_view(base="SEK", quote="JPY", on=date(2026, 1, 3))
        assert found.rate == 20
        assert len(found.legs) == 3

    def test_direct_rate_beats_a_cross(self):
        rate("EUR", "USD", "2026-01-02", "1.25")
        rate("EUR", "CHF", "2026-01-02", "0.9")
        rate("USD", "CHF", "2026-01-02", "0.73")
        assert queries.fx_rate(base="USD", quote="CHF", on=date(2026, 1, 3)) == D("0.73")

    def test_pence_are_hundredths(self):
        rate("EUR", "GBP", "2026-01-02", "0.8")
        assert queries.fx_rate(base="GBp", quote="GBP", on=date(2026, 1, 2)) == D("0.01")
        assert queries.fx_rate(base="GBp", quote="EUR", on=date(2026, 1, 2)) == D("0.0125")

    def test_missing_is_an_error_and_never_one(self):
        rate("EUR", "USD", "2026-01-02", "1.25")
        with pytest.raises(queries.FxRateMissing, match="from EUR to USD on or before 2026-01-01"):
            queries.fx_rate(base="EUR", quote="USD", on=date(2026, 1, 1))
        with pytest.raises(queries.FxRateMissing):
            queries.fx_rate(base="EUR", quote="XYZ", on=date(2026, 1, 5))

    def test_simulated_says_so(self):
        rate("EUR", "USD", "2026-01-02", "1.25", source="simulated")
        assert queries.fx_rate_view(base="USD", quote="EUR", on=date(2026, 1, 3)).is_simulated

    def test_series_carries_in_and_crosses(self, django_assert_num_queries):
        rate("EUR", "USD", "2025-12-30", "1.0")
        rate("EUR", "USD", "2026-01-05", "2.0")
        rate("EUR", "CHF", "2026-01-02", "1.0")
        with django_assert_num_queries(1):
            found = queries.fx_rates_between(
                [("EUR", "USD"), ("USD", "CHF"), ("EUR", "EUR")], date(2026, 1, 1), date(2026, 1, 31)
            )
        assert found["EUR", "USD"] == {date(2025, 12, 30): 1, date(2026, 1, 5): 2}
        assert found["USD", "CHF"] == {date(2026, 1, 2): 1, date(2026, 1, 5): D("0.5")}
        assert found["EUR", "EUR"] == {date(2026, 1, 1): 1}

    @given(
        rates=st.lists(st.decimals("0.0001", "9999", places=6), min_size=3, max_size=3),
    )
    def test_a_round_trip_comes_back(self, rates):
        known = {("EUR", "USD"): rates[0], ("EUR", "CHF"): rates[1], ("USD", "JPY"): rates[2]}
        there = triangulate("CHF", "JPY", known)
        back = triangulate("JPY", "CHF", known)
        assert there is not None
        assert back is not None
        assert abs(chain(known, there) * chain(known, back) - 1) < D("1e-20")


class TestCloses:
    def test_by_instrument_and_day_in_one_statement(self, make_instrument, django_assert_num_queries):
        one, two = make_instrument("ONE"), make_instrument("TWO")
        bar(one, "2026-01-02", "10")
        bar(one, "2026-01-05", "11")
        bar(two, "2025-12-30", "5")
        with django_assert_num_queries(1):
            found = queries.closes([one.pk, two.pk], date(2026, 1, 1), date(2026, 1, 31))
        assert found == {one.pk: {date(2026, 1, 2): 10, date(2026, 1, 5): 11}}
        carried = queries.closes([one.pk, two.pk], date(2026, 1, 1), date(2026, 1, 31), carry_in=True)
        assert carried[two.pk] == {date(2025, 12, 30): 5}
        assert list(carried[one.pk]) == [date(2026, 1, 2), date(2026, 1, 5)]

    def test_arrays_hold_the_same(self, make_instrument):
        one = make_instrument("ONE")
        bar(one, "2026-01-05", "11.25")
        bar(one, "2026-01-02", "10.5")
        days, values = queries.close_arrays([one.pk], date(2026, 1, 1), date(2026, 1, 31))[one.pk]
        assert days.astype(str).tolist() == ["2026-01-02", "2026-01-05"]
        assert values.tolist() == [10.5, 11.25]

    def test_close_on_a_weekend_is_fridays_and_says_so(self, make_instrument):
        one = make_instrument("ONE")
        bar(one, "2026-01-02", "10", source="simulated")
        found = queries.close_on(one.pk, date(2026, 1, 4))
        assert found == queries.DatedPrice(date(2026, 1, 2), D(10), is_simulated=True)
        assert queries.close_on(one.pk, date(2026, 1, 1)) is None


class TestBars:
    @pytest.fixture
    def split(self, make_instrument):
        instrument = make_instrument("SPLT")
        bar(instrument, "2020-08-28", "499.23", open=D(504), high=D(506), low=D(498), volume=D(100))
        bar(instrument, "2020-08-31", "129.04", open=D(127), high=D(131), low=D(126), volume=D(500))
        CorporateAction.objects.create(
            instrument=instrument, ex_date=date(2020, 8, 31), kind="split", value=4, source="test"
        )
        return instrument

    def test_adjusted_has_no_cliff_and_raw_has(self, split, django_assert_num_queries):
        span = date(2020, 8, 1), date(2020, 9, 1)
        with django_assert_num_queries(2):
            adjusted = queries.bars(split.pk, *span)
        assert [b.close for b in adjusted] == [D("124.8075"), D("129.04")]
        assert [b.volume for b in adjusted] == [400, 500]
        assert [b.close for b in queries.bars(split.pk, *span, adjustment=queries.Adjustment.RAW)] == [
            D("499.23"),
            D("129.04"),
        ]

    def test_days_are_joined_to_as_few_bars_as_asked(self, make_instrument):
        instrument = make_instrument("LONG")
        for n in range(10):
            bar(
                instrument,
                f"2026-01-{n + 1:02}",
                str(n + 1),
                open=D(n + 1),
                high=D(n + 2),
                low=D(n),
                volume=D(10),
            )
        found = queries.bars(instrument.pk, date(2026, 1, 1), date(2026, 1, 31), at_most=5)
        assert len(found) == 5
        assert (found[-1].date, found[-1].open, found[-1].high, found[-1].low, found[-1].close, found[-1].volume) == (
            date(2026, 1, 10), 9, 11, 8, 10, 20,
        )  # fmt: skip

    def test_range_of_a_year_counts_days_with_a_close_alone(self, make_instrument):
        instrument = make_instrument("OWN")
        for day, close in (("2026-01-05", "7"), ("2026-05-05", "3"), ("2026-10-05", "5")):
            bar(instrument, day, close)
        found = queries.year_range(instrument.pk, now=NOW)
        assert found == queries.PriceRange(low=D(3), high=D(7))


class TestSearch:
    @pytest.fixture(autouse=True)
    def _list(self, make_instrument, owner):
        make_instrument("F", name="Ford Motor Company")
        make_instrument("FORD", name="Forward Industries, Inc.")
        make_instrument("TM", name="Toyota Motor Corporation", isin="JP3633400001")
        make_instrument("MOT", name="Motorcar Parts")
        make_instrument("OLD", name="Old Motor Works", is_active=False)
        make_instrument("MINE", name="My own motor", owner=owner)

    def symbols(self, user, text):
        return [instrument.symbol for instrument in queries.search_instruments(user=user, text=text)]

    def test_exact_symbol_first_then_beginnings(self, owner):
        assert self.symbols(owner, "f") == ["F", "FORD"]
        assert self.symbols(owner, "ford") == ["FORD", "F"]

    def test_finds_words_inside_names_and_the_delisted_last(self, owner, outsider):
        assert self.symbols(outsider, "motor") == ["MOT", "F", "TM", "OLD"]
        assert "MINE" in self.symbols(owner, "motor")

    def test_finds_by_isin(self, outsider):
        assert self.symbols(outsider, "jp3633400001") == ["TM"]
        assert self.symbols(outsider, "JP36") == ["TM"]

    @pytest.mark.parametrize(
        "text", ["", "   ", "%", "_", "' OR 1=1", "a & | !", "\x00", "x" * 500, ":*", "<b>"]
    )
    def test_odd_texts_find_nothing_and_break_nothing(self, owner, text):
        assert self.symbols(owner, text) == []

    def test_one_statement(self, owner, django_assert_num_queries):
        with django_assert_num_queries(1):
            self.symbols(owner, "motor")

    def test_only_what_can_be_ordered_when_asked(self, owner):
        found = queries.search_instruments(user=owner, text="motor", tradable_only=True)
        assert [instrument.symbol for instrument in found] == ["MOT", "F", "TM"]

    def test_by_symbol_prefers_the_shared_one(self, owner, outsider, make_instrument):
        make_instrument("tm", owner=owner)
        shared = Instrument.objects.get(symbol="TM")
        assert queries.find_by_symbol(user=owner, symbol=" Tm ") == shared
        assert queries.find_by_symbol(user=outsider, symbol="TM") == shared
        assert queries.find_by_symbol(user=outsider, symbol="JP3633400001") == shared
        assert queries.find_by_symbol(user=outsider, symbol="") is None
        assert queries.find_by_symbol(user=outsider, symbol="T\0M") is None


class TestVisibility:
    def test_own_instruments_are_seen_by_owner_and_auditor_only(self, flat, owner, outsider, auditor):
        assert queries.visible_instrument(owner, flat.pk) == flat
        assert queries.visible_instrument(auditor, flat.pk) == flat
        with pytest.raises(queries.InstrumentNotFound):
            queries.visible_instrument(outsider, flat.pk)

    def test_totals_count_no_others(self, flat, outsider, owner, django_assert_num_queries):
        assert queries.class_totals(user=outsider) == {}
        with django_assert_num_queries(1):
            assert queries.class_totals(user=owner) == {"private": 1}


class TestHours:
    def test_crypto_never_closes(self, make_instrument):
        coin = make_instrument("BTC-USD", asset_class="crypto")
        assert queries.is_market_open(coin, datetime(2026, 12, 25, 3, tzinfo=UTC))
        assert queries.market_session(coin, NOW).closes_at is None

    def test_exchange_follows_its_calendar(self, make_instrument):
        share = make_instrument("KO", exchange="XNYS")
        assert queries.is_market_open(share, datetime(2026, 11, 20, 15, 30, tzinfo=UTC))
        thanksgiving = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
        assert not queries.is_market_open(share, thanksgiving)
        session = queries.market_session(share, thanksgiving)
        # The day after is a half day.
        assert session.opens_at == datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
        assert session.closes_at == datetime(2026, 11, 27, 18, tzinfo=UTC)

    def test_a_break_at_noon_closes_the_market_but_does_not_end_the_session(self, make_instrument):
        share = make_instrument("7203.T", exchange="XTKS")
        noon = queries.market_session(share, datetime(2026, 11, 19, 3, tzinfo=UTC))
        assert (noon.is_open, noon.opens_at, noon.closes_at) == (
            False,
            datetime(2026, 11, 19, 3, 30, tzinfo=UTC),
            datetime(2026, 11, 19, 6, 30, tzinfo=UTC),
        )
        morning = queries.market_session(share, datetime(2026, 11, 19, 1, tzinfo=UTC))
        assert (morning.is_open, morning.closes_at) == (True, noon.closes_at)

    @pytest.mark.parametrize("exchange", ["ARCX", "BATS", "PINX", "XNAS"])
    def test_american_markets_keep_one_calendar(self, make_instrument, exchange):
        share = make_instrument("SPY", exchange=exchange)
        assert not queries.is_market_open(share, datetime(2026, 11, 27, 18, 1, tzinfo=UTC))
        assert queries.is_market_open(share, datetime(2026, 11, 27, 17, 59, tzinfo=UTC))

    def test_currencies_trade_from_sunday_to_friday_evening_in_new_york(self, make_instrument):
        pair = make_instrument("EURUSD", asset_class="currency")
        friday = datetime(2026, 11, 20, 22, tzinfo=UTC)
        assert queries.is_market_open(pair, friday - timedelta(minutes=1))
        session = queries.market_session(pair, friday)
        assert (session.is_open, session.opens_at) == (False, datetime(2026, 11, 22, 22, tzinfo=UTC))
        summer = queries.market_session(pair, datetime(2026, 7, 11, 12, tzinfo=UTC))
        assert summer.opens_at == datetime(2026, 7, 12, 21, tzinfo=UTC)

    def test_the_last_session_of_a_year_is_followed_by_the_first_of_the_next(self, make_instrument):
        share = make_instrument("KO", exchange="XNYS")
        evening = queries.market_session(share, datetime(2026, 12, 31, 23, tzinfo=UTC))
        assert evening.opens_at == datetime(2027, 1, 4, 14, 30, tzinfo=UTC)
        new_year = queries.market_session(share, datetime(2027, 1, 1, 12, tzinfo=UTC))
        assert new_year.opens_at == evening.opens_at

    def test_a_calendar_that_ends_leaves_the_weekdays(self, make_instrument):
        share = make_instrument("600519.SS", exchange="XSHG")
        assert queries.is_market_open(share, datetime(2049, 11, 19, 3, tzinfo=UTC))

    @pytest.mark.parametrize(
        ("after", "is_so"), [(-1, False), (0, True), (119, True), (121, False), (3600, False)]
    )
    def test_just_opened_in_the_first_moments_of_a_session(self, after, is_so):
        opening = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
        assert just_opened("XNYS", opening + timedelta(seconds=after)) is is_so
        assert not just_opened("ZZZZ", opening)

    def test_unknown_exchange_is_open_on_weekdays(self, make_instrument):
        share = make_instrument("X", exchange="ZZZZ")
        assert queries.is_market_open(share, datetime(2026, 11, 20, 3, tzinfo=UTC))
        saturday = queries.market_session(share, datetime(2026, 11, 21, 3, tzinfo=UTC))
        assert (saturday.is_open, saturday.opens_at) == (False, datetime(2026, 11, 23, tzinfo=UTC))

    @pytest.mark.parametrize(("session", "is_open"), [("always_open", True), ("exchange", False)])
    def test_simulated_exchange_as_configured(self, make_instrument, session, is_open):
        share = make_instrument("KO", exchange="XNYS", provider="simulated")
        with override_settings(SIMULATED_SESSION=session):
            assert queries.is_market_open(share, datetime(2026, 11, 22, 3, tzinfo=UTC)) is is_open


class TestStaleness:
    @pytest.mark.parametrize(
        ("age", "options", "stale"),
        [
            (timedelta(minutes=10), {"is_open": True}, False),
            (timedelta(minutes=30), {"is_open": True}, True),
            (timedelta(minutes=30), {"is_open": False}, False),
            (timedelta(days=6), {"is_open": False}, True),
            (timedelta(minutes=3), {"is_open": True, "is_simulated": True}, True),
            (timedelta(days=300), {"is_open": True, "is_simulated": True, "is_still": True}, False),
            (timedelta(days=30), {"is_open": True, "by_hand": True}, False),
            (timedelta(days=40), {"is_open": True, "by_hand": True}, True),
        ],
    )
    def test_age_that_is_too_much_depends_on_the_source(self, age, options, stale):
        assert quote_is_stale(quoted_at=NOW - age, now=NOW, **options) is stale


class TestCachedQuotes:
    def test_a_cache_that_is_down_is_no_reason_to_fail(self, make_instrument, settings):
        instrument = make_instrument("ONE")
        settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"
        assert queries.cached_quotes([instrument.pk], now=NOW) == {}
        Quote.objects.create(instrument=instrument, last=7, quoted_at=NOW, received_at=NOW, source="test")
        assert queries.cached_quotes([instrument.pk], now=NOW)[instrument.pk].last == 7


class TestSimulatedPricesInUse:
    def test_says_so_while_one_instrument_in_use_is_simulated(self, make_instrument):
        make_instrument("REAL", provider="manual")
        make_instrument("GONE", provider="simulated", is_active=False)
        assert not queries.simulated_prices_in_use()
        cache.clear()
        make_instrument("SIM", provider="simulated")
        assert queries.simulated_prices_in_use()

    def test_says_how_much_of_the_list_it_is(self, make_instrument, owner):
        make_instrument("KEPT", provider="manual")
        make_instrument("MINE", provider="yahoo", owner=owner)
        assert queries.simulation_extent() == "none"
        for provider, extent in (("simulated", "all"), ("yahoo", "some")):
            make_instrument(provider, provider=provider)
            cache.clear()
            assert queries.simulation_extent() == extent

    def test_costs_no_statement_once_it_is_known(self, make_instrument, django_assert_num_queries):
        make_instrument("REAL", provider="manual")
        with django_assert_num_queries(1):
            assert not queries.simulated_prices_in_use()
            assert not queries.simulated_prices_in_use()

    def test_is_asked_of_the_database_when_the_cache_is_down(self, make_instrument):
        from redis.exceptions import ConnectionError as CacheDown

        make_instrument("SIM", provider="simulated")
        with patch("marketdata.queries.simulation.cache.get", side_effect=CacheDown):
            assert queries.simulated_prices_in_use()
