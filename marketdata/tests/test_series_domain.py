"""Adjusting and thinning out series: what a chart is drawn from."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.adjusting import split_factors, total_return_factors
from marketdata.domain.resampling import Bars, join_bars, period_ends, telling_points


def days_from(first: str, count: int):
    return np.datetime64(first) + np.arange(count)


def bars_of(closes, *, days=None, high=None, low=None):
    closes = np.asarray(closes, dtype=float)
    unknown = np.full(len(closes), np.nan)
    return Bars(
        days=days_from("2024-01-01", len(closes)) if days is None else days,
        open=unknown,
        high=unknown if high is None else np.asarray(high, dtype=float),
        low=unknown if low is None else np.asarray(low, dtype=float),
        close=closes,
        volume=unknown,
    )


class TestSplitFactors:
    def test_prices_before_a_split_are_divided_by_it(self):
        # Apple: 645.57 and 93.70 around the 7:1 of 9 June 2014.
        days = np.array(["2014-06-06", "2014-06-09", "2014-06-10"], dtype="datetime64[D]")
        factors = split_factors(days, [(date(2014, 6, 9), 7)])
        assert (np.array([645.57, 93.70, 94.25]) * factors).round(2).tolist() == [92.22, 93.7, 94.25]

    def test_several_multiply_and_reverse_ones_count(self):
        factors = split_factors(days_from("2024-01-01", 4), [(date(2024, 1, 2), 2), (date(2024, 1, 4), 0.1)])
        assert factors == pytest.approx([5, 10, 10, 1])

    def test_those_to_come_and_those_before_change_nothing(self):
        facts = [(date(2023, 1, 1), 3), (date(2024, 2, 1), 3), (date(2024, 1, 1), 3)]
        assert split_factors(days_from("2024-01-01", 3), facts).tolist() == [1, 1, 1]
        assert split_factors(days_from("2024-01-01", 0), facts).tolist() == []


class TestTotalReturnFactors:
    def test_grows_as_if_the_dividend_bought_more(self):
        closes = np.array([100.0, 98.0, 99.0])
        factors = total_return_factors(
            days_from("2024-01-01", 3), closes, splits=[], dividends=[(date(2024, 1, 2), 2)]
        )
        adjusted = closes * factors
        assert adjusted[-1] == 99
        assert adjusted[1] / adjusted[0] == pytest.approx((98 + 2) / 100)
        assert adjusted[2] / adjusted[1] == pytest.approx(99 / 98)

    def test_a_dividend_and_a_split_on_one_day(self):
        # 2:1, and 1 a new share: 100 becomes two shares of 49 and two dividends of 1.
        closes = np.array([100.0, 49.0])
        fact = date(2024, 1, 2)
        factors = total_return_factors(
            days_from("2024-01-01", 2), closes, splits=[(fact, 2)], dividends=[(fact, 1)]
        )
        assert closes[1] / (closes[0] * factors[0]) == pytest.approx(1.0)

    def test_a_dividend_on_a_day_without_trading_counts_on_the_next(self):
        days = np.array(["2024-01-05", "2024-01-08"], dtype="datetime64[D]")
        for ex_date in (date(2024, 1, 6), date(2024, 1, 8)):
            factors = total_return_factors(days, np.array([10.0, 9.0]), splits=[], dividends=[(ex_date, 1)])
            assert 9 / (10 * factors[0]) == pytest.approx(1.0)

    def test_two_on_one_day_add_up(self):
        days, closes, day = days_from("2024-01-01", 2), np.array([10.0, 8.0]), date(2024, 1, 2)
        both = total_return_factors(days, closes, splits=[], dividends=[(day, 0.5), (day, 1.5)])
        one = total_return_factors(days, closes, splits=[], dividends=[(day, 2)])
        assert both == pytest.approx(one)

    def test_those_before_the_first_and_after_the_last_day_change_nothing(self):
        dividends = [(date(2023, 12, 1), 5), (date(2024, 1, 1), 5), (date(2024, 3, 1), 5)]
        closes = np.array([10.0, 11.0])
        assert total_return_factors(
            days_from("2024-01-01", 2), closes, splits=[], dividends=dividends
        ).tolist() == [1, 1]
        assert (
            total_return_factors(days_from("2024-01-01", 0), closes[:0], splits=[], dividends=dividends).size
            == 0
        )

    @given(
        st.lists(st.floats(min_value=1, max_value=1000), min_size=2, max_size=40),
        st.lists(
            st.tuples(st.integers(min_value=-3, max_value=45), st.floats(min_value=0.01, max_value=50)),
            max_size=5,
            unique_by=lambda fact: fact[0],
        ),
    )
    def test_follows_a_holding_day_by_day(self, closes, payouts):
        """Counted with shares: each dividend buys shares at that day's close."""
        first = date(2024, 1, 1)
        paid = dict(payouts)
        shares, worth = 1.0, []
        for at, close in enumerate(closes):
            if at and at in paid:
                shares += shares * paid[at] / close
            worth.append(shares * close)
        factors = total_return_factors(
            days_from("2024-01-01", len(closes)),
            np.array(closes),
            splits=[],
            dividends=[(first + timedelta(days=offset), cash) for offset, cash in payouts],
        )
        adjusted = np.array(closes) * factors
        np.testing.assert_allclose(adjusted / adjusted[0], np.array(worth) / worth[0], rtol=1e-9)


