"""Orders over the API: placing once, refusals as problem details, lists and filters, canceling."""

from __future__ import annotations

import json
import uuid

import pytest
from django.urls import reverse

from portfolio_site.kernel import clock
from trading.models import Order
from trading.tests.support import make_instrument, order, set_quote


@pytest.fixture
def share(db):
    """A share whose quote is of this moment: the API reads the clock."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def post(client, trader, account, share):
    """Post an order; what is named replaces the default, None leaves it out."""
    client.force_login(trader)

    def send(headers=None, **changes):
        body = {
            "portfolio_id": account,
            "instrument_id": share.pk,
            "side": "buy",
            "type": "market",
            "quantity": "10",
            "client_order_id": str(uuid.uuid4()),
            **changes,
        }
        body = {key: value for key, value in body.items() if value is not None}
        return client.post(
            reverse("api:order-list"), json.dumps(body), content_type="application/json", headers=headers
        )

    return send


class TestPlace:
    def test_answers_the_filled_order_in_strings(self, post):
        answer = post(client_order_id="bot-1")
        assert answer.status_code == 201
        body = answer.json()
        assert {
            "client_order_id": "bot-1",
            "symbol": "ACME",
            "status": "filled",
            "quantity": "10",
            "filled_quantity": "10",
            "filled_avg_price": "100.02",
            "limit_price": None,
            "reserved_cash": "0",
            "time_in_force": "day",
        }.items() <= body.items()

    def test_takes_numbers_exactly(self, post):
        body = post(type="limit", limit_price=50.1, quantity=1).json()
        assert body["limit_price"] == "50.1"

    def test_symbol_will_do(self, post):
        assert post(instrument_id=None, symbol="acme").json()["symbol"] == "ACME"

    def test_same_id_answers_the_first_order(self, post):
        first, again = post(client_order_id="a"), post(client_order_id="a")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()

    def test_idempotency_key_stands_in_for_the_id(self, post):
        answers = [post(client_order_id=None, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert answers[0].json()["client_order_id"] == "k-1"

    def test_one_of_them_is_needed(self, post):
        answer = post(client_order_id=None)
        assert (answer.status_code, answer.json()["code"]) == (422, "client_order_id_required")

    def test_same_id_for_something_else_is_a_conflict(self, post):
        first = post(client_order_id="a").json()
        problem = post(client_order_id="a", quantity="11")
        assert problem.status_code == 409
        assert (problem.json()["code"], problem.json()["order_id"]) == ("client_order_id_taken", first["id"])


class TestRefusals:
    def test_are_problem_details_with_field_and_figures(self, post):
        answer = post(quantity="1000")
        problem = answer.json()
        assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
        assert problem["code"] == "insufficient_buying_power"
        assert problem["type"] == "/api/problems/insufficient_buying_power"
        assert problem["buying_power"] == "10000"
        assert problem["errors"][0]["field"] == "quantity"

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"quantity": "0"}, 400),
            ({"quantity": "-1"}, 400),
            ({"quantity": "-0"}, 400),
            ({"quantity": "1e400"}, 400),
            ({"quantity": "NaN"}, 400),
            ({"quantity": "9" * 40}, 400),
            ({"quantity": True}, 400),
            ({"quantity": {"a": 1}}, 400),
            ({"quantity": "9" * 20}, 422),
            ({"quantity": "0.0001"}, 422),
            ({"type": "limit"}, 422),
            ({"type": "limit", "limit_price": "1.001"}, 422),
            ({"limit_price": "5"}, 422),
            ({"side": "short"}, 400),
            ({"type": "stop"}, 422),
            ({"type": "iceberg"}, 400),
            ({"time_in_force": "gtd"}, 400),
            ({"side": "sell"}, 422),
            ({"symbol": "ACME"}, 400),
            ({"instrument_id": None}, 400),
            ({"instrument_id": None, "symbol": "NOPE"}, 422),
            ({"instrument_id": None, "symbol": "<script>"}, 422),
            ({"instrument_id": 999999999}, 422),
            ({"instrument_id": 10**30}, 400),
            ({"portfolio_id": 999999999}, 404),
            ({"portfolio_id": 10**30}, 400),
            ({"portfolio_id": "x"}, 400),
            ({"client_order_id": "x" * 129}, 400),
            ({"client_order_id": "a\u0000b"}, 400),
            ({"client_order_id": "a\nb"}, 422),
        ],
    )
    def test_bad_input_is_4xx_and_stores_nothing(self, post, changes, status):
        answer = post(**changes)
        assert answer.status_code == status, answer.content
        assert answer.json()["errors"] or status == 404
        assert Order.objects.count() == 0

    @pytest.mark.parametrize("raw", ["{", "[]", '"x"', "", '{"quantity": 1e999999999}', '{"quantity": NaN}'])
    def test_broken_bodies(self, client, trader, raw):
        client.force_login(trader)
        answer = client.post(reverse("api:order-list"), raw, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["code"]

    def test_somebody_elses_portfolio_does_not_exist(self, client, outsider, post):
        client.force_login(outsider)
        answer = post()
        assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")


class TestReadAndCancel:
    @pytest.fixture
    def resting(self, post, account, trader, share):
        return order(account, trader, share, limit_price="50", now=clock.now())

    def test_detail_has_trail_and_fills(self, client, post):
        placed = post().json()
        body = client.get(reverse("api:order-detail", args=[placed["id"]])).json()
        assert [entry["kind"] for entry in body["trail"]] == ["accepted", "filled"]
        (fill,) = body["fills"]
        assert (fill["quantity"], fill["price"], fill["position_quantity"]) == ("10", "100.02", "10")
        assert body["is_simulated"] is fill["is_simulated"] is True

    def test_at_real_prices_nothing_is_called_simulated(self, client, post, share):
        share.provider = "yahoo"
        share.save()
        body = client.get(reverse("api:order-detail", args=[post().json()["id"]])).json()
        assert body["is_simulated"] is False
        assert [fill["is_simulated"] for fill in body["fills"]] in ([], [False])

    def test_cancel(self, client, resting):
        answer = client.delete(reverse("api:order-detail", args=[resting.id]))
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert client.delete(reverse("api:order-detail", args=[resting.id])).status_code == 200

    def test_replace_puts_a_new_order_in_its_place_once(self, client, resting):
        url = reverse("api:order-detail", args=[resting.id])
        body = {"limit_price": "91.50", "quantity": "12", "client_order_id": "second"}
        first = client.patch(url, body, content_type="application/json")
        assert first.status_code == 200, first.content
        told = first.json()
        assert (told["limit_price"], told["quantity"], told["client_order_id"]) == ("91.5", "12", "second")
        assert (told["replaces_id"], told["status"]) == (str(resting.id), "new")
        assert client.get(url).json()["replaced_by_id"] == told["id"]
        again = client.patch(url, body, content_type="application/json")
        assert (again.status_code, again.json()["id"]) == (200, told["id"])
        other = client.patch(url, {**body, "quantity": "13"}, content_type="application/json")
        assert (other.status_code, other.json()["code"]) == (409, "client_order_id_taken")
        late = client.patch(url, {"limit_price": "92"}, content_type="application/json")
        assert (late.status_code, late.json()["order_status"]) == (422, "replaced")
        assert Order.objects.count() == 2

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"client_order_id": "x"}, 400),
            ({"side": "sell", "quantity": "1"}, 400),
            ({"quantity": "-1"}, 400),
            ({"quantity": "0.0000000001"}, 422),
            ({"limit_price": "91.501"}, 422),
            ({"stop_price": "90"}, 422),
            ({"time_in_force": "never"}, 400),
            ({"quantity": "999999999"}, 422),
        ],
    )
    def test_replace_refuses_what_does_not_fit(self, client, resting, body, status):
        answer = client.patch(
            reverse("api:order-detail", args=[resting.id]), body, content_type="application/json"
        )
        assert answer.status_code == status, answer.content
        assert Order.objects.get().status == "new"

    def test_replace_finds_nothing_of_somebody_elses(self, client, outsider, resting):
        client.force_login(outsider)
        url = reverse("api:order-detail", args=[resting.id])
        assert client.patch(url, {"quantity": "1"}, content_type="application/json").status_code == 404
        assert Order.objects.get().status == "new"

    def test_cancel_of_a_filled_order_says_why_not(self, client, post):
        problem = client.delete(reverse("api:order-detail", args=[post().json()["id"]]))
        assert problem.status_code == 422
        assert (problem.json()["code"], problem.json()["order_status"]) == ("order_not_cancelable", "filled")

    def test_lists_filter(self, client, post, resting, share, account):
        post()

        def count(**query):
            return len(client.get(reverse("api:order-list"), query).json()["results"])

        assert (count(), count(status="open"), count(status="closed"), count(status="filled")) == (2, 1, 1, 1)
        assert (count(symbol="acme"), count(symbol="other"), count(side="sell")) == (2, 0, 0)
        assert (count(portfolio_id=account), count(portfolio_id=account + 1)) == (2, 0)
        assert count(client_order_id=resting.client_order_id) == 1
        assert count(after=resting.submitted_at.isoformat()) == 1

    def test_bad_filters_are_400(self, client, post):
        for query in (
            {"side": "x"},
            {"portfolio_id": "x"},
            {"after": "yesterday"},
            {"portfolio_id": "1e400"},
        ):
            assert client.get(reverse("api:order-list"), query).status_code == 400, query

    def test_not_an_id(self, client, post):
        assert client.get("/api/v1/orders/not-a-uuid/").status_code == 404

    def test_buying_power(self, client, resting, account):
        assert client.get(reverse("api:portfolio-buying-power", args=[account])).json() == [
            {"currency": "USD", "cash": "10000", "reserved": "50", "available": "9950", "open_orders": 1}
        ]
