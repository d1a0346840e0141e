"""Several currencies: recorded rates, day rates, inverses, crosses, and what exchange rates did."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdings.tests.domain.making import adds_up, figures, portfolio, problems, tx

EUR = [{"id": "A", "currency": "EUR", "asset_class": "equity"}]
FX = {"EUR/USD": {"2024-01-01": "1.10", "2024-06-01": "1.20", "2024-12-31": "1.25"}}
PRICES = {"A": {"2024-01-01": "100", "2024-12-31": "120"}}
DEPOSIT = tx("deposit", "2024-01-01", amount="2000", currency="EUR")


class TestRates:
    def test_base_cost_stays_at_the_rate_of_the_purchase_day(self):
        result = figures(
            portfolio(
                DEPOSIT,
                tx("buy", "2024-01-02", quantity="10", price="100"),
                instruments=EUR,
                fx=FX,
                prices=PRICES,
            )
        )
        position = result["positions"][0]
        assert (position["cost_basis"], position["cost_basis_base"]) == ("1000", "1100")
        assert (position["market_value"], position["market_value_base"]) == ("1200", "1500")
        assert (position["unrealised_gain"], position["unrealised_gain_base"]) == ("200", "400")

    def test_a_recorded_rate_beats_the_days_rate(self):
        buy = tx("buy", "2024-01-02", quantity="10", price="100", fx_rate="1.30")
        result = figures(portfolio(DEPOSIT, buy, instruments=EUR, fx=FX, prices=PRICES))
        assert result["positions"][0]["cost_basis_base"] == "1300"
        assert adds_up(result)

    def test_cash_alone_has_currency_gain(self):
        result = figures(portfolio(DEPOSIT, instruments=EUR, fx=FX))
        # 2000 × (1.25 − 1.10)
        assert result["statement"]["currency_gain"] == "300"
        assert result["totals"]["currency_gain"] == "300"
        assert result["totals"]["total_gain"] == "300"

    def test_a_security_keeps_its_exchange_gain(self):
        buy = tx("buy", "2024-01-01", quantity="20", price="100")
        result = figures(portfolio(DEPOSIT, buy, instruments=EUR, fx=FX, prices=PRICES))
        assert result["statement"]["currency_gain"] == "0"
        assert result["statement"]["unrealised_gain"] == "800"

    def test_paying_in_another_currency_uses_the_recorded_instrument_rate(self):
        buy = tx("buy", "2024-01-02", quantity="10", price="110", currency="USD", instrument_rate="0.9")
        result = figures(portfolio(buy, instruments=EUR, fx=FX, prices=PRICES))
        position = result["positions"][0]
        assert (position["cost_basis"], position["cost_basis_base"]) == ("990", "1100")

    def test_inverses_and_crosses_are_derived(self):
        fx = {"EUR/USD": {"2024-01-01": "1.25"}, "EUR/CHF": {"2024-01-01": "0.95"}}
        rows = (
            tx("deposit", "2024-01-02", amount="100", currency="USD"),
            tx("deposit", "2024-01-02", amount="95", currency="CHF"),
        )
        result = figures(portfolio(*rows, base_currency="EUR", fx=fx))
        assert [row["balance_base"] for row in result["cash"]] == ["80", "100"] or abs(
            Decimal(result["cash"][1]["balance_base"]) - 100
        ) < Decimal("1e-15")
        crossed = figures(
            portfolio(tx("deposit", "2024-01-02", amount="125", currency="USD"), base_currency="CHF", fx=fx)
        )
        assert crossed["cash"][0]["balance_base"] == "95"

    def test_a_missing_rate_is_an_error_as_soon_as_an_amount_needs_it(self):
        assert "no exchange rate from EUR to USD" in problems(portfolio(DEPOSIT))["transactions[0].currency"]
        late = {"EUR/USD": {"2024-01-05": "1.1"}}
        assert problems(portfolio({**DEPOSIT, "fx_rate": "1.1"}, fx=late)) == {
            "fx.EUR/USD": "no exchange rate on or before 2024-01-01, needed to value holdings"
        }

    def test_no_amount_needs_no_rate(self):
        assert figures(portfolio({**DEPOSIT, "amount": "0"}))["totals"]["net_worth"] == "0"

    @pytest.mark.parametrize("tail", ["", "000"])
    def test_a_derived_rate_keeps_sums_exact(self, tail):
        fx = {"USD/EUR": {"2024-01-01": "0.7" + tail}}
        rows = [tx("deposit", f"2024-01-{day:02}", amount="33.33", currency="EUR") for day in range(1, 20)]
        result = figures(portfolio(*rows, fx=fx))
        assert adds_up(result)
        assert result["statement"]["currency_gain"] == "0"


class TestStatement:
    BODY = portfolio(
        DEPOSIT,
        tx("buy", "2024-01-02", quantity="10", price="100", fees="5"),
        tx("sell", "2024-08-01", quantity="4", price="130", fees="6", taxes="7"),
        instruments=EUR,
        fx=FX,
        prices={"A": {"2024-01-01": "100", "2024-06-01": "110", "2024-12-31": "120"}},
    )

    def test_gains_are_measured_from_the_value_at_from_and_before_fees(self):
        statement = figures(self.BODY, start="2024-06-30")["statement"]
        # at the start: 10 × 110 × 1.20 = 1320 and 995 € × 1.20 = 1194
        assert statement["opening_value"] == "2514"
        # 4 × 130 × 1.20 − 4 × 110 × 1.20
        assert statement["realised_gain"] == "96"
        # 6 × 120 × 1.25 − 6 × 110 × 1.20
        assert statement["unrealised_gain"] == "108"
        assert (statement["fees"], statement["taxes"]) == ("7.2", "8.4")
        # 995 € × 0.05 + 507 € × 0.05
        assert statement["currency_gain"] == "75.1"
        # 6 × 120 × 1.25 + 1502 × 1.25
        assert statement["closing_value"] == "2777.5"

    def test_totals_run_from_the_first_transaction_whatever_the_period(self):
        assert figures(self.BODY, start="2024-06-30")["totals"] == figures(self.BODY)["totals"]

    def test_without_from_the_period_starts_the_day_before_the_first_transaction(self):
        result = figures(self.BODY)
        assert result["statement"]["from"] == "2023-12-31"
        assert len(result["daily"]) == 367
        assert result["daily"][0] == {"date": "2023-12-31", "value": "0", "flow": "0", "twr_index": 1.0}

    def test_to_before_the_sale_ignores_it(self):
        result = figures(self.BODY, end="2024-07-31")
        assert result["realised"] == []
        assert result["as_of"] == "2024-07-31"
        assert result["totals"]["market_value"] == "1320"
