"""Wash sales: losses that move to the shares bought again."""

from __future__ import annotations

import pytest

from holdings.tests.domain.making import figures, portfolio, tx


def run(*rows, **options):
    return figures(portfolio(*rows, tax_country="US"), **options)


BOUGHT = tx("buy", "2023-11-01", quantity="100", price="10")
LOSS = tx("sell", "2024-03-01", quantity="100", price="7")


class TestWashSale:
    def test_a_purchase_after_the_loss_carries_it(self):
        result = run(BOUGHT, LOSS, tx("buy", "2024-03-20", quantity="100", price="8"))
        row, position = result["realised"][0], result["positions"][0]
        assert (row["gain"], row["wash_sale_adjustment"]) == ("-300", "300")
        assert position["cost_basis"] == "1100"
        assert position["lots"][0]["cost"] == "1100"

    def test_a_purchase_before_the_loss_carries_it(self):
        result = run(BOUGHT, tx("buy", "2024-02-20", quantity="100", price="8"), LOSS)
        assert result["realised"][0]["wash_sale_adjustment"] == "300"
        assert result["positions"][0]["cost_basis"] == "1100"

    @pytest.mark.parametrize(("bought", "adjustment"), [("2024-03-31", "300"), ("2024-04-01", "0")])
    def test_the_window_ends_after_thirty_days(self, bought, adjustment):
        assert (
            run(BOUGHT, LOSS, tx("buy", bought, quantity="100", price="8"))["realised"][0][
                "wash_sale_adjustment"
            ]
            == adjustment
        )

    def test_only_as_many_shares_as_were_bought_again(self):
        result = run(BOUGHT, LOSS, tx("buy", "2024-03-20", quantity="40", price="8"))
        assert result["realised"][0]["wash_sale_adjustment"] == "120"
        assert result["positions"][0]["cost_basis"] == "440"

    def test_only_the_replacing_part_of_a_larger_purchase(self):
        result = run(BOUGHT, LOSS, tx("buy", "2024-03-20", quantity="150", price="8"))
        assert [(lot["quantity"], lot["cost"]) for lot in result["positions"][0]["lots"]] == [
            ("100", "1100"),
            ("50", "400"),
        ]

    def test_the_holding_period_carries_over(self):
        # held 121 days, then 250: 371 days in all, over a year
        result = run(
            BOUGHT,
            LOSS,
            tx("buy", "2024-03-20", quantity="100", price="8"),
            tx("sell", "2024-11-25", quantity="100", price="20"),
        )
        row = result["realised"][1]
        assert (row["holding_days"], row["term"], row["gain"]) == (371, "long", "900")

    def test_a_gain_or_another_country_has_none(self):
        again = tx("buy", "2024-03-20", quantity="100", price="8")
        assert run(BOUGHT, {**LOSS, "price": "11"}, again)["realised"][0]["wash_sale_adjustment"] == "0"
        assert figures(portfolio(BOUGHT, LOSS, again))["realised"][0]["wash_sale_adjustment"] == "0"

    def test_what_is_left_of_the_lot_sold_is_no_replacement(self):
        result = run(tx("buy", "2024-02-20", quantity="100", price="10"), {**LOSS, "quantity": "50"})
        assert result["realised"][0]["wash_sale_adjustment"] == "0"
