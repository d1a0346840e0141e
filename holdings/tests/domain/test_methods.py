"""Which lots a sale closes."""

from __future__ import annotations

import pytest

from holdings.tests.domain.making import figures, portfolio, problems, tx

BUYS = (
    tx("buy", "2024-01-02", quantity="10", price="10"),
    tx("buy", "2024-01-03", quantity="10", price="30"),
    tx("buy", "2024-01-04", quantity="10", price="20"),
)
SALE = tx("sell", "2024-06-03", quantity="15", price="40")


def rows_of(result):
    return [(row["lot"], row["quantity"], row["cost"], row["gain"]) for row in result["realised"]]


class TestLots:
    def test_fifo_takes_the_oldest(self):
        assert rows_of(figures(portfolio(*BUYS, SALE))) == [
            ("t1", "10", "100", "300"),
            ("t2", "5", "150", "50"),
        ]

    def test_lifo_takes_the_newest(self):
        assert rows_of(figures(portfolio(*BUYS, SALE), method="lifo")) == [
            ("t3", "10", "200", "200"),
            ("t2", "5", "150", "50"),
        ]

    def test_hifo_takes_the_dearest_and_the_oldest_of_equals(self):
        assert rows_of(figures(portfolio(*BUYS, SALE), method="hifo")) == [
            ("t2", "10", "300", "100"),
            ("t3", "5", "100", "100"),
        ]
        equal = [
            tx("buy", "2024-01-02", quantity="1", price="9", fees="1"),
            tx("buy", "2024-01-03", quantity="1", price="10"),
        ]
        result = figures(portfolio(*equal, tx("sell", "2024-01-04", quantity="1", price="5")), method="hifo")
        assert result["realised"][0]["lot"] == "t1"

    def test_what_a_division_rounds_makes_no_lot_dearer(self):
        """A third of the money handed back for each unit: both have cost 9.67 a unit, one of them a digit more at the end."""
        result = figures(
            portfolio(
                tx("buy", "2024-01-02", quantity="2", price="10"),
                tx("buy", "2024-01-03", quantity="1", price="10"),
                {"type": "return_of_capital", "date": "2024-02-01", "instrument": "A", "amount": "1"},
                tx("sell", "2024-06-03", quantity="1", price="40"),
            ),
            method="hifo",
        )
        assert result["realised"][0]["lot"] == "t1"

    def test_named_lots_beat_the_method(self):
        result = figures(portfolio(*BUYS, {**SALE, "quantity": "4", "lots": ["t3"]}))
        assert rows_of(result) == [("t3", "4", "80", "80")]

    def test_covers_of_shorts_follow_the_method_and_the_named_lots_too(self):
        # Sold short 10 at 100, then 10 at 120. Covered at 90: the newest gains 300, the oldest 100.
        rows = (
            tx("sell", "2024-01-02", quantity="10", price="100"),
            tx("sell", "2024-01-03", quantity="10", price="120"),
            tx("buy", "2024-01-04", quantity="10", price="90"),
        )
        gains = {
            method: rows_of(figures(portfolio(*rows, allow_short=True), method=method))
            for method in ("fifo", "lifo", "hifo")
        }
        assert gains == {
            "fifo": [("t1", "10", "900", "100")],
            "lifo": [("t2", "10", "900", "300")],
            "hifo": [("t2", "10", "900", "300")],
        }
        named = portfolio(*rows[:2], {**rows[2], "lots": ["t2"]}, allow_short=True)
        assert rows_of(figures(named)) == [("t2", "10", "900", "300")]

    def test_named_lots_must_exist_and_suffice(self):
        assert "transactions[3].lots[0]" in problems(portfolio(*BUYS, {**SALE, "lots": ["nope"]}))
        assert "transactions[3].lots" in problems(portfolio(*BUYS, {**SALE, "lots": ["t1"]}))

    def test_lots_are_kept_per_account(self):
        accounts = [{"id": name, "kind": "securities", "currency": "USD"} for name in ("x", "y")]
        body = portfolio(
            {**BUYS[0], "account": "x"},
            {**BUYS[1], "account": "y"},
            {**SALE, "quantity": "5", "account": "y"},
            accounts=accounts,
        )
        assert rows_of(figures(body)) == [("t2", "5", "150", "50")]
        # 5 of 20 pooled shares that cost 400 together
        assert figures(body, method="average")["realised"][0]["cost"] == "100"

    def test_average_has_one_row_and_one_pool(self):
        result = figures(portfolio(*BUYS, SALE), method="average")
        assert rows_of(result) == [(None, "15", "300", "300")]
        assert result["positions"][0]["lots"][0]["cost"] == "300"


