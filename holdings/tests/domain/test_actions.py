"""Transfers and corporate actions: what moves, what stays, what is realised."""

from __future__ import annotations

from holdings.tests.domain.making import adds_up, codes, figures, portfolio, problems, tx

TWO = [{"id": name, "currency": "USD", "asset_class": "equity"} for name in ("A", "B")]
ACCOUNTS = [
    {"id": "cash", "kind": "cash", "currency": "USD"},
    {"id": "x", "kind": "securities", "currency": "USD", "cash_account": "cash"},
    {"id": "y", "kind": "securities", "currency": "USD"},
]


def by_key(result):
    return {(row["instrument"], row["account"]): row for row in result["positions"]}


class TestTransfer:
    BUYS = (
        tx("buy", "2024-01-02", quantity="10", price="10", account="x"),
        tx("buy", "2024-01-03", quantity="10", price="20", account="x"),
    )

    def test_the_oldest_lots_go_first_with_their_dates_and_costs(self):
        move = tx("transfer", "2024-02-01", quantity="15", account="x", to_account="y")
        result = figures(portfolio(*self.BUYS, move, accounts=ACCOUNTS), method="lifo")
        there = by_key(result)["A", "y"]
        assert [(lot["id"], lot["opened"], lot["cost"]) for lot in there["lots"]] == [
            ("t1", "2024-01-02", "100"),
            ("t2", "2024-01-03", "100"),
        ]
        assert result["realised"] == []
        assert result["totals"]["net_contributions"] == "300"

    def test_a_transfer_before_its_purchase_waits_within_the_day(self):
        rows = (
            tx("transfer", "2024-01-02", quantity="10", account="x", to_account="y"),
            self.BUYS[0],
            tx("sell", "2024-01-02", quantity="4", price="11", account="y"),
        )
        assert by_key(figures(portfolio(*rows, accounts=ACCOUNTS)))["A", "y"]["quantity"] == "6"
        assert "transactions[0].quantity" in problems(
            portfolio(rows[0], {**self.BUYS[0], "date": "2024-01-03"}, accounts=ACCOUNTS)
        )

    def test_cash_moves_without_a_flow(self):
        rows = (
            tx("deposit", "2024-01-01", amount="100", account="cash"),
            tx("transfer", "2024-01-02", amount="60", fees="1", account="cash", to_account="y"),
        )
        result = figures(portfolio(*rows, accounts=ACCOUNTS))
        assert [(row["account"], row["balance"]) for row in result["cash"]] == [("cash", "39"), ("y", "60")]
        assert result["daily"][-1]["flow"] == "0"
        assert (result["statement"]["contributions"], result["statement"]["fees"]) == ("100", "1")

    def test_a_named_cash_account_pays(self):
        rows = (
            tx("deposit", "2024-01-01", amount="500", account="cash"),
            {**self.BUYS[0], "account": "y", "cash_account": "cash"},
        )
        assert figures(portfolio(*rows, accounts=ACCOUNTS))["cash"][0]["balance"] == "400"


class TestSplit:
    BUY = tx("buy", "2024-01-02", quantity="10", price="90")

    def test_quantities_grow_and_a_carried_price_is_divided(self):
        rows = (self.BUY, tx("split", "2024-06-03", instrument="A", ratio="3:2"))
        result = figures(portfolio(*rows, prices={"A": {"2024-06-02": "120"}}))
        position = result["positions"][0]
        assert (position["quantity"], position["price"], position["price_date"]) == ("15", "80", "2024-06-02")
        assert position["market_value"] == "1200"
        assert position["cost_basis"] == "900"
        assert result["performance"]["worst_day"] == 0
        assert "carried_price" in codes(result)

    def test_a_close_of_the_day_itself_is_already_divided(self):
        rows = (self.BUY, tx("split", "2024-06-03", instrument="A", ratio="2"))
        result = figures(portfolio(*rows, prices={"A": {"2024-06-02": "120", "2024-06-03": "61"}}))
        assert result["positions"][0]["market_value"] == "1220"

    def test_a_transaction_price_is_divided_too(self):
        result = figures(portfolio(self.BUY, tx("split", "2024-06-03", instrument="A", ratio="4")))
        assert (result["positions"][0]["price"], result["positions"][0]["market_value"]) == ("22.5", "900")

    def test_fractions_are_kept(self):
        result = figures(portfolio(self.BUY, tx("split", "2024-06-03", instrument="A", ratio="0.125")))
        assert result["positions"][0]["quantity"] == "1.25"

    def test_cash_in_lieu_is_a_gain_without_cost_or_a_sale_of_the_shares_named(self):
        lieu = tx("split", "2024-06-03", instrument="A", ratio="0.125", amount="50")
        kept = figures(portfolio(self.BUY, lieu))
        assert (kept["positions"][0]["quantity"], kept["realised"][0]["gain"]) == ("1.25", "50")
        assert adds_up(kept)
        sold = figures(portfolio(self.BUY, {**lieu, "quantity": "0.25"}))
        # a fifth of the cost of 900
        assert (sold["positions"][0]["quantity"], sold["realised"][0]["gain"]) == ("1", "-130")
        assert adds_up(sold)

    def test_only_in_the_account_named(self):
        rows = (
            {**self.BUY, "account": "x"},
            {**self.BUY, "account": "y"},
            tx("split", "2024-06-03", instrument="A", ratio="2", account="x"),
        )
        found = by_key(figures(portfolio(*rows, accounts=ACCOUNTS, prices={"A": {"2024-01-02": "90"}})))
        assert (found["A", "x"]["quantity"], found["A", "x"]["market_value"]) == ("20", "900")
        assert (found["A", "y"]["quantity"], found["A", "y"]["market_value"]) == ("10", "900")

    def test_rejects_what_is_not_held(self):
        body = portfolio(tx("split", "2024-06-03", instrument="A", ratio="2"))
        assert "not held" in problems(body)["transactions[0].instrument"]


