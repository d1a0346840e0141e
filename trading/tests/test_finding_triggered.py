"""Which resting orders the stored quotes trigger: the search by index against saying it for each order in turn."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata.models import Quote
from trading.models import Order
from trading.operations.triggered import triggered_orders
from trading.tests.support import NOW, make_account, make_instrument, make_user, set_quote

prices = st.sampled_from([Decimal(price) for price in ("99.00", "99.98", "100.00", "100.02", "101.00")])
quotes = st.tuples(prices, st.none() | prices, st.none() | prices).filter(
    lambda quote: None in quote[1:] or quote[1] <= quote[2]
)
TYPES = {"now": "market", "limit": "limit", "stop": "stop", "trail": "trailing_stop"}
watched = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from([*TYPES, ""]),
    prices,
    st.sampled_from([None, timedelta(0), timedelta(hours=1)]),
    st.sampled_from([None, timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)]),
)


class Undone(Exception):
    """Rolls back what an example did."""


def rest(account, user, thing, *, side, watch, price, expires=None, eligible=None):
    """An order that waits as said, straight into the table."""
    kind = TYPES.get(watch, "limit")
    return Order.objects.create(
        portfolio_id=account,
        instrument=thing,
        client_order_id=str(uuid.uuid4()),
        side=side,
        type=kind,
        time_in_force="gtc",
        position_intent="buy_to_open" if side == "buy" else "sell_to_open",
        quantity=1,
        currency="USD",
        limit_price=price if kind == "limit" else None,
        stop_price=price if kind in ("stop", "trailing_stop") else None,
        trail_price=1 if kind == "trailing_stop" else None,
        hwm=price if kind == "trailing_stop" else None,
        status="new",
        watch=watch,
        watch_price=None if watch in ("now", "") else price,
        placed_by=user,
        submitted_at=NOW,
        updated_at=NOW,
        expires_at=None if expires is None else NOW + expires,
        eligible_at=None if eligible is None else NOW + eligible,
    )


def is_triggered(order: Order, quote: Quote | None) -> bool:
    """What `triggered_orders` promises, said in words of Python."""
    if quote is None or not order.watch:
        return False
    if (order.expires_at and order.expires_at <= NOW) or (order.eligible_at and order.eligible_at > NOW):
        return False
    if order.watch == "now":
        return True
    buys = order.side == "buy"
    if order.watch == "limit":
        touch = (quote.ask if buys else quote.bid) or quote.last
        return order.watch_price >= touch if buys else order.watch_price <= touch
    trade = quote.last if quote.ask is None else min(quote.last, quote.ask)
    trade = trade if quote.bid is None else max(trade, quote.bid)
    return order.watch_price <= trade if buys else order.watch_price >= trade


@pytest.mark.django_db
class TestFinding:
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(stored=st.lists(quotes, min_size=2, max_size=2), orders=st.lists(watched, max_size=12))
    def test_finds_exactly_what_the_quotes_trigger(self, db, stored, orders):
        with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - the block is what is undone
            user = make_user("finder")
            account = make_account(user, "1000000")
            things = [make_instrument(f"FND{number}") for number in range(3)]  # the third has no quote
            for thing, (last, bid, ask) in zip(things, stored, strict=False):
                Quote.objects.create(
                    instrument=thing,
                    last=last,
                    bid=bid,
                    ask=ask,
                    quoted_at=NOW,
                    received_at=NOW,
                    source="manual",
                )
            by_thing = {quote.instrument_id: quote for quote in Quote.objects.all()}
            rows = [
                rest(
                    account,
                    user,
                    things[where],
                    side=side,
                    watch=watch,
                    price=price,
                    expires=over,
                    eligible=due,
                )
                for where, side, watch, price, over, due in orders
            ]
            wanted = {row.pk for row in rows if is_triggered(row, by_thing.get(row.instrument_id))}
            ids = [thing.pk for thing in things]
            assert {found.order_id for found in triggered_orders(instrument_ids=ids, now=NOW)} == wanted
            assert {found.order_id for found in triggered_orders(instrument_ids=None, now=NOW)} == wanted
            first = {row.pk for row in rows if row.instrument_id == ids[0]} & wanted
            assert {found.order_id for found in triggered_orders(instrument_ids=ids[:1], now=NOW)} == first
            raise Undone

    def test_comes_in_the_order_in_which_portfolios_are_locked(self, db):
        user, thing = make_user("finder"), make_instrument()
        set_quote(thing, "100", "100")
        accounts = [make_account(user, "1000") for _ in range(3)]
        for account in reversed(accounts):
            rest(account, user, thing, side="buy", watch="limit", price=Decimal(101))
            rest(account, user, thing, side="buy", watch="now", price=Decimal(101))
        found = triggered_orders(instrument_ids=None, now=NOW)
        assert [row.portfolio_id for row in found] == sorted(row.portfolio_id for row in found)
        assert len(found) == 6

    def test_each_quote_looks_into_an_index_for_each_direction(self, db):
        thing = make_instrument()
        set_quote(thing, "100", "100")
        asked: list[str] = []

        def listen(execute, sql, params, many, context):
            if "trading_order" in sql:
                with connection.cursor() as cursor:
                    cursor.cursor.execute(f"EXPLAIN {sql}", params)
                    asked.append("\n".join(row[0] for row in cursor.fetchall()))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(listen):
            triggered_orders(instrument_ids=[thing.pk], now=NOW)
        (plan,) = asked
        for index in ("trading_order_falls_to", "trading_order_rises_to", "trading_order_any_price"):
            assert index in plan
        assert "Filter: (watch_price" not in plan
        assert plan.count("watch_price >=") >= 1
        assert "Seq Scan on trading_order" not in plan
