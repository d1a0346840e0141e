"""The simulated market: the same for everybody, sensible, and continuous."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.numbers import isin_is_valid
from marketdata.providers.base import Anchor, InstrumentRef
from marketdata.providers.random_walk import bridge, bridge_at, bridge_grid, key
from marketdata.providers.simulated import SimulatedProvider
from marketdata.providers.simulated_hours import ExchangeHours
from marketdata.providers.starter import ANCHOR_DAY, simulated_currencies, starter_instruments

SEED = 93
PROVIDER: Any = SimulatedProvider(seed=SEED)
EVERY = [
    InstrumentRef(
        instrument_id=number,
        symbol=line.symbol,
        asset_class=line.asset_class,
        currency=line.currency,
        exchange=line.exchange,
    )
    for number, line in enumerate(starter_instruments().values())
]
BY_SYMBOL = {ref.symbol: ref for ref in EVERY}
#: Those with history from the first day, and some of the others.
STARTERS = [ref for ref in EVERY if starter_instruments()[ref.symbol].is_core]
SOME = [*STARTERS[::3], *EVERY[len(STARTERS) :: 25], BY_SYMBOL["EURUSD"], BY_SYMBOL["SHIB-USD"]]

instants = st.datetimes(datetime(2016, 1, 2), datetime(2031, 1, 1), timezones=st.just(UTC))
refs = st.sampled_from(EVERY)


class TestQuotes:
    @given(ref=refs, at=instants)
    @settings(max_examples=150, deadline=None)
    def test_bid_last_ask_in_order_and_positive(self, ref, at):
        (quote,) = PROVIDER.quotes([ref], at).quotes
        assert quote.last > 0
        assert quote.previous_close is not None
        assert quote.previous_close > 0
        assert quote.is_simulated
        assert quote.source == "simulated"
        if quote.bid is not None:
            assert quote.ask is not None
            assert 0 < quote.bid <= quote.last <= quote.ask
            assert (quote.bid_size is None) == (ref.asset_class == "currency") == (quote.ask_size is None)
            assert quote.bid_size is None or (quote.bid_size > 0 and quote.ask_size > 0)
        if quote.volume is not None:
            assert quote.volume >= 0

    @given(ref=refs, at=instants)
    @settings(max_examples=40, deadline=None)
    def test_same_for_another_provider_with_the_same_seed_whoever_is_asked_with(self, ref, at):
        alone = SimulatedProvider(seed=SEED).quotes([ref], at).quotes[0]
        together = {quote.instrument_id: quote for quote in PROVIDER.quotes([ref, *SOME], at).quotes}
        assert together[ref.instrument_id] == alone

    def test_same_in_another_process(self):
        at = datetime(2026, 11, 20, 15, 30, 7, 123456, tzinfo=UTC)
        code = (
            "from datetime import UTC, datetime\n"
            "from marketdata.providers.base import InstrumentRef\n"
            "from marketdata.providers.simulated import SimulatedProvider\n"
            "ref = InstrumentRef(instrument_id=1, symbol='AAPL', asset_class='equity', currency='USD')\n"
            f"at = datetime.fromisoformat('{at.isoformat()}')\n"
            f"q = SimulatedProvider(seed={SEED}).quotes([ref], at).quotes[0]\n"
            "print(q.bid, q.last, q.ask, q.volume)"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        quote = PROVIDER.quotes([BY_SYMBOL["AAPL"]], at).quotes[0]
        assert told.stdout.strip() == f"{quote.bid} {quote.last} {quote.ask} {quote.volume}"

    def test_another_seed_is_another_market(self):
        at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        here = [quote.last for quote in PROVIDER.quotes(STARTERS, at).quotes]
        there = [quote.last for quote in SimulatedProvider(seed=SEED + 1).quotes(STARTERS, at).quotes]
        assert sum(a != b for a, b in zip(here, there, strict=True)) > 60

    def test_moves_from_second_to_second_but_not_by_leaps(self):
        at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        path = [
            float(PROVIDER.quotes([BY_SYMBOL["BTC-USD"]], at + timedelta(seconds=n)).quotes[0].last)
            for n in range(120)
        ]
        steps = np.abs(np.diff(np.log(path)))
        assert (steps > 0).sum() > 60
        assert steps.max() < 0.002

    def test_joins_at_midnight(self):
        midnight = datetime(2026, 11, 21, tzinfo=UTC)
        before = PROVIDER.quotes(STARTERS, midnight - timedelta(microseconds=1)).quotes
        after = PROVIDER.quotes(STARTERS, midnight).quotes
        for old, new in zip(before, after, strict=True):
            assert abs(new.last / old.last - 1) < Decimal("0.0005")

    def test_units_on_offer_change_from_second_to_second_in_whole_lots(self):
        at = datetime(2026, 11, 20, 15, tzinfo=UTC)
        sizes = [
            (quote.bid_size, quote.ask_size)
            for second in range(20)
            for quote in PROVIDER.quotes([BY_SYMBOL["AAPL"]], at + timedelta(seconds=second)).quotes
        ]
        assert len(set(sizes)) > 15
        assert all(size % 100 == 0 and 100 <= size <= 1_000_000 for pair in sizes for size in pair)

    def test_volume_grows_during_the_day(self):
        day = datetime(2026, 11, 20, tzinfo=UTC)
        volumes = [
            PROVIDER.quotes([BY_SYMBOL["AAPL"]], day + timedelta(hours=hour)).quotes[0].volume
            for hour in range(24)
        ]
        assert volumes == sorted(volumes)
        assert volumes[0] == 0
        assert volumes[-1] > 1_000_000

    def test_previous_close_on_monday_is_that_of_friday(self):
        monday = PROVIDER.quotes([BY_SYMBOL["MSFT"]], datetime(2026, 11, 23, 9, tzinfo=UTC)).quotes[0]
        friday = PROVIDER.bars(BY_SYMBOL["MSFT"], date(2026, 11, 20), date(2026, 11, 20))[0]
        assert monday.previous_close == friday.close

    def test_unlisted_symbol_has_a_market_too(self):
        ref = InstrumentRef(instrument_id=1, symbol="NOBODY", asset_class="equity", currency="USD")
        (quote,) = PROVIDER.quotes([ref], datetime(2026, 11, 20, tzinfo=UTC)).quotes
        assert 1 < quote.last < 5000


class TestBars:
    @given(ref=refs, start=st.dates(date(2010, 1, 1), date(2030, 1, 1)), days=st.integers(0, 40))
    @settings(max_examples=80, deadline=None)
    def test_range_holds_open_and_close(self, ref, start, days):
        for bar in PROVIDER.bars(ref, start, start + timedelta(days=days)):
            assert 0 < bar.low <= bar.open <= bar.high
            assert bar.low <= bar.close <= bar.high
            assert bar.volume is None or bar.volume >= 0

    def test_the_same_whatever_span_is_asked_for(self):
        ref = BY_SYMBOL["NESN.SW"]
        whole = {bar.date: bar for bar in PROVIDER.bars(ref, date(2016, 1, 1), date(2026, 11, 20))}
        part = PROVIDER.bars(ref, date(2021, 3, 1), date(2021, 3, 31))
        assert len(part) == 23
        assert all(whole[bar.date] == bar for bar in part)

    def test_passes_through_the_level_of_the_list(self):
        for ref in SOME:
            if ref.asset_class == "currency":
                continue
            (bar,) = PROVIDER.bars(ref, ANCHOR_DAY, ANCHOR_DAY)
            assert abs(bar.close / starter_instruments()[ref.symbol].simulation.price - 1) < Decimal("0.001")

    def test_levels_stay_sensible_over_ten_years(self):
        for ref in SOME:
            closes = [bar.close for bar in PROVIDER.bars(ref, date(2016, 1, 1), date(2026, 11, 20))]
            assert min(closes) > (0 if ref.asset_class == "crypto" else Decimal("0.001"))
            assert max(closes) < 1_000_000
            assert max(closes) / min(closes) < (10_000 if ref.asset_class == "crypto" else 500)

    def test_crypto_trades_on_weekends_and_shares_do_not(self):
        saturday = date(2026, 11, 14)
        assert PROVIDER.bars(BY_SYMBOL["ETH-USD"], saturday, saturday)
        assert not PROVIDER.bars(BY_SYMBOL["SAP.DE"], saturday, saturday)

    def test_price_falls_by_the_ratio_over_a_split(self):
        bars = {
            bar.date: bar for bar in PROVIDER.bars(BY_SYMBOL["AAPL"], date(2020, 8, 28), date(2020, 8, 31))
        }
        ratio = bars[date(2020, 8, 28)].close / bars[date(2020, 8, 31)].open
        assert Decimal("3.7") < ratio < Decimal("4.3")

    def test_shares_of_a_sector_move_together_more_than_others(self):
        def returns(symbol):
            closes = [
                float(b.close) for b in PROVIDER.bars(BY_SYMBOL[symbol], date(2022, 9, 1), date(2026, 6, 1))
            ]
            return np.diff(np.log(closes))

        same = np.corrcoef(returns("XOM"), returns("SHEL.L"))[0, 1]
        other = np.corrcoef(returns("XOM"), returns("NESN.SW"))[0, 1]
        index = np.corrcoef(returns("SPY"), returns("^GSPC"))[0, 1]
        assert same > other + 0.1
        assert other > 0.2
        assert index > 0.85

    def test_goes_on_from_a_real_close(self):
        anchor = Anchor(date(2026, 6, 30), Decimal("1234.5"))
        ref = InstrumentRef(
            instrument_id=1, symbol="AAPL", asset_class="equity", currency="USD", anchor=anchor
        )
        first = PROVIDER.bars(ref, date(2026, 7, 1), date(2026, 7, 1))[0]
        assert abs(first.open / anchor.price - 1) < Decimal("0.0001")

    def test_stable_coins_stay_near_a_dollar_and_other_coins_move_more_than_shares(self):
        def closes(symbol):
            bars = PROVIDER.bars(BY_SYMBOL[symbol], date(2016, 1, 1), date(2026, 11, 20))
            return np.array([float(bar.close) for bar in bars])

        assert np.abs(closes("USDT-USD") - 1).max() < 0.05
        moves = {symbol: np.std(np.diff(np.log(closes(symbol)))) for symbol in ("LINK-USD", "ETH-USD", "PG")}
        assert 0.03 < moves["ETH-USD"] < 0.06
        assert moves["LINK-USD"] > 2.5 * moves["PG"]

    def test_ticks_of_a_day_end_at_its_close(self):
        ref = BY_SYMBOL["V"]
        (bar,) = PROVIDER.bars(ref, date(2026, 11, 20), date(2026, 11, 20))
        (quote,) = PROVIDER.quotes([ref], datetime(2026, 11, 20, 23, 59, 59, 999999, tzinfo=UTC)).quotes
        assert abs(quote.last - bar.close) <= Decimal("0.02")


class TestActionsAndRates:
    def test_dividends_come_in_their_months_and_make_the_yield(self):
        found = PROVIDER.actions(BY_SYMBOL["KO"], date(2025, 1, 1), date(2025, 12, 31))
        assert [action.ex_date.month for action in found] == [3, 6, 9, 11]
        assert all(action.ex_date.weekday() < 5 for action in found)
        close = PROVIDER.bars(BY_SYMBOL["KO"], date(2025, 12, 31), date(2025, 12, 31))[0].close
        assert Decimal("0.02") < sum(action.value for action in found) / close < Decimal("0.04")

    def test_a_price_opens_lower_by_the_dividend_on_its_ex_date(self):
        ref = BY_SYMBOL["PFE"]
        checked = 0
        for action in PROVIDER.actions(ref, date(2018, 1, 1), date(2026, 11, 20)):
            if action.ex_date.weekday() == 0:
                continue  # over a weekend the price moves besides
            before, ex_day = PROVIDER.bars(ref, action.ex_date - timedelta(days=1), action.ex_date)
            assert abs(before.close - ex_day.open - action.value) <= Decimal("0.011")
            assert abs(action.value / before.close - Decimal("0.065") / 4) < Decimal("0.0005")
            checked += 1
        assert checked > 20

    def test_the_tick_after_midnight_of_an_ex_date_is_lower_by_the_dividend(self):
        ref = BY_SYMBOL["PFE"]
        midnight = datetime(2026, 7, 15, tzinfo=UTC)
        (action,) = PROVIDER.actions(ref, midnight.date(), midnight.date())
        before, after = (
            PROVIDER.quotes([ref], at).quotes[0] for at in (midnight - timedelta(microseconds=1), midnight)
        )
        assert abs(before.last - after.last - action.value) <= Decimal("0.02")
        assert after.previous_close == before.last

    def test_what_is_paid_out_does_not_wear_the_price_down_over_the_years(self):
        total_return = price_return = 0.0
        for symbol in ("PFE", "XOM", "NEE", "AMT", "HSBA.L"):
            bars = PROVIDER.bars(BY_SYMBOL[symbol], date(2016, 7, 1), date(2026, 6, 30))
            paid = sum(a.value for a in PROVIDER.actions(BY_SYMBOL[symbol], bars[0].date, bars[-1].date))
            price_return += float(bars[-1].close / bars[0].close)
            total_return += float((bars[-1].close + paid) / bars[0].close)
        assert total_return > price_return > 0.5

    def test_shares_without_a_line_of_their_own_pay_as_their_sector_does(self):
        specs = [line.simulation for line in starter_instruments().values() if not line.is_core]
        by_sector = {
            sector: [
                line.simulation.dividend_yield
                for line in starter_instruments().values()
                if line.sector == sector and line.asset_class == "equity" and not line.is_core
            ]
            for sector in ("Utilities", "Technology")
        }
        assert np.mean(by_sector["Utilities"]) > 2 * np.mean(by_sector["Technology"])
        assert all(0 <= spec.dividend_yield < 0.12 and spec.volatility < 1.7 for spec in specs)

    def test_splits_of_the_list_are_told(self):
        found = PROVIDER.actions(BY_SYMBOL["NVDA"], date(2016, 1, 1), date(2026, 1, 1))
        assert [(a.ex_date, a.value) for a in found if a.kind == "split"] == [
            (date(2021, 7, 20), Decimal(4)),
            (date(2024, 6, 10), Decimal(10)),
        ]

    def test_rates_are_near_their_level_and_unknown_currencies_left_out(self):
        rates = PROVIDER.rates(["USD", "XXX", "JPY"], ANCHOR_DAY, ANCHOR_DAY)
        assert {r.quote: r.rate for r in rates} == {
            code: simulated_currencies()[code].per_euro for code in ("USD", "JPY")
        }

    @pytest.mark.parametrize(
        ("symbol", "base", "quote"), [("EURUSD", "EUR", "USD"), ("USDJPY", "USD", "JPY")]
    )
    def test_a_pair_of_currencies_closes_at_the_rates_of_the_day(self, symbol, base, quote):
        day = date(2025, 3, 12)
        (bar,) = PROVIDER.bars(BY_SYMBOL[symbol], day, day)
        euro = {rate.quote: rate.rate for rate in PROVIDER.rates([base, quote], day, day)} | {
            "EUR": Decimal(1)
        }
        assert abs(bar.close / (euro[quote] / euro[base]) - 1) < Decimal("0.00002")


class TestMinutes:
    def test_make_up_the_day_and_join(self):
        ref = BY_SYMBOL["AAPL"]
        midnight = datetime(2026, 11, 19, tzinfo=UTC)
        minutes = PROVIDER.intraday(ref, midnight, midnight + timedelta(days=1))
        (bar,) = PROVIDER.bars(ref, midnight.date(), midnight.date())
        assert len(minutes) == 1440
        assert (minutes[0].open, minutes[-1].close) == (bar.open, bar.close)
        assert all(a.close == b.open for a, b in pairwise(minutes))
        assert all(m.low <= min(m.open, m.close) <= max(m.open, m.close) <= m.high for m in minutes)
        assert abs(sum(minute.volume for minute in minutes) - bar.volume) <= 1

    def test_agree_with_the_ticks_and_tell_nothing_of_what_comes(self):
        ref = BY_SYMBOL["BTC-USD"]
        at = datetime(2026, 11, 20, 15, 30, 40, tzinfo=UTC)
        minutes = PROVIDER.intraday(ref, at - timedelta(minutes=3), at)
        assert [minute.at.minute for minute in minutes] == [28, 29]
        (tick,) = PROVIDER.quotes([ref], at.replace(second=0)).quotes
        assert minutes[-1].close == tick.last


class TestExchangeHours:
    exchange: Any = SimulatedProvider(seed=SEED, hours=ExchangeHours())

    def test_a_session_opens_and_closes_at_its_bar(self):
        ref = BY_SYMBOL["AAPL"]
        (bar,) = self.exchange.bars(ref, date(2026, 11, 19), date(2026, 11, 19))
        first, last = (
            self.exchange.quotes([ref], datetime(2026, 11, 19, *at, tzinfo=UTC)).quotes[0]
            for at in ((14, 30), (21, 0))
        )
        assert (first.last, first.volume) == (bar.open, 0)
        assert (last.last, last.volume) == (bar.close, bar.volume)

    def test_a_closed_market_stands_at_its_last_tick(self):
        ref = BY_SYMBOL["AAPL"]
        # A half day: the Friday after Thanksgiving, until one in the afternoon.
        evening, saturday = (
            self.exchange.quotes([ref], at).quotes[0]
            for at in (datetime(2026, 11, 27, 19, tzinfo=UTC), datetime(2026, 11, 28, 12, tzinfo=UTC))
        )
        assert evening == saturday
        assert evening.quoted_at == datetime(2026, 11, 27, 18, tzinfo=UTC)

    def test_no_bars_on_a_holiday_and_the_close_before_is_that_of_the_last_session(self):
        ref = BY_SYMBOL["AAPL"]
        week = self.exchange.bars(ref, date(2026, 11, 23), date(2026, 11, 27))
        assert [bar.date.day for bar in week] == [23, 24, 25, 27]
        (quote,) = self.exchange.quotes([ref], datetime(2026, 11, 27, 15, tzinfo=UTC)).quotes
        assert quote.previous_close == week[2].close

    @pytest.mark.parametrize("symbol", ["BTC-USD", "EURUSD", "^GSPC"])
    def test_coins_currencies_and_indices_move_at_any_hour(self, symbol):
        at = datetime(2026, 11, 28, 3, tzinfo=UTC)
        first, later = (
            self.exchange.quotes([BY_SYMBOL[symbol]], at + timedelta(hours=n)).quotes[0] for n in (0, 1)
        )
        assert first.last != later.last
        assert later.quoted_at == at + timedelta(hours=1)

    def test_minutes_are_those_of_the_session(self):
        day = datetime(2026, 11, 19, tzinfo=UTC)
        minutes = self.exchange.intraday(BY_SYMBOL["AAPL"], day, day + timedelta(days=1))
        assert len(minutes) == 390
        assert (minutes[0].at.hour, minutes[0].at.minute) == (14, 30)


class TestStarterList:
    def test_holds_what_a_search_should_find_at_once(self):
        lines = starter_instruments().values()
        count = Counter(line.asset_class for line in lines)
        assert sum(1 for line in lines if line.is_core) >= 60
        assert count["equity"] > 500
        assert count["etf"] > 80
        assert count["crypto"] == 50
        assert count["currency"] >= 20
        assert count["index"] > 20

    def test_every_line_can_be_priced_by_real_sources(self):
        for line in starter_instruments().values():
            names = dict(line.provider_symbols)
            if line.asset_class == "crypto":
                assert names["coingecko"], line.symbol
            if line.asset_class in {"equity", "etf", "crypto", "currency", "index"}:
                assert names["yahoo"], line.symbol

    def test_numbers_are_well_formed(self):
        for line in starter_instruments().values():
            assert not line.isin or isin_is_valid(line.isin), line.symbol
            assert len(line.name) <= 200


class TestRandomWalk:
    def test_many_instants_at_once_agree_with_single_ones(self):
        fractions = np.array([0.0, 0.1234, 0.5, 0.999999, 1.0])
        many = bridge_at(key(1, "a"), 9_000, fractions)
        single = [bridge([key(1, "a")], 9_000, float(fraction))[0] for fraction in fractions]
        assert np.allclose(many, single, atol=1e-12)

    @pytest.mark.parametrize("day", [0, 9_800])
    def test_grid_agrees_with_single_instants(self, day):
        walk = key(1, "anything")
        grid = bridge_grid(walk, [day], 5)[0]
        single = [bridge([walk], day, place / 32)[0] for place in range(1, 32)]
        assert np.allclose(grid, single, atol=1e-12)

    def test_bridge_is_nothing_at_the_ends(self):
        assert bridge([key(1, "a")], 5, 0.0)[0] == 0

    def test_bridge_has_the_spread_of_a_brownian_one(self):
        middles = [bridge([key(1, "a")], day, 0.5)[0] for day in range(2000)]
        assert 0.45 < np.std(middles) < 0.55