class TestSection104:
    """Shaped after the examples of HMRC's helpsheet HS284, with round numbers."""

    def run(self, *rows):
        result = figures(
            portfolio(*rows, base_currency="GBP", instruments=[{"id": "A", "currency": "GBP"}]),
            method="section104",
        )
        return [
            (row["match"], row["closed"], row["quantity"], row["cost"], row["gain"])
            for row in result["realised"]
        ], result

    def test_same_day_then_thirty_days_then_pool(self):
        rows, result = self.run(
            tx("buy", "2024-01-10", quantity="100", price="1"),
            tx("buy", "2024-02-10", quantity="100", price="3"),
            tx("sell", "2024-06-03", quantity="60", price="5"),
            tx("buy", "2024-06-03", quantity="10", price="4"),
            tx("buy", "2024-06-20", quantity="20", price="6"),
            tx("buy", "2024-08-01", quantity="10", price="7"),
        )
        assert sorted(rows) == sorted(
            [
                ("same_day", "2024-06-03", "10", "40", "10"),
                ("30_days", "2024-06-03", "20", "120", "-20"),
                ("pool", "2024-06-03", "30", "60", "90"),
            ]
        )
        # 200 − 30 of the pool at 2 each, and the purchase of August
        assert (result["positions"][0]["quantity"], result["positions"][0]["cost_basis"]) == ("180", "410")

    @pytest.mark.parametrize(("bought", "match"), [("2024-07-03", "30_days"), ("2024-07-04", "pool")])
    def test_the_thirtieth_day_still_counts(self, bought, match):
        rows, _ = self.run(
            tx("buy", "2024-01-10", quantity="10", price="1"),
            tx("sell", "2024-06-03", quantity="10", price="5"),
            tx("buy", bought, quantity="10", price="2"),
        )
        assert rows[0][0] == match

    def test_same_day_sales_come_before_earlier_sales_that_look_ahead(self):
        rows, _ = self.run(
            tx("buy", "2024-01-10", quantity="20", price="1"),
            tx("sell", "2024-06-03", quantity="10", price="5"),
            tx("buy", "2024-06-10", quantity="10", price="4"),
            tx("sell", "2024-06-10", quantity="6", price="6"),
        )
        assert sorted(rows) == sorted(
            [
                ("30_days", "2024-06-03", "4", "16", "4"),
                ("pool", "2024-06-03", "6", "6", "24"),
                ("same_day", "2024-06-10", "6", "24", "12"),
            ]
        )

    def test_a_split_between_sale_and_purchase_changes_the_units(self):
        rows, result = self.run(
            tx("buy", "2024-01-10", quantity="10", price="10"),
            tx("sell", "2024-06-03", quantity="5", price="20"),
            tx("split", "2024-06-10", instrument="A", ratio="2"),
            tx("buy", "2024-06-20", quantity="10", price="8"),
        )
        assert rows == [("30_days", "2024-06-03", "5", "80", "20")]
        assert (result["positions"][0]["quantity"], result["positions"][0]["cost_basis"]) == ("20", "100")

    def test_a_split_also_splits_what_waits_in_the_pool_for_its_purchase(self):
        # Of 40 sold, 10 (20 new ones) are matched with the purchase of 20 June: the pool keeps 70 that cost 700.
        # After the split it holds 140 at 5 each, whatever is physically there: 20 sold cost 100.
        rows, result = self.run(
            tx("buy", "2024-01-10", quantity="100", price="10"),
            tx("sell", "2024-06-03", quantity="40", price="11"),
            tx("split", "2024-06-10", instrument="A", ratio="2"),
            tx("sell", "2024-06-12", quantity="20", price="6"),
            tx("buy", "2024-06-20", quantity="20", price="7"),
        )
        assert sorted(rows) == [
            ("30_days", "2024-06-03", "10", "140", "-30"),
            ("pool", "2024-06-03", "30", "300", "30"),
            ("pool", "2024-06-12", "20", "100", "20"),
        ]
        assert (result["positions"][0]["quantity"], result["positions"][0]["cost_basis"]) == ("120", "600")
