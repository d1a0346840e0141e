"""Purchases, sales, shorts, deliveries, income and costs, each with a sum done by hand."""

from __future__ import annotations

import pytest

from holdings.tests.domain.making import adds_up, codes, figures, portfolio, problems, tx

DEPOSIT = tx("deposit", "2024-01-01", amount="10000")


class TestSell:
    def test_total_gain_after_a_partial_sale_a_rebuy_and_another_sale(self):
        result = figures(
            portfolio(
                tx("buy", "2024-01-01", quantity="10", price="100"),
                tx("sell", "2024-02-01", quantity="5", price="120"),
                tx("buy", "2024-03-01", quantity="5", price="140"),
                tx("sell", "2024-04-01", quantity="5", price="150"),
                prices={"A": {"2024-12-31": "150"}},
            )
        )
        assert result["totals"]["total_gain"] == "400"
        assert result["totals"]["realised_gain"] == "350"
        assert result["totals"]["unrealised_gain"] == "50"
        assert result["totals"]["net_contributions"] == "1100"

    def test_cost_includes_fees_and_proceeds_are_net_of_them_taxes_are_in_neither(self):
        result = figures(
            portfolio(
                DEPOSIT,
                tx("buy", "2024-01-02", quantity="10", price="100", fees="10", taxes="3"),
                tx("sell", "2024-02-01", quantity="4", price="120", fees="5", taxes="7"),
            )
        )
        row = result["realised"][0]
        assert (row["proceeds"], row["cost"], row["fees"], row["gain"]) == ("475", "404", "5", "71")
        position = result["positions"][0]
        assert (position["cost_basis"], position["average_cost"]) == ("606", "101")
        assert (position["fees"], position["taxes"]) == ("15", "10")
        assert result["cash"][0]["balance"] == "9455"

    def test_rejects_when_more_than_held(self):
        body = portfolio(
            tx("buy", "2024-01-02", quantity="10", price="1"),
            tx("sell", "2024-01-03", quantity="11", price="1"),
        )
        assert "only 10 is held" in problems(body)["transactions[1].quantity"]

    def test_an_excess_of_dust_closes_the_position(self):
        rows = (
            tx("buy", "2024-01-02", quantity="10", price="1"),
            tx("sell", "2024-01-03", quantity="10.000000000001", price="1"),
        )
        position = figures(portfolio(*rows))["positions"][0]
        assert (position["quantity"], position["lots"]) == ("0", [])
        more = {**rows[1], "quantity": "10.0000000000011"}
        assert problems(portfolio(rows[0], more))

    def test_closed_positions_stay_listed(self):
        rows = (
            tx("buy", "2024-01-02", quantity="10", price="1"),
            tx("sell", "2024-01-03", quantity="10", price="2"),
        )
        position = figures(portfolio(*rows, prices={"A": {"2024-06-01": "3"}}))["positions"][0]
        assert position["quantity"] == "0"
        assert position["average_cost"] == "0"
        assert position["realised_gain"] == "10"
        assert (position["price"], position["price_date"]) == ("3", "2024-06-01")


class TestTerm:
    @pytest.mark.parametrize(
        ("bought", "sold", "term"),
        [
            ("2023-03-15", "2024-03-15", "short"),
            ("2023-03-15", "2024-03-16", "long"),
            ("2023-02-28", "2024-02-28", "short"),
            ("2023-02-28", "2024-02-29", "long"),
            ("2020-02-29", "2021-02-28", "short"),
            ("2020-02-29", "2021-03-01", "long"),
        ],
    )
    def test_long_only_after_the_anniversary(self, bought, sold, term):
        rows = (tx("buy", bought, quantity="1", price="1"), tx("sell", sold, quantity="1", price="2"))
        assert figures(portfolio(*rows))["realised"][0]["term"] == term


