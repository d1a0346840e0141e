"""Margin, fees and average entry prices as pure functions, to the digit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.entry_price import Step, entry_of
from trading.engine.fees import JoinedFees, Trade, parse_fee_model
from trading.engine.margin import Held, daily_charge, figures_of, maintenance_requirement, must_liquidate
from trading.engine.reservation import needed, short_price
from trading.engine.splits import Split, ratio_of
from trading.engine.terms import Tradable
from trading.engine.triggers import collar_price
from trading.engine.types import Liquidity, Side

F = Fraction

D = Decimal


class TestMaintenance:
    @pytest.mark.parametrize(
        ("quantity", "price", "required"),
        [
            ("100", "50", "1500"),  # 30 %
            ("100", "2.50", "75"),
            ("100", "2.49", "249"),  # all of it below 2.50
            ("-100", "50", "1500"),  # 30 % beats 5.00 a share
            ("-100", "10", "500"),  # 5.00 a share
            ("-100", "5", "500"),
            ("-100", "4", "400"),  # all of it beats 2.50 a share
            ("-100", "2", "250"),  # 2.50 a share
            ("0", "10", "0"),
        ],
    )
    def test_of_a_position(self, quantity, price, required):
        assert maintenance_requirement(Held(quantity=D(quantity), price=D(price))) == D(required)

    def test_of_what_carries_no_loan_is_all_of_it(self):
        assert maintenance_requirement(Held(quantity=D(2), price=D(30000), is_marginable=False)) == 60000

    def test_own_rate(self):
        assert maintenance_requirement(Held(quantity=D(10), price=D(100), maintenance_rate=D("0.9"))) == D(
            900
        )


class TestFigures:
    def test_flat_accounts(self):
        for multiplier, power in ((1, 100000), (2, 200000), (4, 400000)):
            figures = figures_of(cash=D(100000), positions=[], multiplier=multiplier, may_short=True)
            assert (figures.equity, figures.buying_power) == (100000, power)
            assert figures.non_marginable_buying_power == 100000
            assert figures.can_short == (multiplier > 1)

    def test_long_and_short(self):
        held = [Held(quantity=D(100), price=D(150)), Held(quantity=D(-50), price=D(40))]
        figures = figures_of(cash=D(7000), positions=held, multiplier=2, may_short=True)
        assert (figures.long_market_value, figures.short_market_value, figures.equity) == (
            15000,
            -2000,
            20000,
        )
        assert (figures.initial_margin, figures.maintenance_margin) == (8500, 5100)
        assert figures.buying_power == figures.regt_buying_power == 23000
        assert figures.non_marginable_buying_power == 7000

    def test_reservations_are_taken_off(self):
        figures = figures_of(
            cash=D(10000), positions=[], multiplier=2, reserved_margin=D(6000), reserved_cash=D(1000)
        )
        assert figures.buying_power == 20000 - 6000 - 2000
        assert figures.non_marginable_buying_power == 10000 - 1000 - 3000

    def test_nothing_is_below_zero(self):
        figures = figures_of(
            cash=D(-9000), positions=[Held(quantity=D(190), price=D(40))], multiplier=2, may_short=True
        )
        assert figures.equity == -1400
        assert (figures.buying_power, figures.regt_buying_power, figures.non_marginable_buying_power) == (
            0,
            0,
            0,
        )
        assert figures.margin_deficit == 2280 + 1400
        assert not figures.can_short

    @given(
        cash=st.decimals("-50000", "100000", places=2),
        quantity=st.decimals("-500", "500", places=0),
        price=st.decimals("1", "300", places=2),
        amount=st.decimals("0", "1000000", places=2),
    )
    def test_what_buying_power_allows_leaves_the_equity_of_the_initial_margin(
        self, cash, quantity, price, amount
    ):
        before = [Held(quantity=quantity, price=price)]
        figures = figures_of(cash=cash, positions=before, multiplier=2)
        spent = min(amount, figures.buying_power)
        after = figures_of(
            cash=cash - spent, positions=[*before, Held(quantity=spent, price=D(1))], multiplier=2
        )
        if figures.multiplier == 2 and spent:
            assert after.equity >= after.initial_margin

    def test_liquidation(self):
        assert not must_liquidate(equity=D(100), maintenance=D(100), is_overdue=True)
        assert must_liquidate(equity=D(99), maintenance=D(100), is_overdue=True)
        assert not must_liquidate(equity=D(50), maintenance=D(100), is_overdue=False)
        assert must_liquidate(equity=D("49.99"), maintenance=D(100), is_overdue=False)

    def test_daily_charge(self):
        assert daily_charge(D(9000), D("0.0625")) == D("1.5625")
        assert daily_charge(D(-1), D("0.0625")) == 0


class TestReservation:
    def test_collar_is_wider_for_cheap_things(self):
        assert (collar_price(D(100)), collar_price(D(50)), collar_price(D("49.99"))) == (
            D("102.5"),
            D("51.25"),
            D("51.9896"),
        )

    def test_short_is_held_at_the_ask_and_three_percent_or_the_limit(self):
        assert short_price(limit_price=None, ask=D(100)) == 103
        assert short_price(limit_price=D(110), ask=D(100)) == 110

    def test_fees_count_times_the_multiplier(self):
        assert needed(amount=D(1000), fees=D(5), multiplier=2, is_marginable=True) == 1010
        assert needed(amount=D(1000), fees=D(5), multiplier=2, is_marginable=False) == 1005


class TestFees:
    @pytest.mark.parametrize(
        ("on", "sec", "taf"),
        [
            (date(2024, 7, 1), "0.28", "0.02"),
            (date(2025, 7, 1), None, "0.02"),
            (date(2026, 4, 3), None, "0.02"),
            (date(2026, 4, 4), "0.21", "0.02"),
            (date(2026, 9, 30), "0.21", "0.02"),
            (date(2026, 10, 1), "0.21", None),
            (date(2026, 12, 31), "0.21", None),
            (date(2027, 1, 1), "0.21", "0.02"),
        ],
    )
    def test_regulatory_fees_are_those_of_the_day_rounded_up(self, on, sec, taf):
        model = parse_fee_model("us_regulatory")
        charges = {
            charge.kind: charge
            for charge in model.charges(Trade(side=Side.SELL, quantity=D(100), notional=D(10000), on=on))
        }
        assert {kind: charge.amount for kind, charge in charges.items()} == {
            kind: D(amount) for kind, amount in (("sec", sec), ("taf", taf)) if amount
        }
        assert all(
            ("FINRA" if kind == "taf" else "SEC fee rate advisory") in charge.note
            for kind, charge in charges.items()
        )

    def test_an_account_may_have_rates_of_its_own(self):
        trade = Trade(side=Side.SELL, quantity=D(100_000), notional=D(10000), on=date(2026, 11, 21))
        charges = parse_fee_model("us_regulatory:0.00008:0.0002:9.79").charges(trade)
        assert [(charge.kind, charge.amount) for charge in charges] == [
            ("sec", D("0.80")),
            ("taf", D("9.79")),
        ]
        assert {charge.note for charge in charges} == {"rate set for this account or site"}
        only_sec = parse_fee_model("us_regulatory:0").charges(replace(trade, on=date(2026, 7, 1)))
        assert [(charge.kind, charge.amount) for charge in only_sec] == [("taf", D("9.79"))]
        coin = replace(trade, kind="crypto", quantity=D(1), liquidity=Liquidity.MAKER, volume=D(10**9))
        assert parse_fee_model("crypto:0.001:0.002").fee(coin) == 10
        assert parse_fee_model("crypto:0.001:0.002").fee(replace(coin, liquidity=Liquidity.TAKER)) == 20

    def test_taf_has_a_most(self):
        trade = Trade(side=Side.SELL, quantity=D(1_000_000), notional=D(10), on=date(2026, 7, 1))
        assert parse_fee_model("us_regulatory").charges(trade)[-1].amount == D("9.79")

    @pytest.mark.parametrize(
        "changes", [{"side": Side.BUY}, {"kind": "crypto"}, {"kind": "other"}, {"currency": "EUR"}]
    )
    def test_regulatory_fees_are_for_sales_of_us_stocks(self, changes):
        values = {"side": Side.SELL, "quantity": D(100), "notional": D(10000), **changes}
        assert parse_fee_model("us_regulatory").charges(Trade(**values)) == ()

    @pytest.mark.parametrize(
        ("volume", "liquidity", "rate"),
        [
            (0, Liquidity.TAKER, "0.0025"),
            (0, Liquidity.MAKER, "0.0015"),
            (99999, Liquidity.TAKER, "0.0025"),
            (100000, Liquidity.TAKER, "0.0022"),
            (100_000_000, Liquidity.TAKER, "0.0010"),
            (100_000_000, Liquidity.MAKER, "0"),
        ],
    )
    def test_crypto_fees_by_volume_from_what_is_received(self, volume, liquidity, rate):
        values = {"quantity": D(2), "notional": D(60000), "kind": "crypto", "volume": D(volume)}
        model = parse_fee_model("crypto_tiers")
        bought = model.charges(Trade(side=Side.BUY, liquidity=liquidity, **values))
        sold = model.charges(Trade(side=Side.SELL, liquidity=liquidity, **values))
        if rate == "0":
            assert bought == sold == ()
            return
        assert (bought[0].units, bought[0].amount) == (2 * D(rate), 60000 * D(rate))
        assert (sold[0].units, sold[0].amount) == (0, 60000 * D(rate))

    def test_several_are_joined(self):
        model = parse_fee_model("us_regulatory+per_share:0.01:1")
        assert isinstance(model, JoinedFees)
        trade = Trade(side=Side.SELL, quantity=D(100), notional=D(10000), on=date(2026, 7, 1))
        assert model.fee(trade) == D("0.21") + D("0.02") + 1

    @pytest.mark.parametrize("text", [
            "", "free", "us_regulatory:1", "us_regulatory:x", "us_regulatory:0:0:0:0", "crypto_tiers+", "percent", "none:1",
            "crypto:0.25", "crypto:0.1:1", "crypto_tiers:0.1", "percent:NaN",
        ],
    )  # fmt: skip
    def test_nonsense_is_refused(self, text):
        with pytest.raises(ValueError, match="is not a fee model"):
            parse_fee_model(text)


MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)


def step(day, quantity, price):
    return Step(day=day, quantity=D(quantity), price=D(price))


class TestAverageEntryPrice:
    def test_within_a_day_it_is_weighted_and_left_alone_by_sales(self):
        steps = [step(MONDAY, 10, 100), step(MONDAY, 10, 110), step(MONDAY, -15, 120)]
        found = entry_of(steps, today=MONDAY)
        assert (found.quantity, found.average, found.today_quantity) == (5, 105, 5)

    def test_days_are_lots_and_the_oldest_goes_first_overnight(self):
        steps = [
            step(MONDAY, 10, 100),
            step(MONDAY, 10, 110),  # Monday's lot: 20 at 105
            step(TUESDAY, 20, 120),
            step(TUESDAY, -30, 130),
        ]
        assert entry_of(steps, today=TUESDAY).average == D("112.5")
        overnight = entry_of(steps, today=WEDNESDAY)
        assert (overnight.quantity, overnight.average, overnight.today_quantity) == (10, 120, 0)

    def test_short_is_the_mirror_image(self):
        steps = [step(MONDAY, -10, 100), step(TUESDAY, -10, 90), step(TUESDAY, 5, 80)]
        assert entry_of(steps, today=TUESDAY).average == 95
        overnight = entry_of(steps, today=WEDNESDAY)
        assert (overnight.quantity, round(overnight.average, 20)) == (-15, round(D(1400) / 15, 20))

    def test_split_multiplies_and_divides(self):
        steps = [step(MONDAY, 10, 100), Step(day=TUESDAY, ratio=D(4)), step(TUESDAY, 40, 30)]
        found = entry_of(steps, today=TUESDAY)
        assert (found.quantity, found.average) == (80, D("27.5"))

    def test_flat_begins_anew(self):
        steps = [step(MONDAY, 10, 100), step(MONDAY, -10, 100), step(MONDAY, 4, 50)]
        assert entry_of(steps, today=MONDAY).average == 50

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 4), st.integers(1, 50), st.decimals("1", "500", places=2), st.booleans()
            ),
            max_size=20,
        )
    )
    def test_quantity_is_the_sum_and_the_average_lies_among_the_prices(self, trades):
        steps, held = [], 0
        for day, quantity, price, sells in sorted(trades, key=lambda each: each[0]):
            signed = -min(quantity, held) if sells else quantity
            if signed:
                held += signed
                steps.append(Step(day=date(2026, 11, 16 + day), quantity=D(signed), price=price))
        for today in (date(2026, 11, 20), date(2026, 11, 25)):
            found = entry_of(steps, today=today)
            assert found.quantity == held
            if held:
                bought = [each.price for each in steps if each.quantity > 0]
                assert min(bought) - D("1e-20") <= found.average <= max(bought) + D("1e-20")


class TestSplit:
    THING = Tradable(symbol="X", currency="USD", quantity_step=D(1))

    def test_prices_ask_for_nothing_better_than_before(self):
        buy = Split(ratio=F(3), side=Side.BUY, thing=self.THING)
        sell = Split(ratio=F(3), side=Side.SELL, thing=self.THING)
        assert (buy.price(D(100)), sell.price(D(100)), buy.price(None)) == (D("33.33"), D("33.34"), None)
        assert (buy.units(D(7)), buy.exact(D(100))) == (21, D("33.333333333333"))

    def test_reverse_split_rounds_units_down(self):
        split = Split(ratio=F(1, 10), side=Side.BUY, thing=self.THING)
        assert (split.units(D(39)), split.units(D(9))) == (3, 0)

    def test_a_rounded_ratio_is_the_one_it_stands_for(self):
        """One for three comes as 0.333333333333: thirty are ten then, not nine."""
        assert ratio_of(D("0.333333333333")) == F(1, 3)
        assert ratio_of(D("0.066666666667")) == F(1, 15)
        assert ratio_of(D(4)) == 4
        assert ratio_of(D("0.00002")) == F(1, 50_000)
        third, fifteenth = (ratio_of(D(text)) for text in ("0.333333333333", "0.066666666667"))
        sell = Split(ratio=third, side=Side.SELL, thing=self.THING)
        assert (sell.units(D(30)), sell.price(D(10)), sell.exact(D(8))) == (10, D(30), 24)
        buy = Split(ratio=fifteenth, side=Side.BUY, thing=self.THING)
        assert (buy.units(D(45)), buy.price(D(10))) == (3, D(150))
