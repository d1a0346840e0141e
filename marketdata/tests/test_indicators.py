"""Indicators: worked examples from where the formulas come from, and what holds for every series."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.indicators import (
    bollinger_bands,
    convergence,
    exponential_average,
    relative_strength,
    simple_average,
)

#: The ten-day averages of StockCharts' "Moving averages" article.
AVERAGED = [
    22.2734, 22.1940, 22.0847, 22.1741, 22.1840, 22.1344, 22.2337, 22.4323, 22.2436, 22.2933,
    22.1542, 22.3926, 22.3816, 22.6109, 23.3558, 24.0519, 23.7530, 23.8324, 23.9516, 23.6338,
]  # fmt: skip
#: The closes of StockCharts' article on the RSI, and its results from the fifteenth day on.
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
]  # fmt: skip
RSI_RESULTS = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]

prices = st.floats(min_value=0.01, max_value=1e6, allow_nan=False, allow_infinity=False)
series = st.lists(prices, min_size=1, max_size=120)
periods = st.integers(min_value=1, max_value=30)


def known(figures):
    return [float(figure) for figure in figures if not math.isnan(figure)]


class TestWorkedExamples:
    def test_simple_average(self):
        assert known(simple_average([11, 12, 13, 14, 15, 16, 17], 5)) == [13, 14, 15]
        result = simple_average(AVERAGED, 10)
        assert np.isnan(result[:9]).all()
        assert known(result)[:3] == pytest.approx([22.22, 22.21, 22.23], abs=0.006)

    def test_exponential_average(self):
        result = known(exponential_average(AVERAGED, 10))
        expected = [22.22, 22.21, 22.24, 22.27, 22.33, 22.52, 22.80, 22.97, 23.13, 23.28, 23.34]
        assert result == pytest.approx(expected, abs=0.006)

    def test_relative_strength(self):
        result = relative_strength(RSI_CLOSES, 14)
        assert np.isnan(result[:14]).all()
        assert known(result) == pytest.approx(RSI_RESULTS, abs=0.006)

    def test_bollinger_bands(self):
        # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, deviation of the population 2.
        bands = bollinger_bands([2, 4, 4, 4, 5, 5, 7, 9], period=8)
        assert (bands.lower[-1], bands.middle[-1], bands.upper[-1]) == (1, 5, 9)

    def test_convergence(self):
        # A line that rises by 1 a day lags (period - 1) / 2 behind in each average that began on it: the
        # difference is that of the lags, and stays.
        result = convergence(range(60), fast=12, slow=26, signal=9)
        assert known(result.macd) == pytest.approx([7.0] * 35)
        assert known(result.signal) == pytest.approx([7.0] * 27)
        assert known(result.histogram) == pytest.approx([0.0] * 27, abs=1e-9)
        assert np.isnan(result.macd[:25]).all()
        assert np.isnan(result.signal[:33]).all()

    def test_convergence_wants_the_fast_average_to_be_the_fast_one(self):
        with pytest.raises(ValueError, match="fast"):
            convergence([1, 2, 3], fast=26, slow=12)


class TestShortSeries:
    @pytest.mark.parametrize("length", [0, 1, 3])
    def test_have_as_many_figures_and_none_is_known(self, length):
        closes = [5.0] * length
        bands, macd = bollinger_bands(closes), convergence(closes)
        for figures in (
            simple_average(closes, 4),
            exponential_average(closes, 4),
            relative_strength(closes, 4),
            bands.lower,
            bands.middle,
            bands.upper,
            macd.macd,
            macd.signal,
            macd.histogram,
        ):
            assert len(figures) == length
            assert np.isnan(figures).all()

    @pytest.mark.parametrize("function", [simple_average, exponential_average, relative_strength])
    def test_a_period_of_nothing_is_refused(self, function):
        with pytest.raises(ValueError, match="period"):
            function([1.0, 2.0], 0)


class TestEverySeries:
    @given(series, periods)
    def test_simple_average_is_the_mean_of_its_own_days(self, closes, period):
        result = simple_average(closes, period)
        for at in range(period - 1, len(closes)):
            assert result[at] == pytest.approx(fmean(closes[at - period + 1 : at + 1]), rel=1e-12)

    @given(series, periods)
    def test_averages_stay_between_the_lowest_and_the_highest_close(self, closes, period):
        for average in (simple_average, exponential_average):
            for at, figure in enumerate(average(closes, period)):
                if not math.isnan(figure):
                    slack = 1e-9 * max(closes)
                    assert min(closes[: at + 1]) - slack <= figure <= max(closes[: at + 1]) + slack

    @given(series, periods)
    def test_exponential_average_takes_each_step_by_its_weight(self, closes, period):
        result = exponential_average(closes, period)
        weight = 2 / (period + 1)
        for at in range(period, len(closes)):
            expected = weight * closes[at] + (1 - weight) * result[at - 1]
            assert result[at] == pytest.approx(expected, rel=1e-9)

    @given(series, st.integers(min_value=1, max_value=20))
    def test_later_closes_change_no_earlier_figure(self, closes, period):
        cut = len(closes) // 2
        for function in (simple_average, exponential_average, relative_strength):
            whole, part = function(closes, period), function(closes[:cut], period)
            np.testing.assert_array_equal(whole[:cut], part)

    @given(series, st.integers(min_value=1, max_value=20), st.floats(min_value=0.01, max_value=100))
    def test_other_units_give_the_same_picture(self, closes, period, unit):
        scaled = [close * unit for close in closes]
        for average in (simple_average, exponential_average):
            expected = average(closes, period) * unit
            np.testing.assert_allclose(average(scaled, period), expected, atol=1e-9 * max(scaled))

    @given(prices, st.integers(min_value=40, max_value=60))
    def test_a_series_that_stands_still_has_its_price_and_no_strength(self, price, length):
        closes = [price] * length
        assert known(exponential_average(closes, 12)) == pytest.approx([price] * (length - 11))
        assert set(known(relative_strength(closes))) == {50.0}
        assert known(convergence(closes).macd) == pytest.approx([0.0] * (length - 25), abs=1e-9 * price)

    @given(series, st.integers(min_value=1, max_value=20))
    def test_relative_strength_is_a_percentage_and_turns_with_the_series(self, closes, period):
        top = max(closes) + min(closes)
        mirrored = relative_strength([top - close for close in closes], period)
        moves = sum(abs(b - a) for a, b in pairwise(closes))
        for straight, turned in zip(relative_strength(closes, period), mirrored, strict=True):
            if math.isnan(straight):
                assert math.isnan(turned)
            else:
                assert 0 <= straight <= 100
                if moves > 1e-6 * top:
                    assert straight + turned == pytest.approx(100, abs=1e-3)

    def test_relative_strength_of_nothing_but_rises_and_nothing_but_falls(self):
        assert set(known(relative_strength(range(1, 40)))) == {100.0}
        assert set(known(relative_strength(range(40, 1, -1)))) == {0.0}

    @given(series, st.integers(min_value=1, max_value=30), st.floats(min_value=0.5, max_value=4))
    def test_bands_are_so_many_deviations_away(self, closes, period, width):
        bands = bollinger_bands(closes, period, width)
        for at in range(period - 1, len(closes)):
            window = closes[at - period + 1 : at + 1]
            spread = width * pstdev(window)
            slack = 1e-6 * max(window)
            assert bands.upper[at] - bands.middle[at] == pytest.approx(spread, abs=slack)
            assert bands.middle[at] - bands.lower[at] == pytest.approx(spread, abs=slack)

    @given(st.lists(prices, min_size=40, max_size=90))
    def test_convergence_is_the_difference_of_its_averages(self, closes):
        result = convergence(closes, fast=3, slow=7, signal=4)
        expected = exponential_average(closes, 3) - exponential_average(closes, 7)
        np.testing.assert_array_equal(result.macd, expected)
        np.testing.assert_allclose(result.histogram, result.macd - result.signal)