class TestShort:
    ROWS = (
        DEPOSIT,
        tx("sell", "2024-01-02", quantity="10", price="100", fees="10"),
        tx("buy", "2024-02-01", quantity="4", price="90", fees="2"),
    )

    def test_open_short_is_negative_and_a_cover_realises(self):
        result = figures(portfolio(*self.ROWS, allow_short=True, prices={"A": {"2024-12-31": "80"}}))
        position, row = result["positions"][0], result["realised"][0]
        assert (position["quantity"], position["cost_basis"], position["market_value"]) == (
            "-6",
            "-594",
            "-480",
        )
        assert position["unrealised_gain"] == "114"
        assert position["average_cost"] == "99"
        assert (row["direction"], row["opened"], row["closed"], row["quantity"]) == (
            "short",
            "2024-01-02",
            "2024-02-01",
            "4",
        )
        assert (row["proceeds"], row["cost"], row["gain"]) == ("396", "362", "34")
        assert result["totals"]["total_gain"] == "148"
        assert adds_up(result)

    def test_a_sale_through_zero_closes_and_opens(self):
        rows = (
            tx("buy", "2024-01-02", quantity="3", price="10"),
            tx("sell", "2024-01-03", quantity="5", price="12"),
        )
        result = figures(portfolio(*rows, allow_short=True))
        assert result["positions"][0]["quantity"] == "-2"
        assert [(row["direction"], row["gain"]) for row in result["realised"]] == [("long", "6")]


class TestBuy:
    def test_a_buy_without_cash_contributes_what_is_missing(self):
        result = figures(
            portfolio(
                tx("deposit", "2024-01-01", amount="300"),
                tx("buy", "2024-01-02", quantity="10", price="100", fees="1"),
            )
        )
        assert result["statement"]["contributions"] == "1001"
        assert result["cash"][0]["balance"] == "0"
        assert "missing_cash" in codes(result)

    def test_cash_is_judged_in_file_order_within_a_day(self):
        rows = (tx("buy", "2024-01-02", quantity="1", price="100"), tx("deposit", "2024-01-02", amount="100"))
        assert figures(portfolio(*rows))["totals"]["net_contributions"] == "200"
        assert figures(portfolio(*reversed(rows)))["totals"]["net_contributions"] == "100"

    def test_other_debits_may_leave_the_balance_negative_with_a_warning(self):
        result = figures(portfolio(tx("fee", "2024-01-02", amount="5")))
        assert result["cash"][0]["balance"] == "-5"
        assert codes(result)[0] == "negative_balance"

    def test_a_bond_is_quoted_in_percent(self):
        bond = [{"id": "A", "currency": "USD", "asset_class": "bond", "quote_unit": "percent"}]
        result = figures(
            portfolio(
                DEPOSIT,
                tx("buy", "2024-01-02", quantity="5000", price="98.5"),
                instruments=bond,
                prices={"A": {"2024-12-31": "101"}},
            )
        )
        assert (result["positions"][0]["cost_basis"], result["positions"][0]["market_value"]) == (
            "4925",
            "5050",
        )

    def test_the_multiplier_counts(self):
        option = [{"id": "A", "currency": "USD", "multiplier": "100"}]
        result = figures(portfolio(tx("buy", "2024-01-02", quantity="2", price="1.5"), instruments=option))
        assert result["positions"][0]["market_value"] == "300"


