"""Every address of the wire, taken from its URL table: nothing without a key, nothing of anybody else's, never a page."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern

from marketdata.operations import create_watchlist
from trading.models import ApiKey, Order, TradeEvent
from trading.wire.calls import Endpoint
from trading.wire.tests.test_orders import place
from trading.wire.urls import urlpatterns

pytestmark = pytest.mark.django_db

#: What any address reads of its query.
QUERY = (
    "status limit after until direction nested symbols side start end timeframe period page_token page_size sort adjustment "
    "feed currency date qty percentage cancel_orders asset_class exchange attributes name client_order_id activity_types "
    "category cashflow_types since ca_types types cusips ids cusip"
).split()
NONSENSE = ("\x00", "NaN", "1e400", "-1", "9" * 500, "é☃", "' OR 1=1 --", "2026-02-30", ",,,", "%", "{}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def path_of(pattern: URLPattern, values: dict[str, Any]) -> str:
    """The address with its parameters filled in; one that nobody knows fails the test."""
    route = str(pattern.pattern)
    for name in pattern.pattern.converters:
        assert name in values, f"{route} is new: say in belongings() what {name} is"
        route = route.replace(f"<str:{name}>", str(values[name])).replace(f"<path:{name}>", str(values[name]))
    return f"/alpaca/{route}"


@pytest.fixture
def belongings(bot, share) -> dict[str, Any]:
    """One of everything the bot's owner has, by the name of the parameter that addresses it."""
    place(bot, qty=3)
    order = place(bot, limit_price=50)
    watchlist = create_watchlist(
        owner=bot.user, name="Mine", now=datetime.now(UTC), instrument_ids=[share.pk]
    )
    return {
        "order_id": order["id"],
        "symbol": "ACME",
        "watchlist_id": watchlist.id,
        "activity_type": "FILL",
        "announcement_id": uuid.uuid4(),
        "feed": "us",
    }


def state() -> Any:
    return (
        list(Order.objects.order_by("pk").values_list("pk", "status", "filled_quantity")),
        TradeEvent.objects.count(),
        ApiKey.objects.count(),
    )


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
class TestEveryAddress:
    def test_answers_in_form_without_a_key(self, pattern, belongings):
        before, endpoint = state(), pattern.callback
        assert isinstance(endpoint, Endpoint)
        for method in METHODS:
            answer = Client().generic(method, path_of(pattern, belongings), b"{}", "application/json")
            allowed = {401} if not endpoint.is_open else {200, 405, 422}
            assert answer.status_code in allowed, (method, answer.content)
            if answer.status_code != 200 and method != "HEAD":
                assert {"code", "message"} <= answer.json().keys()
        assert state() == before

    def test_gives_a_stranger_nothing_of_the_owners(self, pattern, belongings, stranger, bot):
        before = state()
        path = path_of(pattern, belongings).removeprefix("/alpaca")
        for method in METHODS:
            for body in ({}, {"symbol": "ACME", "name": "taken over", "qty": 1, "symbols": []}):
                answer = stranger.send(method, path, None if method in {"GET", "HEAD"} else body)
                assert answer.status_code < 500, (method, answer.content)
                assert "X-Request-ID" in answer.headers
                text = answer.content.decode()
                for name in ("order_id", "watchlist_id"):
                    # The address itself may come back in a refusal.
                    assert str(belongings[name]) not in text or answer.status_code == 404
                assert bot.key_id not in text
                if answer.status_code >= 400 and method != "HEAD":
                    assert {"code", "message"} <= answer.json().keys()
        # What the stranger may have placed is their own.
        mine = [row for row in state()[0] if row[0] in {found[0] for found in before[0]}]
        assert mine == before[0]

    def test_survives_nonsense_in_its_query(self, pattern, belongings, bot):
        path = path_of(pattern, belongings).removeprefix("/alpaca")
        # Each name alone, as the first that is refused hides the others; and all of them with each value.
        alone = [{name: NONSENSE[n % len(NONSENSE)]} for n, name in enumerate(QUERY)]
        for query in (*alone, *(dict.fromkeys(QUERY, value) for value in NONSENSE)):
            answer = bot.send("GET", path, **query)
            assert answer.status_code in {200, 400, 404, 405, 422}, (query, answer.content)
            if answer.status_code != 200:
                assert {"code", "message"} <= answer.json().keys()
