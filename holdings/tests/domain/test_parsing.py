"""What a portfolio file may hold, and how a bad one is refused: every problem, each with its JSON path."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from holdings.domain.parsing import parse
from holdings.domain.types import PortfolioError
from holdings.tests.domain.making import codes, figures, portfolio, problems, tx

BUY = tx("buy", "2024-01-02", quantity="10", price="100")


class TestRefusals:
    @pytest.mark.parametrize(
        "value",
        ["NaN", "Infinity", "-Infinity", "1e400", "1e5", "", " 5", "1,000", "5 USD", "--5", "٣", "0x10"],
    )
    def test_quantity_must_be_a_plain_decimal(self, value):
        found = problems(portfolio({**BUY, "quantity": value}))
        assert "plain decimal" in found["transactions[0].quantity"]

    @pytest.mark.parametrize("value", [10, 10.5, True, ["10"], {"n": "10"}])
    def test_numbers_must_be_strings(self, value):
        assert "string" in problems(portfolio({**BUY, "price": value}))["transactions[0].price"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("quantity", "-1"), ("price", "-1"), ("fees", "-0.01"), ("fx_rate", "0")],
    )
    def test_sign_comes_from_the_type(self, field, value):
        assert f"transactions[0].{field}" in problems(portfolio({**BUY, field: value}))

    @pytest.mark.parametrize(
        "value",
        ["0001-01-01", "9999-12-31", "2024-02-30", "2024-1-2", "02.01.2024", "20240102", 20240102, ""],
    )
    def test_absurd_dates(self, value):
        assert "transactions[0].date" in problems(portfolio({**BUY, "date": value}))

    def test_every_problem_is_listed_not_only_the_first(self):
        body = portfolio(
            {"type": "buy", "date": "2024-01-02", "instrument": "X", "quantity": "x"},
            {"type": "deposit", "date": "2024-01-02"},
            {"type": "juggle", "date": "2024-01-02"},
            {"type": "split", "date": "2024-01-02", "instrument": "A", "ratio": "3:0"},
        )
        assert set(problems(body)) == {
            "transactions[0].instrument",
            "transactions[0].quantity",
            "transactions[0].price",
            "transactions[1].amount",
            "transactions[2].type",
            "transactions[3].ratio",
        }

    def test_quotients_that_other_programs_wrote_in_full_are_plain_decimals(self):
        # 100 / 3 to 28 digits, three times: 99.99…99, nothing of it rounded.
        third = "33.33333333333333333333333333"
        body = portfolio({**BUY, "quantity": "3", "price": third}, prices={"A": {"2024-01-02": third}})
        result = figures(body)
        assert result["totals"]["cost_basis"] == "99.99999999999999999999999999"
        assert result["totals"]["total_gain"] == "0"
        assert "transactions[0].price" in problems(portfolio({**BUY, "price": "0." + "1" * 51}))

    @pytest.mark.parametrize("ratio", ["0", "3:0", "0:3", "-2", "1:2:3", "", "two", "1e3", 2])
    def test_bad_ratio(self, ratio):
        assert "transactions[1].ratio" in problems(
            portfolio(BUY, tx("split", "2024-02-01", instrument="A", ratio=ratio))
        )

    @pytest.mark.parametrize("code", ["XYZ", "usd", "DOLLAR", "", 5])
    def test_unknown_currency(self, code):
        assert "transactions[0].currency" in problems(portfolio({**BUY, "currency": code}))
        assert "base_currency" in problems(portfolio(BUY, base_currency=code))

    def test_unknown_references(self):
        body = portfolio({**BUY, "account": "nowhere", "instrument": "nothing"})
        assert set(problems(body)) == {"transactions[0].account", "transactions[0].instrument"}

    def test_duplicate_ids(self):
        body = portfolio({**BUY, "id": "same"}, {**BUY, "id": "same"})
        body["instruments"] *= 2
        assert set(problems(body)) == {"transactions[1].id", "instruments[1].id"}

    @pytest.mark.parametrize("form", ["portfolio/2", "", None, 1])
    def test_other_formats(self, form):
        assert list(problems(portfolio(BUY, format=form))) == ["format"]

    @pytest.mark.parametrize(
        "text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"1" * 5000, b"[" * 100_000, b'"x"']
    )
    def test_what_is_no_json_object(self, text):
        with pytest.raises(PortfolioError) as refused:
            parse(text)
        assert refused.value.problems[0].path == "$"

    def test_nan_as_a_json_number_names_its_path(self):
        text = json.dumps(portfolio({**BUY, "price": float("nan")}))
        with pytest.raises(PortfolioError, match=r"transactions\[0\]\.price: .*NaN"):
            parse(text)

    @pytest.mark.parametrize(
        ("day", "value"), [("2024-01-02", "-1"), ("2024-01-02", 5), ("2024-13-01", "5"), ("2024-01-02", None)]
    )
    def test_prices_by_path(self, day, value):
        body = portfolio(BUY, prices={"A": {"2024-01-01": "1", day: value}})
        assert f"prices.A.{day}" in problems(body)

    def test_rates_must_be_positive_and_pairs_known(self):
        body = portfolio(
            BUY, fx={"EUR/USD": {"2024-01-02": "0"}, "EURUSD": {}, "QQQ/USD": {"2024-01-02": "1"}}
        )
        assert set(problems(body)) == {"fx.EUR/USD.2024-01-02", "fx.EURUSD", "fx.QQQ/USD"}

    def test_missing_requirements_by_type(self):
        kinds = {
            "sell": {"instrument", "quantity", "price"},
            "delivery_in": {"instrument", "quantity"},
            "transfer": {"to_account", "amount"},
            "dividend": {"instrument", "amount"},
            "interest": {"amount"},
            "fee": {"amount"},
            "split": {"instrument", "ratio"},
            "spin_off": {"instrument", "to_instrument", "ratio"},
            "merger": {"instrument", "to_instrument"},
            "symbol_change": {"instrument", "to_instrument"},
            "return_of_capital": {"instrument", "amount"},
            "liability": {"amount"},
        }
        for kind, fields in kinds.items():
            found = problems(portfolio({"type": kind, "date": "2024-01-02"}))
            assert set(found) == {f"transactions[0].{field}" for field in fields}, kind


class TestReading:
    def test_unknown_keys_are_ignored_with_a_warning(self):
        result = figures(portfolio({**BUY, "colour": "red"}, mood="good"))
        paths = [row["path"] for row in result["warnings"] if row["code"] == "unknown_key"]
        assert sorted(paths) == ["mood", "transactions[0].colour"]

    def test_an_instant_belongs_to_its_day_in_the_time_zone_of_the_file(self):
        body = portfolio({**BUY, "date": "2024-01-02T23:30:00Z"}, timezone="Europe/Zurich")
        assert figures(body)["positions"][0]["lots"][0]["opened"] == "2024-01-03"

    def test_what_is_dated_after_the_valuation_is_ignored_with_a_warning(self):
        body = portfolio(BUY, tx("sell", "2025-03-01", quantity="99", price="1"))
        result = figures(body)
        assert result["positions"][0]["quantity"] == "10"
        assert "future" in codes(result)

    def test_an_instant_of_valuation_cuts_its_day(self):
        rows = [{**BUY, "date": "2024-06-03T10:00:00Z"}, {**BUY, "date": "2024-06-03T18:00:00Z"}]
        result = figures(portfolio(*rows, as_of="2024-06-03T12:00:00Z"))
        assert result["positions"][0]["quantity"] == "10"

    def test_long_numbers_stay_exact(self):
        body = portfolio({**BUY, "quantity": "0.123456789012345678", "price": "123456789.123456789"})
        expected = Decimal("15241578.768479647142661161950769242")
        assert abs(Decimal(figures(body)["positions"][0]["cost_basis"]) - expected) < 1

    def test_amount_beats_price_and_warns_when_they_differ(self):
        result = figures(portfolio({**BUY, "amount": "1010"}))
        assert result["positions"][0]["cost_basis"] == "1010"
        assert "amount_differs" in codes(result)
        assert "amount_differs" not in codes(figures(portfolio({**BUY, "amount": "1004"})))

    def test_a_byte_order_mark_is_no_problem(self):
        assert parse(b"\xef\xbb\xbf" + json.dumps(portfolio(BUY)).encode()).name == "Test"

    def test_a_trade_of_nothing_changes_nothing_but_with_an_amount_it_is_refused(self):
        nothing = {**BUY, "quantity": "0"}
        result = figures(portfolio(BUY, nothing))
        assert result["positions"][0]["quantity"] == "10"
        assert "zero_quantity" in codes(result)
        assert "transactions[0].quantity" in problems(portfolio({**nothing, "amount": "5"}))