class TestReorganisations:
    BUY = tx("buy", "2023-01-02", quantity="10", price="100")

    def test_a_spin_off_moves_the_cost_named(self):
        rows = (
            self.BUY,
            tx("spin_off", "2024-02-01", instrument="A", to_instrument="B", ratio="0.5", amount="250"),
        )
        found = by_key(
            figures(
                portfolio(
                    *rows, instruments=TWO, prices={"A": {"2024-02-01": "75"}, "B": {"2024-02-01": "50"}}
                )
            )
        )
        assert found["A", "securities"]["cost_basis"] == "750"
        child = found["B", "securities"]
        assert (child["quantity"], child["cost_basis"], child["lots"][0]["opened"]) == (
            "5",
            "250",
            "2023-01-02",
        )

    def test_without_an_amount_cost_moves_by_value(self):
        rows = (self.BUY, tx("spin_off", "2024-02-01", instrument="A", to_instrument="B", ratio="0.5"))
        result = figures(
            portfolio(*rows, instruments=TWO, prices={"A": {"2024-02-01": "75"}, "B": {"2024-02-01": "50"}})
        )
        assert by_key(result)["B", "securities"]["cost_basis"] == "250"
        assert adds_up(result)

    def test_a_merger_carries_cost_and_holding_period(self):
        rows = (
            self.BUY,
            tx("merger", "2024-02-01", instrument="A", to_instrument="B", ratio="2"),
            tx("sell", "2024-03-01", quantity="20", price="70", instrument="B"),
        )
        row = figures(portfolio(*rows, instruments=TWO))["realised"][0]
        assert (row["instrument"], row["opened"], row["gain"], row["term"]) == (
            "B",
            "2023-01-02",
            "400",
            "long",
        )

    def test_cash_beside_new_shares_realises_its_part(self):
        merger = tx("merger", "2024-02-01", instrument="A", to_instrument="B", ratio="1", amount="300")
        result = figures(portfolio(self.BUY, merger, instruments=TWO, prices={"B": {"2024-02-01": "90"}}))
        # 300 of 1200 is cash: a quarter of the cost of 1000
        assert result["realised"][0]["gain"] == "50"
        assert by_key(result)["B", "securities"]["cost_basis"] == "750"
        assert adds_up(result)

    def test_a_symbol_change_keeps_everything_and_the_price(self):
        rows = (self.BUY, tx("symbol_change", "2024-02-01", instrument="A", to_instrument="B"))
        result = figures(portfolio(*rows, instruments=TWO, prices={"A": {"2024-01-31": "130"}}))
        new = by_key(result)["B", "securities"]
        assert (new["quantity"], new["cost_basis"], new["market_value"]) == ("10", "1000", "1300")
        assert result["totals"]["total_gain"] == "300"

    def test_returned_capital_lowers_cost_and_the_rest_is_gain(self):
        back = tx("return_of_capital", "2024-02-01", instrument="A", amount="400")
        once = figures(portfolio(self.BUY, back))
        assert once["positions"][0]["cost_basis"] == "600"
        assert once["realised"] == []
        thrice = figures(portfolio(self.BUY, back, back, {**back, "date": "2024-03-01"}))
        assert thrice["positions"][0]["cost_basis"] == "0"
        assert thrice["totals"]["realised_gain"] == "200"
        assert adds_up(thrice)