class TestDelivery:
    PRICES = {"A": {"2024-01-01": "50", "2024-12-31": "70"}}

    def test_in_is_a_flow_of_the_days_value_with_its_costs(self):
        result = figures(
            portfolio(
                tx("delivery_in", "2024-01-02", quantity="10", cost="300", fees="4", taxes="1"),
                prices=self.PRICES,
            )
        )
        assert result["statement"]["contributions"] == "505"
        assert result["positions"][0]["cost_basis"] == "300"
        assert result["statement"]["unrealised_gain"] == "200"
        assert result["totals"]["total_gain"] == "195"
        assert result["cash"] == []
        assert adds_up(result)

    def test_without_a_cost_it_costs_its_value(self):
        result = figures(portfolio(tx("delivery_in", "2024-01-02", quantity="10"), prices=self.PRICES))
        assert result["positions"][0]["cost_basis"] == "500"

    def test_out_realises_market_value_less_cost(self):
        rows = (
            tx("buy", "2024-01-02", quantity="10", price="40"),
            tx("delivery_out", "2024-01-03", quantity="4", fees="2"),
        )
        result = figures(portfolio(*rows, prices=self.PRICES))
        assert result["realised"][0]["gain"] == "40"
        assert result["statement"]["withdrawals"] == "198"
        assert adds_up(result)


class TestIncome:
    def test_cash_income_counts_gross(self):
        result = figures(
            portfolio(
                tx("buy", "2024-01-02", quantity="10", price="40"),
                tx("dividend", "2024-02-01", instrument="A", amount="20", taxes="3"),
                tx("distribution", "2024-03-01", instrument="A", amount="5"),
                tx("interest", "2024-03-02", amount="7"),
                tx("interest_charge", "2024-03-03", amount="2"),
            )
        )
        assert (result["totals"]["dividends"], result["totals"]["interest"]) == ("25", "5")
        assert result["totals"]["taxes"] == "3"
        assert result["positions"][0]["dividends"] == "25"
        assert result["cash"][0]["balance"] == "27"

    def test_income_in_kind_is_a_new_lot_at_the_days_value(self):
        result = figures(
            portfolio(
                tx("buy", "2024-01-02", quantity="10", price="40"),
                tx("staking", "2024-02-01", quantity="0.5"),
                prices={"A": {"2024-02-01": "60"}},
            )
        )
        assert result["totals"]["interest"] == "30"
        assert result["positions"][0]["lots"][1] == {
            "id": "t2", "opened": "2024-02-01", "quantity": "0.5", "cost": "30", "cost_base": "30",
        }  # fmt: skip
        assert adds_up(result)


class TestCosts:
    def test_refunds_lower_what_is_listed(self):
        result = figures(
            portfolio(
                DEPOSIT,
                tx("fee", "2024-01-02", amount="10"),
                tx("fee_refund", "2024-01-03", amount="4"),
                tx("tax", "2024-01-04", amount="9"),
                tx("tax_refund", "2024-01-05", amount="1"),
            )
        )
        assert (result["totals"]["fees"], result["totals"]["taxes"]) == ("6", "8")
        assert result["totals"]["total_gain"] == "-14"
        assert adds_up(result)

    def test_a_liability_lowers_net_worth_and_nothing_else(self):
        result = figures(
            portfolio(
                DEPOSIT,
                tx("liability", "2024-01-02", amount="4000"),
                tx("liability", "2024-02-02", amount="-500"),
            )
        )
        totals = result["totals"]
        assert (totals["liabilities"], totals["net_worth"], totals["total_gain"]) == ("3500", "6500", "0")
        assert result["statement"]["closing_value"] == "10000"
        assert result["performance"]["twr"] == 0


class TestPriceWithoutCloses:
    def test_the_latest_transaction_price_counts_and_a_deliverys_cost_is_none(self):
        rows = (
            tx("buy", "2024-01-02", quantity="1", price="100"),
            tx("delivery_in", "2024-02-01", quantity="1", cost="30"),
        )
        result = figures(portfolio(*rows))
        assert result["positions"][0]["price"] == "100"
        assert result["statement"]["contributions"] == "200"

    def test_a_close_beats_a_later_transaction_price(self):
        rows = (
            tx("buy", "2024-01-02", quantity="1", price="100"),
            tx("buy", "2024-03-01", quantity="1", price="140"),
        )
        position = figures(portfolio(*rows, prices={"A": {"2024-02-01": "120"}}))["positions"][0]
        assert (position["price"], position["price_date"]) == ("120", "2024-02-01")