class TestPeriodEnds:
    def test_days_while_they_are_few(self):
        ends, unit = period_ends(days_from("2024-01-01", 600))
        assert (unit, len(ends)) == ("day", 600)

    def test_weeks_end_with_their_last_trading_day(self):
        # 1 January 2024 was a Monday.
        ends, unit = period_ends(days_from("2024-01-01", 14), at_most=3)
        assert (unit, ends.tolist()) == ("week", [6, 13])
        days = np.array(["2024-01-04", "2024-01-05", "2024-01-09", "2024-01-15"], dtype="datetime64[D]")
        ends, unit = period_ends(days, at_most=3)
        assert (unit, days[ends].astype(str).tolist()) == ("week", ["2024-01-05", "2024-01-09", "2024-01-15"])

    @pytest.mark.parametrize(
        ("years", "unit"), [(1, "day"), (10, "week"), (30, "month"), (60, "quarter"), (200, "year")]
    )
    def test_get_longer_as_the_series_does(self, years, unit):
        days = days_from("1900-01-01", int(years * 365.25))
        days = days[(days.astype(int) + 3) % 7 < 5]
        ends, found = period_ends(days)
        assert found == unit
        assert len(ends) <= 600
        assert ends[-1] == len(days) - 1

    def test_nothing_has_none(self):
        assert period_ends(days_from("2024-01-01", 0))[0].tolist() == []


class TestJoinBars:
    def test_keeps_first_open_extremes_last_close_and_all_volume(self):
        bars = Bars(
            days=days_from("2024-01-01", 4),
            open=np.array([10.0, np.nan, 12, 13]),
            high=np.array([11.0, np.nan, 14, 13]),
            low=np.array([9.0, np.nan, 12, 6]),
            close=np.array([10.0, 20, 13, 7]),
            volume=np.array([5.0, np.nan, 7, np.nan]),
        )
        joined = join_bars(bars, np.array([1, 3]))
        assert joined.open.tolist() == [10, 12]
        assert joined.high.tolist() == [20, 14]
        assert joined.low.tolist() == [9, 6]
        assert joined.close.tolist() == [20, 7]
        assert joined.volume.tolist() == [5, 7]
        assert np.isnan(join_bars(bars.at(np.array([1, 3])), np.array([1])).volume).all()

    def test_one_day_each_stays_as_it_is(self):
        bars = bars_of([1, 2, 3])
        assert join_bars(bars, np.arange(3)) is bars


class TestTellingPoints:
    def test_short_lines_stay_whole(self):
        assert telling_points([3, 1, 2], 4).tolist() == [0, 1, 2]

    def test_a_single_spike_is_kept(self):
        line = np.zeros(5000)
        line[3123] = 40
        assert 3123 in telling_points(line, 100)

    @given(
        st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=5, max_size=300),
        st.integers(min_value=4, max_value=40),
    )
    def test_at_most_so_many_in_order_with_ends_and_extremes(self, line, at_most):
        places = telling_points(line, at_most)
        assert len(places) <= max(at_most, 4)
        assert (np.diff(places) > 0).all()
        assert {0, len(line) - 1} <= set(places.tolist())
        shown = np.asarray(line)[places]
        assert (shown.min(), shown.max()) == (min(line), max(line))

    def test_fewer_than_its_corners_is_refused(self):
        with pytest.raises(ValueError, match="four"):
            telling_points(range(10), 3)
