"""Rules an order's numbers must keep, fee models, reservations and wording."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.fees import NoFees, PercentFees, PerShareFees, Trade, parse_fee_model
from trading.engine.reservation import buy_cost, worst_price
from trading.engine.rules import (
    NotionalLimits,
    check_limit_price,
    check_notional,
    check_quantity,
    decimals_of,
)
from trading.engine.types import OrderType, Side
from trading.engine.wording import plain, price_text

D = Decimal


class TestQuantity:
    @pytest.mark.parametrize("quantity", ["1", "0.5", "1000000000", "1E+3", "2.500"])
    def test_accepts_multiples_of_the_step(self, quantity):
        assert check_quantity(D(quantity), step=D("0.5"), symbol="AAPL") is None

    @pytest.mark.parametrize(
        ("quantity", "code"),
        [
            ("0", "quantity_invalid"),
            ("-0", "quantity_invalid"),
            ("-3", "quantity_invalid"),
            ("NaN", "quantity_invalid"),
            ("sNaN", "quantity_invalid"),
            ("Infinity", "quantity_invalid"),
            ("-Infinity", "quantity_invalid"),
            ("1e400", "quantity_too_large"),
            ("9" * 40, "quantity_too_large"),
            ("1e-400", "quantity_step"),
            ("1." + "3" * 40, "quantity_step"),
            ("0.25", "quantity_step"),
        ],
    )
    def test_refuses_everything_else(self, quantity, code):
        refusal = check_quantity(D(quantity), step=D("0.5"), symbol="AAPL")
        assert refusal is not None
        assert (refusal.code, refusal.field) == (code, "quantity")

    def test_names_whole_units(self):
        refusal = check_quantity(D("1.5"), step=D(1), symbol="<b>")
        assert refusal is not None
        assert refusal.message == "<b> trades in whole units only."

    @given(st.decimals(allow_nan=True, allow_infinity=True))
    def test_never_raises(self, quantity):
        check_quantity(quantity, step=D("0.000000001"), symbol="X")
        check_limit_price(quantity, order_type=OrderType.LIMIT, asset_class="equity")


class TestLimitPrice:
    @pytest.mark.parametrize(
        ("price", "asset_class"),
        [
            ("1.00", "equity"),
            ("0.9999", "etf"),
            ("101.10", "equity"),
            ("0.00000123", "crypto"),
            ("5.0", "etf"),
        ],
    )
    def test_accepts_prices_on_the_grid(self, price, asset_class):
        assert check_limit_price(D(price), order_type=OrderType.LIMIT, asset_class=asset_class) is None

    @pytest.mark.parametrize(
        ("price", "code"),
        [
            (None, "limit_price_required"),
            ("0", "limit_price_invalid"),
            ("-1", "limit_price_invalid"),
            ("NaN", "limit_price_invalid"),
            ("1e400", "limit_price_too_large"),
            ("8" * 40, "limit_price_too_large"),
            ("1.001", "sub_penny"),
            ("0.99999", "sub_penny"),
        ],
    )
    def test_refuses_everything_else(self, price, code):
        refusal = check_limit_price(
            None if price is None else D(price), order_type=OrderType.LIMIT, asset_class="equity"
        )
        assert refusal is not None
        assert (refusal.code, refusal.field) == (code, "limit_price")

    def test_market_order_has_none(self):
        assert check_limit_price(None, order_type=OrderType.MARKET, asset_class="equity") is None
        refusal = check_limit_price(D(1), order_type=OrderType.MARKET, asset_class="equity")
        assert refusal is not None
        assert refusal.code == "limit_price_not_allowed"


class TestNotional:
    limits = NotionalLimits(minimum=D(1), maximum=D(1000))

    @pytest.mark.parametrize(
        ("notional", "closes", "code"),
        [
            ("1", False, None),
            ("1000", False, None),
            ("0.99", False, "notional_too_small"),
            ("0.01", True, None),
            ("1000.01", True, "notional_too_large"),
        ],
    )
    def test_keeps_its_limits(self, notional, closes, code):
        refusal = check_notional(D(notional), closes_position=closes, limits=self.limits, currency="USD")
        assert (refusal.code if refusal else None) == code

    def test_says_how_much_it_would_be_even_for_the_largest_numbers(self):
        refusal = check_notional(D(10) ** 18, closes_position=False, limits=self.limits, currency="USD")
        assert refusal is not None
        assert "1000000000000000000.00 USD" in refusal.message


class TestFees:
    def test_models(self):
        trade = Trade(side=Side.BUY, quantity=D(100), notional=D(5000))
        assert NoFees().fee(trade) == 0
        assert PerShareFees(D("0.005"), D(1)).fee(trade) == 1
        assert PerShareFees(D("0.05")).fee(trade) == 5
        assert PercentFees(D("0.001")).fee(trade) == 5

    @pytest.mark.parametrize(
        ("text", "model"),
        [
            ("none", NoFees()),
            ("per_share:0.005:1.00", PerShareFees(D("0.005"), D("1.00"))),
            ("percent:0.001", PercentFees(D("0.001"))),
        ],
    )
    def test_read_from_settings(self, text, model):
        assert parse_fee_model(text) == model

    @pytest.mark.parametrize(
        "text", ["", "free", "none:1", "percent", "percent:x", "percent:-1", "percent:NaN"]
    )
    def test_nonsense_in_settings_is_named(self, text):
        with pytest.raises(ValueError, match="is not a fee model"):
            parse_fee_model(text)


class TestReservation:
    def test_limit_buy_is_held_at_its_limit_and_market_buy_above_the_ask(self):
        assert worst_price(limit_price=D(90), reference_price=D(100)) == 90
        assert worst_price(limit_price=None, reference_price=D(100)) == D("102.5")

    def test_cost_knows_percent_quotes(self):
        cost = buy_cost(
            quantity=D(1000), price=D("98.5"), value_factor=D("0.01"), fees=PercentFees(D("0.01"))
        )
        assert cost == (D(985), D("9.85"))

    @given(
        st.decimals("0.01", "1000", places=2),
        st.decimals("0.01", "1000", places=2),
        st.decimals("0.001", "1000", places=3),
        st.sampled_from([NoFees(), PercentFees(D("0.002"), D(1)), PerShareFees(D("0.01"), D(1))]),
    )
    def test_a_better_price_never_costs_more_than_was_held(self, limit, other, quantity, fees):
        fill = min(limit, other)
        held = sum(buy_cost(quantity=quantity, price=limit, value_factor=D(1), fees=fees))
        assert sum(buy_cost(quantity=quantity, price=fill, value_factor=D(1), fees=fees)) <= held


class TestWording:
    @pytest.mark.parametrize(
        ("number", "text", "as_price"),
        [
            ("1E+2", "100", "100.00"),
            ("2.50", "2.5", "2.50"),
            ("0.12345", "0.12345", "0.12345"),
            ("-0.0", "0", "0.00"),
        ],
    )
    def test_numbers_read_like_numbers(self, number, text, as_price):
        assert plain(D(number)) == text
        assert price_text(D(number)) == as_price

    def test_decimals_are_counted_without_trailing_zeros(self):
        assert [decimals_of(D(n)) for n in ("1.500", "1E+3", "0.000", "12", "0.0001")] == [1, 0, 0, 0, 4]
