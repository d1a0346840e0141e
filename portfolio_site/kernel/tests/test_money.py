"""Money is exact: Decimal in, rounding in one place, nothing lost when split."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_site.kernel.money import Money, is_currency, minor_digits, round_money

amounts = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=8)
currencies = st.sampled_from(["USD", "EUR", "JPY", "BHD", "CLF", "BTC"])


class TestRounding:
    @pytest.mark.parametrize(
        ("amount", "currency", "expected"),
        [
            ("2.345", "USD", "2.34"),
            ("2.355", "USD", "2.36"),
            ("-2.345", "USD", "-2.34"),
            ("2.5", "JPY", "2"),
            ("3.5", "JPY", "4"),
            ("1.0005", "BHD", "1.000"),
            ("0.123456785", "BTC", "0.12345678"),
        ],
    )
    def test_rounds_half_even_to_the_minor_unit(self, amount: str, currency: str, expected: str) -> None:
        assert round_money(Decimal(amount), currency) == Decimal(expected)

    @pytest.mark.parametrize("value", [1.1, 1, "1.10", None])
    def test_refuses_everything_that_is_not_a_decimal(self, value: object) -> None:
        with pytest.raises(TypeError):
            round_money(value, "USD")

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
    def test_refuses_what_is_not_finite(self, value: str) -> None:
        with pytest.raises(ValueError, match="finite"):
            round_money(Decimal(value), "USD")

    @given(amounts, currencies)
    def test_is_never_further_away_than_half_a_minor_unit(self, amount: Decimal, currency: str) -> None:
        unit = Decimal(1).scaleb(-minor_digits(currency))
        assert abs(round_money(amount, currency) - amount) <= unit / 2


class TestMoney:
    def test_does_not_add_different_currencies(self) -> None:
        with pytest.raises(ValueError, match="rate"):
            Money(Decimal(1), "USD") + Money(Decimal(1), "EUR")

    def test_is_not_multiplied_by_a_float(self) -> None:
        with pytest.raises(TypeError):
            Money(Decimal(1), "USD") * 1.5

    def test_does_not_know_invented_currencies(self) -> None:
        with pytest.raises(ValueError, match="unknown currency"):
            Money(Decimal(1), "XYZ")

    @given(amounts, currencies, st.lists(st.decimals(0, 1000, places=3), min_size=1, max_size=8))
    def test_allocated_parts_add_up_to_the_whole(
        self, amount: Decimal, currency: str, weights: list[Decimal]
    ) -> None:
        money = Money(amount, currency)
        if sum(weights) == 0:
            with pytest.raises(ValueError, match="weights"):
                money.allocate(weights)
            return
        parts = money.allocate(weights)
        assert sum((part.amount for part in parts), Decimal(0)) == money.rounded().amount
        unit = Decimal(1).scaleb(-minor_digits(currency))
        for part, weight in zip(parts, weights, strict=True):
            exact = money.rounded().amount * weight / sum(weights)
            assert abs(part.amount - exact) <= unit


class TestCurrencies:
    def test_knows_iso_codes_and_coins_but_not_quoting_units(self) -> None:
        assert is_currency("CHF")
        assert is_currency("BTC")
        assert not is_currency("GBp")
        assert not is_currency("usd")
