"""Bad input to every address that takes a body: always the documented error, never a 500, nothing half-done."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from holdings.queries import cash_balance
from marketdata.models import Watchlist
from marketdata.operations import create_watchlist
from trading.models import Order, TradeEvent, TradingAccount
from trading.tests.support import check_books
from trading.wire.calls import Endpoint
from trading.wire.tests.test_orders import place
from trading.wire.urls import urlpatterns

pytestmark = pytest.mark.django_db

#: What no JSON object is, as raw bytes: 400, 40010000.
UNREADABLE = (
    b"{", b"[]", b"7", b'"text"', b"null", b"true", b"\xff\xfe\x00", b'{"qty": NaN}', b'{"qty": -Infinity}', b'{"qty": 1e}',
    b'{"a": "\\ud800"}', b"qty=1&symbol=ACME", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"<order/>",
)  # fmt: skip
#: What is no number, or none that anything here can be: 422, 40010001. Zeros are no amounts.
NO_NUMBERS: tuple[Any, ...] = (
    b"1e400", b"-1e400", b'"1e400"', b'"NaN"', b'"Infinity"', b'"-inf"', b'"1_000"', b'"0x10"', b'"1,5"', b'"\\u0661"',
    b"9" * 40, b'"' + b"9" * 40 + b'"', b"0." + b"1" * 40, b"1e-400", b'"1e99999999"', b"0", b"-0", b"0.0", b'"-0"', b"-1", b'""',
    b"[]", b"{}", b"true", b'"x"', b'" "', b'"' + b"1" * 5000 + b'"',
)  # fmt: skip
#: What is no text and no word.
NO_TEXT: tuple[Any, ...] = (
    b"7",
    b"[]",
    b"{}",
    b"true",
    b'"\\u0000"',
    b'"a\\u0007b"',
    b'"' + b"x" * 70_000 + b'"',
)

ORDER = {
    "symbol": b'"ACME"', "qty": b"1", "side": b'"buy"', "type": b'"limit"', "time_in_force": b'"day"', "limit_price": b"90",
}  # fmt: skip
NUMBERS = ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")
WORDS = ("symbol", "side", "type", "time_in_force", "order_class", "position_intent", "client_order_id")


def raw(fields: dict[str, bytes]) -> bytes:
    return b"{" + b", ".join(f'"{name}": '.encode() + value for name, value in fields.items()) + b"}"


@pytest.fixture
def things(bot, share) -> dict[str, Any]:
    """What the addresses name, by parameter: a resting order, a held share, a watchlist."""
    place(bot, qty=3)
    order = place(bot, qty=2, limit_price=50)
    watchlist = create_watchlist(
        owner=bot.user, name="Mine", now=datetime.now(UTC), instrument_ids=[share.pk]
    )
    return {"order_id": order["id"], "watchlist_id": str(watchlist.id), "symbol": "ACME"}


def state(bot) -> Any:
    """Everything that a request could have left half-done."""
    return (
        list(
            Order.objects.order_by("pk").values_list(
                "pk",
                "status",
                "quantity",
                "limit_price",
                "filled_quantity",
                "reserved_cash",
                "reserved_quantity",
            )
        ),
        TradeEvent.objects.count(),
        cash_balance(bot.portfolio_id, "USD"),
        list(Watchlist.objects.order_by("pk").values_list("pk", "name", "updated_at")),
        list(TradingAccount.objects.order_by("pk").values()),
    )


def addresses() -> list[tuple[str, str]]:
    """Every address and method that reads a body."""
    return [
        (method, str(pattern.pattern))
        for pattern in urlpatterns
        for method in ("POST", "PUT", "PATCH")
        if isinstance(pattern.callback, Endpoint) and method in pattern.callback.methods
    ]


def path_of(route: str, things: dict[str, Any]) -> str:
    for name, value in things.items():
        route = route.replace(f"<str:{name}>", value).replace(f"<path:{name}>", value)
    assert "<" not in route
    return f"/{route}"


class TestBodies:
    @pytest.mark.parametrize(("method", "route"), addresses())
    def test_what_is_no_object_is_400_and_what_is_huge_413(self, bot, things, method, route):
        path, before = path_of(route, things), state(bot)
        query = {"name": "Mine"} if "by_name" in route else {}
        for body in UNREADABLE:
            answer = bot.send(method, path, body, **query)
            assert (answer.status_code, answer.json()["code"]) == (400, 40010000), (body[:40], answer.content)
        huge = bot.send(method, path, b'{"symbol": "' + b"A" * 10_000_000 + b'"}', **query)
        assert (huge.status_code, huge.json()["code"]) == (413, 41310000)
        assert state(bot) == before

    def test_every_field_of_an_order(self, bot, things):
        before = state(bot)
        for name in NUMBERS:
            for value in NO_NUMBERS:
                answer = bot.send("POST", "/v2/orders", raw({**ORDER, name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        for name in WORDS:
            for value in NO_TEXT:
                answer = bot.send("POST", "/v2/orders", raw({**ORDER, name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        for exit_, names in (("take_profit", ("limit_price",)), ("stop_loss", ("stop_price", "limit_price"))):
            for name in names:
                for value in NO_NUMBERS:
                    body = raw({**ORDER, "order_class": b'"bracket"', exit_: raw({name: value})})
                    answer = bot.send("POST", "/v2/orders", body)
                    assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (exit_, value)
        for value in (b"7", b"[]", b'"x"', b"true"):
            for name in ("take_profit", "stop_loss"):
                answer = bot.send("POST", "/v2/orders", raw({**ORDER, name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (name, value)
        assert state(bot) == before
        check_books()

    def test_every_field_of_a_replacement(self, bot, things):
        before, path = state(bot), f"/v2/orders/{things['order_id']}"
        for name in ("qty", "limit_price", "stop_price", "trail"):
            for value in NO_NUMBERS:
                answer = bot.send("PATCH", path, raw({name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        for name in ("time_in_force", "client_order_id"):
            for value in NO_TEXT:
                answer = bot.send("PATCH", path, raw({name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        assert state(bot) == before

    def test_every_field_of_a_configuration_and_of_a_watchlist(self, bot, things):
        before = state(bot)
        flags = (
            "fractional_trading",
            "no_shorting",
            "suspend_trade",
            "ptp_no_exception_entry",
            "disable_overnight_trading",
        )
        for name in (*flags, "trade_confirm_email"):
            for value in (b"7", b"[]", b"{}", b'"maybe"', b"1e400"):
                answer = bot.send("PATCH", "/v2/account/configurations", raw({name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        for name in ("max_margin_multiplier", "max_options_trading_level"):
            for value in (b'"x"', b"1.5", b"-1", b"9", b"1e400", b"[]", b"true"):
                answer = bot.send("PATCH", "/v2/account/configurations", raw({name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        path = f"/v2/watchlists/{things['watchlist_id']}"
        for method, where, name, values in (
            ("POST", "/v2/watchlists", "name", (*NO_TEXT, b'""', b'" "', b'"' + b"x" * 65 + b'"', b'"mine"')),
            ("PUT", path, "name", (*NO_TEXT, b'""', b'"' + b"x" * 65 + b'"')),
            (
                "PUT",
                path,
                "symbols",
                (b"7", b'"ACME"', b"[7]", b"[null]", b"{}", b"[" + b'"A",' * 300 + b'"A"]'),
            ),
            ("POST", path, "symbol", (*NO_TEXT, b'""')),
        ):
            for value in values:
                answer = bot.send(method, where, raw({name: value}))
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    where,
                    value[:40],
                    answer.content,
                )
        for method, where, body in (
            ("PUT", path, b'{"symbols": ["ACME", "NOSUCH"]}'),
            ("POST", path, b'{"symbol": "NOSUCH"}'),
            ("POST", "/v2/watchlists", b'{"name": "Other", "symbols": ["NOSUCH"]}'),
        ):
            assert bot.send(method, where, body).status_code == 404
        assert state(bot) == before


class TestQuantities:
    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"symbol": b'"BTC/USD"', "qty": b'"0.000000001"', "time_in_force": b'"gtc"'}, 422, 40010001),
            ({"symbol": b'"BTC/USD"', "qty": b'"0.0123456789"', "time_in_force": b'"gtc"'}, 422, 40010001),
            ({"qty": b'"1.0000000000001"'}, 422, 40010001),
            ({"qty": b'"0.0000000001"'}, 422, 40010001),
            ({"qty": b'"100000000000000"'}, None, None),
            ({"qty": b"999999999999999", "limit_price": b"999999999999999"}, None, None),
            ({"qty": None, "notional": b"100.001", "type": b'"market"', "limit_price": None}, None, None),
            ({"symbol": b'"NOSUCH"'}, 404, 40410000),
            ({"symbol": b'"ACME/USD"'}, 404, 40410000),
            ({"symbol": b'"\' OR 1=1 --"'}, 404, 40410000),
            ({"symbol": f'"{uuid.uuid4()}"'.encode()}, 404, 40410000),
        ],
    )
    def test_beyond_the_step_or_the_columns(self, bot, things, coin, fields, status, code):
        before = state(bot)
        body = {name: value for name, value in {**ORDER, **fields}.items() if value is not None}
        if body["symbol"] == b'"BTC/USD"':
            body["limit_price"] = b"40000"
        answer = bot.send("POST", "/v2/orders", raw(body))
        found = answer.json()
        assert answer.status_code in ({403, 422} if status is None else {status}), found
        assert found["code"] in ({40310000, 40010001, 42210000} if code is None else {code}), found
        assert state(bot) == before

    def test_closing_by_nonsense_closes_nothing(self, bot, things):
        before = state(bot)
        for name in ("qty", "percentage"):
            for value in (
                "NaN",
                "1e400",
                "-0",
                "0",
                "-1",
                "9" * 40,
                "x",
                "1,5",
                " ",
                "0." + "1" * 40,
                "true",
            ):
                answer = bot.send("DELETE", "/v2/positions/ACME", **{name: value})
                assert (answer.status_code, answer.json()["code"]) == (422, 40010001), (
                    name,
                    value,
                    answer.content,
                )
        assert bot.send("DELETE", "/v2/positions/ACME", percentage="100.0001").status_code == 422
        both = bot.send("DELETE", "/v2/positions/ACME", qty="1", percentage="1")
        assert both.status_code == 422
        more = bot.send("DELETE", "/v2/positions/ACME", qty="4")
        assert (more.status_code, more.json()["code"]) == (403, 40310000)
        assert bot.send("DELETE", "/v2/positions", cancel_orders="perhaps").status_code == 422
        assert state(bot) == before
        assert Decimal(bot.get("/v2/positions/ACME")["qty"]) == 3
