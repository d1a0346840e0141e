"""What the counter tells: each event once, in order, in the transaction in which it happened. And what it costs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portfolio_site.kernel.models import OutboxEvent
from trading.operations import OrderRefusedError, cancel_order, expire_orders, match_resting_orders
from trading.tests.support import NOW, later, order, set_quote

#: Statements of ``place_order``, transaction control included.
RESTING_BUDGET = 5
FILLED_BUDGET = 5


def told():
    return list(
        OutboxEvent.objects.filter(name__startswith="trading.")
        .order_by("id")
        .values("name", "stream", "payload")
    )


class TestEvents:
    def test_order_filled_at_once_tells_accepted_then_filled(self, place, account, trader, share):
        placed = place(quantity=10)
        accepted, filled = told()
        assert (accepted["name"], filled["name"]) == ("trading.order_accepted", "trading.order_filled")
        assert {accepted["stream"], filled["stream"]} == {f"portfolio:{account}"}
        assert filled["payload"] == {
            "order_id": str(placed.id),
            "fill_id": filled["payload"]["fill_id"],
            "portfolio_id": account,
            "user_id": trader.pk,
            "instrument_id": share.pk,
            "symbol": "ACME",
            "side": "buy",
            "quantity": "10",
            "price": "100.020000000000",
            "fees": "0.00",
            "currency": "USD",
            "order_quantity": "10",
            "filled_quantity": "10",
            "filled_avg_price": "100.020000000000",
            "status": "filled",
            "position_quantity": filled["payload"]["position_quantity"],
            "at": NOW.isoformat(),
        }
        assert Decimal(filled["payload"]["position_quantity"]) == 10

    def test_resting_order_tells_each_step_once(self, place, trader, share):
        cancel_order(order_id=place(limit_price="50").id, actor=trader, now=later())
        ended = place(limit_price="60")
        expire_orders(now=ended.expires_at)
        place(limit_price="99", time_in_force="gtc", now=ended.expires_at)
        set_quote(share, "98", "98.5", at=ended.expires_at)
        for _ in range(2):
            match_resting_orders(instrument_ids=[share.pk], now=ended.expires_at)
        assert [row["name"].removeprefix("trading.order_") for row in told()] == [
            "accepted",
            "canceled",
            "accepted",
            "expired",
            "accepted",
            "filled",
        ]

    def test_refused_order_tells_nothing(self, place):
        with pytest.raises(OrderRefusedError):
            place(quantity=100000)
        assert told() == []


class TestStatements:
    def test_of_a_resting_order(self, account, trader, share):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            order(account, trader, share, limit_price="50")
        assert len(seen) <= RESTING_BUDGET, [query["sql"][:90] for query in seen]

    def test_of_a_filled_order_does_not_grow_with_history(self, account, trader, share):
        counts: list[int] = []
        for _ in range(6):
            with CaptureQueriesContext(connection) as seen:
                order(account, trader, share)
            counts.append(len(seen))
        assert max(counts) <= FILLED_BUDGET, counts
        assert counts[-1] == counts[1]
