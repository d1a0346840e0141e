"""`/api/portfolio/…` and `/api/prices`: one list of assets, from registration to summary."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from holdings.models import Portfolio, Transaction
from holdings.tests.support import NOW, assert_books_are_right, make_instrument, make_prices, make_rates, post
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

JSON = "application/json"
DAY = NOW.date().isoformat()


@pytest.fixture
def market(db: None) -> dict[str, int]:
    """A share at 150 dollars, a coin at 40 000 dollars; a euro is worth 1.25 dollars."""
    share = make_instrument("ACME")
    coin = make_instrument("BTC-USD", asset_class="crypto")
    for thing, price in ((share, "150"), (coin, "40000")):
        make_prices(thing, {DAY: price})
        quote = QuoteData(
            instrument_id=thing.pk, last=Decimal(price), bid=None, ask=None, quoted_at=NOW, source="test",
            is_simulated=False,
        )  # fmt: skip
        apply_quotes(quotes=[quote], now=NOW)
    make_rates(EURUSD="1.25")
    return {"share": share.pk, "coin": coin.pk}


def add(client: Client, **body: Any) -> Any:
    return client.post("/api/portfolio/assets", body, content_type=JSON)


class TestTheList:
    def test_from_nothing_to_a_summary(self, as_owner: Client, market: dict[str, int]) -> None:
        assert as_owner.get("/api/portfolio/summary").json()["total_value"] == "0"
        assert as_owner.get("/api/portfolio/crypto").json()["assets"] == []
        made = add(as_owner, symbol="btc", type="crypto", quantity="0.5", price="30000")
        assert made.status_code == 201, made.content
        assert made.status_code == 201, made.content
        assert made.json()["id"] == market["coin"]
        assert (made.json()["quantity"], made.json()["average_cost"]) == ("0.5", "30000")
        assert add(as_owner, symbol="ACME", quantity=10, price=100.0).status_code == 201

        summary = as_owner.get("/api/portfolio/summary").json()
        # 0.5 × 40 000 / 1.25 and 10 × 150 / 1.25
        assert (summary["crypto"]["value"], summary["stocks"]["value"]) == ("16000", "1200")
        assert (summary["total_value"], summary["currency"], summary["cash"]) == ("17200", "EUR", "0")
        # cost 0.5 × 30 000 / 1.25 and 10 × 100 / 1.25
        assert (summary["cost_basis"], summary["gain"]) == ("12800", "4400")
        crypto = as_owner.get("/api/portfolio/crypto").json()
        assert [row["symbol"] for row in crypto["assets"]] == ["BTC-USD"]
        stocks = as_owner.get("/api/portfolio/stocks").json()
        assert [(row["symbol"], row["type"]) for row in stocks["assets"]] == [("ACME", "stock")]
        assert_books_are_right(Portfolio.objects.get())

    def test_adding_again_adds_up(self, as_owner: Client, market: dict[str, int]) -> None:
        add(as_owner, symbol="ACME", quantity="10", price="100")
        again = add(as_owner, symbol="ACME", quantity="10", price="200").json()
        assert (again["quantity"], again["average_cost"]) == ("20", "150")

    def test_a_retry_adds_once(self, as_owner: Client, market: dict[str, int]) -> None:
        body = {"symbol": "ACME", "quantity": "10", "price": "100"}
        for _ in range(2):
            as_owner.post(
                "/api/portfolio/assets", body, content_type=JSON, headers={"Idempotency-Key": "one"}
            )
        assert as_owner.get("/api/portfolio/stocks").json()["assets"][0]["quantity"] == "10"

    def test_quantity_is_changed_both_ways(self, as_owner: Client, market: dict[str, int]) -> None:
        add(as_owner, symbol="ACME", quantity="10", price="100")
        url = f"/api/portfolio/assets/{market['share']}"
        more = as_owner.put(url, {"quantity": "12", "price": "160"}, content_type=JSON)
        assert (more.status_code, more.json()["quantity"], more.json()["average_cost"]) == (200, "12", "110")
        less = as_owner.put(url, {"quantity": "2.5"}, content_type=JSON)
        assert less.json()["quantity"] == "2.5"
        assert as_owner.get(url).json() == less.json()
        assert as_owner.put(url, {"quantity": "0"}, content_type=JSON).status_code == 204
        assert as_owner.put(url, {"quantity": "1"}, content_type=JSON).status_code == 404
        assert_books_are_right(Portfolio.objects.get())

    def test_what_was_listed_by_mistake_is_as_if_never_there(
        self, as_owner: Client, market: dict[str, int]
    ) -> None:
        add(as_owner, symbol="ACME", quantity="10", price="100")
        url = f"/api/portfolio/assets/{market['share']}"
        assert as_owner.delete(url).status_code == 204
        assert as_owner.delete(url).status_code == 404
        assert not Transaction.objects.counting().exists()
        assert as_owner.get("/api/portfolio/summary").json()["total_value"] == "0"
        assert_books_are_right(Portfolio.objects.get())

    def test_what_was_bought_goes_out_and_its_history_stays(
        self, as_owner: Client, owner: Any, market: dict[str, int]
    ) -> None:
        add(as_owner, symbol="ACME", quantity="10", price="100")
        portfolio = Portfolio.objects.get()
        post(portfolio, "deposit", DAY, amount="1000", currency="USD")
        post(portfolio, "buy", DAY, instrument_id=market["share"], quantity="1", price="150")
        assert as_owner.delete(f"/api/portfolio/assets/{market['share']}").status_code == 204
        assert Transaction.objects.counting().filter(type="delivery_out", quantity=11).exists()
        assert Transaction.objects.counting().count() == 4
        assert_books_are_right(portfolio)


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            ({"symbol": "NOPE", "quantity": "1"}, 422, "symbol"),
            ({"symbol": "ACME", "type": "crypto", "quantity": "1"}, 422, "symbol"),
            ({"symbol": "ACME", "quantity": "0"}, 400, "quantity"),
            ({"symbol": "ACME", "quantity": "-1"}, 400, "quantity"),
            ({"symbol": "ACME", "quantity": "NaN"}, 400, "quantity"),
            ({"symbol": "ACME", "quantity": "1e400"}, 400, "quantity"),
            ({"symbol": "ACME", "quantity": "1", "price": "-3"}, 400, "price"),
            ({"symbol": "ACME", "quantity": "1", "date": "yesterday"}, 400, "date"),
            ({"symbol": "ACME", "quantity": "1", "amount": "3"}, 400, "amount"),
            ({"symbol": "A\u0000", "quantity": "1"}, 400, "symbol"),
            ({"symbol": ["ACME"], "quantity": "1"}, 400, "symbol"),
            ({"quantity": "1"}, 400, "symbol"),
            ([], 400, ""),
        ],
    )
    def test_name_the_field_and_store_nothing(
        self, as_owner: Client, market: dict[str, int], body: Any, status: int, field: str
    ) -> None:
        answer = as_owner.post("/api/portfolio/assets", body, content_type=JSON)
        assert answer.status_code == status, answer.content
        assert field in answer.content.decode()
        assert not Transaction.objects.exists()

    def test_anothers_assets_are_not_there(
        self,
        as_owner: Client,
        as_outsider: Client,
        as_auditor: Client,
        client: Client,
        market: dict[str, int],
    ) -> None:
        add(as_owner, symbol="ACME", quantity="10", price="100")
        portfolio, url = Portfolio.objects.get().pk, f"/api/portfolio/assets/{market['share']}"
        for path in ("crypto", "stocks", "summary"):
            assert as_outsider.get(f"/api/portfolio/{path}?portfolio={portfolio}").status_code == 404
            assert as_auditor.get(f"/api/portfolio/{path}?portfolio={portfolio}").status_code == 200
            assert client.get(f"/api/portfolio/{path}").status_code == 401
        body = {"quantity": "1"}
        for query in ("", f"?portfolio={portfolio}"):
            assert as_outsider.put(url + query, body, content_type=JSON).status_code == 404
            assert as_outsider.delete(url + query).status_code == 404
        assert as_auditor.put(f"{url}?portfolio={portfolio}", body, content_type=JSON).status_code == 403
        outsiders = add(as_outsider, symbol="ACME", quantity="1", price="1")
        assert outsiders.status_code == 201
        assert as_owner.get("/api/portfolio/stocks").json()["assets"][0]["quantity"] == "10"

    @pytest.mark.parametrize("text", ["x", "-1", "1.5", "9" * 30, "٣"])
    def test_a_portfolio_is_a_number(self, as_owner: Client, text: str) -> None:
        assert as_owner.get("/api/portfolio/summary", {"portfolio": text}).status_code in (400, 404)


class TestPrices:
    def ask(self, client: Client, **body: Any) -> Any:
        return client.post("/api/prices", body, content_type=JSON)

    def test_each_symbol_gets_its_price_or_its_own_error(
        self, as_owner: Client, market: dict[str, int]
    ) -> None:
        make_instrument("NEW")
        answer = self.ask(as_owner, symbols=["ACME", "BTC", "btc/usd", "BTCUSD", "NEW", "NOPE"]).json()[
            "prices"
        ]
        assert [row["symbol"] for row in answer] == ["ACME", "BTC", "btc/usd", "BTCUSD", "NEW", "NOPE"]
        assert [row["price"] for row in answer] == ["150", "40000", "40000", "40000", None, None]
        assert [row["error"] and row["error"]["code"] for row in answer] == [
            None, None, None, None, "no_price", "unknown_symbol",
        ]  # fmt: skip
        assert answer[1] == {
            "symbol": "BTC", "name": "BTC-USD Inc.", "type": "crypto", "price": "40000", "currency": "USD",
            "time": answer[0]["time"], "age_seconds": 0, "source": "test", "is_simulated": False,
            "is_stale": False, "error": None,
        }  # fmt: skip

    def test_converts_where_asked(self, as_owner: Client, market: dict[str, int]) -> None:
        answer = self.ask(as_owner, symbols=["ACME"], currency="eur").json()["prices"][0]
        assert (answer["price"], answer["currency"]) == ("120", "EUR")
        unknown = self.ask(as_owner, symbols=["ACME"], currency="XTS").json()["prices"][0]
        assert (unknown["price"], unknown["error"]["code"]) == (None, "no_exchange_rate")

    def test_two_hundred_cost_few_statements(
        self, as_owner: Client, market: dict[str, int], django_assert_max_num_queries: Any
    ) -> None:
        symbols = ["ACME", "BTC", *(f"X{i}" for i in range(198))]
        self.ask(as_owner, symbols=["ACME"])  # whether prices are simulated is then known for a while
        with django_assert_max_num_queries(7):
            assert len(self.ask(as_owner, symbols=symbols).json()["prices"]) == 200

    @pytest.mark.parametrize(
        "body",
        [{}, {"symbols": []}, {"symbols": "ACME"}, {"symbols": ["A"] * 201}, {"symbols": ["ACME"], "x": 1},
         {"symbols": [None]}, {"symbols": ["ACME"], "currency": "'; --"}],
    )  # fmt: skip
    def test_refuses_what_is_no_question(self, as_owner: Client, body: Any) -> None:
        assert as_owner.post("/api/prices", body, content_type=JSON).status_code == 400

    def test_strangers_get_none(self, client: Client) -> None:
        assert self.ask(client, symbols=["ACME"]).status_code == 401
