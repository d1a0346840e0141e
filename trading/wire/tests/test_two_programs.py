"""Two programs of one account, at the same orders in the same moment, over real connections: what is done is done once, and each
of them is told what became of its own request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from trading.models import Fill, Order, TradeEvent
from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import Bot, make_bot

#: Connections that ask at once; the last round decides nothing more than the first, but meets other moments.
AT_ONCE = 6
ROUNDS = 4


class Desk:
    """An account with two key pairs; each connection belongs to one of two programs."""

    def __init__(self, url: str) -> None:
        first = make_bot()
        self.programs: list[Bot] = [first, make_bot(user=first.user, portfolio_id=first.portfolio_id)]
        self.url = f"{url}/alpaca/v2"
        self.sessions = []
        for number in range(AT_ONCE):
            session = requests.Session()
            session.headers.update(self.programs[number % 2].headers)
            self.sessions.append(session)

    def send(self, method: str, path: str, body: Any = None, *, by: int = 0) -> requests.Response:
        return self.sessions[by].request(method, f"{self.url}{path}", json=body, timeout=60)

    def place(self, **fields: Any) -> dict[str, Any]:
        body = {
            "symbol": "ACME",
            "qty": 5,
            "side": "buy",
            "type": "limit",
            "limit_price": 50,
            "time_in_force": "day",
        }
        answer = self.send("POST", "/orders", {**body, **fields})
        assert answer.status_code == 200, answer.text
        placed: dict[str, Any] = answer.json()
        return placed

    def at_once(self, ask: Callable[[int], requests.Response]) -> list[requests.Response]:
        """Ask over every connection in the same moment."""
        gate = threading.Barrier(AT_ONCE)
        answers: list[Any] = [None] * AT_ONCE

        def run(number: int) -> None:
            gate.wait(timeout=30)
            answers[number] = ask(number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=90)
        return answers


@pytest.fixture
def desk(live_site):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", "100.01", at=datetime.now(UTC))
    return Desk(live_site.url)


def codes(answers: list[requests.Response]) -> Counter[tuple[int, int | None]]:
    return Counter(
        (each.status_code, each.json()["code"] if each.status_code >= 400 else None) for each in answers
    )


def events(order_id: str) -> list[str]:
    return list(
        TradeEvent.objects.filter(order_id=order_id).order_by("number").values_list("event", flat=True)
    )


class TestAtOnce:
    def test_one_of_them_cancels(self, desk):
        for _ in range(ROUNDS):
            order = desk.place()
            answers = desk.at_once(lambda by, pk=order["id"]: desk.send("DELETE", f"/orders/{pk}", by=by))
            assert codes(answers) == {(204, None): 1, (422, 42210000): AT_ONCE - 1}
            refused = next(each for each in answers if each.status_code == 422)
            assert refused.json()["message"] == 'order is already in "canceled" state'
            assert events(order["id"]) == ["new", "canceled"]
        check_books()

    def test_one_of_them_replaces(self, desk):
        for _ in range(ROUNDS):
            order = desk.place()
            answers = desk.at_once(
                lambda by, pk=order["id"]: desk.send(
                    "PATCH", f"/orders/{pk}", {"limit_price": 51 + by}, by=by
                )
            )
            assert codes(answers) == {(200, None): 1, (422, 42210000): AT_ONCE - 1}
            new = next(each for each in answers if each.status_code == 200).json()
            (open_,) = desk.send("GET", "/orders").json()
            assert (open_["id"], open_["replaces"]) == (new["id"], order["id"])
            old = desk.send("GET", f"/orders/{order['id']}").json()
            assert (old["status"], old["replaced_by"]) == ("replaced", new["id"])
            desk.send("DELETE", f"/orders/{new['id']}")
        check_books()

    def test_whoever_comes_first_replaces_or_cancels(self, desk):
        """A cancel that comes second finds the order replaced: the new one lives on, and its program is not told otherwise."""
        for _ in range(ROUNDS):
            order = desk.place()
            path = f"/orders/{order['id']}"
            answers = desk.at_once(
                lambda by, path=path: (
                    desk.send("DELETE", path, by=by)
                    if by % 2
                    else desk.send("PATCH", path, {"qty": 6}, by=by)
                )
            )
            assert sum(each.status_code in {200, 204} for each in answers) == 1, codes(answers)
            assert all(each.status_code in {200, 204, 422} for each in answers)
            is_replaced = any(each.status_code == 200 for each in answers)
            assert desk.send("GET", path).json()["status"] == ("replaced" if is_replaced else "canceled")
            assert [row["qty"] for row in desk.send("GET", "/orders").json()] == (
                ["6"] if is_replaced else []
            )
            desk.send("DELETE", "/orders")
        check_books()

    def test_a_name_is_given_once(self, desk):
        """The same `client_order_id` in several orders, and in several replacements."""
        for number in range(ROUNDS):
            body = {
                "symbol": "ACME", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day",
                "client_order_id": f"once-{number}",
            }  # fmt: skip
            answers = desk.at_once(lambda by, body=body: desk.send("POST", "/orders", body, by=by))
            assert codes(answers) == {(200, None): 1, (422, 40010001): AT_ONCE - 1}
            assert {each.json()["message"] for each in answers if each.status_code == 422} == {
                "client_order_id must be unique"
            }
        assert Fill.objects.count() == ROUNDS
        orders = [desk.place(limit_price=40 + number) for number in range(AT_ONCE)]
        answers = desk.at_once(
            lambda by: desk.send("PATCH", f"/orders/{orders[by]['id']}", {"client_order_id": "mine"}, by=by)
        )
        assert codes(answers) == {(200, None): 1, (422, 40010001): AT_ONCE - 1}
        assert Order.objects.filter(status="new").count() == AT_ONCE
        check_books()

    def test_a_position_is_closed_once(self, desk):
        for _ in range(ROUNDS):
            desk.place(type="market", limit_price=None, qty=7)
            answers = desk.at_once(lambda by: desk.send("DELETE", "/positions/ACME", by=by))
            assert sum(each.status_code == 200 for each in answers) == 1, codes(answers)
            assert all(each.status_code in {200, 403, 404} for each in answers), codes(answers)
            assert desk.send("GET", "/positions").json() == []
        check_books()

    def test_all_of_them_flatten_the_account(self, desk):
        """`close_all_positions(cancel_orders=True)` by everybody at once: nothing is sold twice, nothing stays."""
        for _ in range(ROUNDS):
            desk.place(type="market", limit_price=None, qty=7)
            desk.place()
            answers = desk.at_once(lambda by: desk.send("DELETE", "/positions?cancel_orders=True", by=by))
            assert {each.status_code for each in answers} == {207}
            rows = [row for each in answers for row in each.json()]
            assert [row["status"] for row in rows] == [200]
            assert desk.send("GET", "/positions").json() == desk.send("GET", "/orders").json() == []
        check_books()
