"""The numbered log of an account's orders: each thing once, in order, as it was then."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from portfolio_site.kernel.writing import Writing
from trading.models import TradeEvent
from trading.operations import (
    OrderRefusedError,
    cancel_order,
    create_api_key,
    expire_orders,
    match_resting_orders,
    revoke_api_key,
)
from trading.operations.trade_log import append_to_log
from trading.queries import Follower, news_for
from trading.tests.support import later, make_account, make_instrument, make_user, order, set_quote


def logged(account):
    rows = TradeEvent.objects.filter(portfolio_id=account).order_by("number")
    return [(row.number, row.event, row.payload["order"]["status"]) for row in rows]


class TestTradeLog:
    def test_numbers_follow_one_another_and_the_order_is_told_as_it_was_then(
        self, place, account, trader, share
    ):
        place(quantity=10)
        cancel_order(order_id=place(limit_price="50").id, actor=trader, now=later())
        assert logged(account) == [
            (1, "new", "new"),
            (2, "fill", "filled"),
            (3, "new", "new"),
            (4, "canceled", "canceled"),
        ]
        new, fill, *_ = TradeEvent.objects.filter(portfolio_id=account).order_by("number")
        assert new.payload["order"]["filled_quantity"] == "0"
        assert "execution" not in new.payload
        assert fill.payload["order"]["filled_quantity"] == "10"
        assert fill.payload["execution"]["qty"] == "10"
        assert fill.payload["execution"]["price"] == "100.020000000000"
        assert Decimal(fill.payload["execution"]["position_qty"]) == 10

    def test_keeps_microseconds_and_tells_no_wording_of_ours(self, place, account):
        placed = place(limit_price="50", now=later(0.123456))
        (row,) = TradeEvent.objects.filter(portfolio_id=account)
        assert row.payload["order"]["submitted_at"] == placed.submitted_at.isoformat()
        assert not {"trail", "reserved_cash", "placed_by_id"} & row.payload["order"].keys()

    def test_order_that_waited_for_the_session_is_accepted_then_new(self, account, trader, settings):
        settings.SIMULATED_SESSION = "exchange"
        share = make_instrument("NIGHT")
        set_quote(share, "10", "10.01")
        night = later(16 * 3600)
        placed = order(account, trader, share, time_in_force="gtc", now=night)
        assert placed.status == "accepted"
        monday = later(3 * 24 * 3600)
        set_quote(share, "10", "10.01", at=monday)
        match_resting_orders(instrument_ids=[share.pk], now=monday)
        assert logged(account) == [(1, "accepted", "accepted"), (2, "new", "new"), (3, "fill", "filled")]

    def test_expiry_is_told_once_however_often_it_is_looked_for(self, place, account):
        ended = place(limit_price="60")
        for _ in range(2):
            expire_orders(now=ended.expires_at)
        assert logged(account) == [(1, "new", "new"), (2, "expired", "expired")]

    def test_accounts_count_for_themselves(self, account, trader, share):
        other = make_account(trader)
        order(account, trader, share)
        order(other, trader, share)
        assert [number for number, _, _ in logged(account)] == [1, 2]
        assert [number for number, _, _ in logged(other)] == [1, 2]

    def test_refused_order_leaves_no_line(self, place, account):
        with pytest.raises(OrderRefusedError):
            place(quantity=100000)
        assert logged(account) == []

    def test_a_line_that_was_taken_back_leaves_no_gap(self, place, account, trader, share):
        with transaction.atomic():
            place()
            transaction.set_rollback(True)
        place()
        assert [number for number, _, _ in logged(account)] == [1, 2]

    def test_lines_cannot_be_changed_or_removed(self, place, account):
        place()
        for change in ("UPDATE trading_tradeevent SET event = 'x'", "DELETE FROM trading_tradeevent"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(change)

    def test_belongs_inside_a_transaction(self, transactional_db):
        with pytest.raises(RuntimeError):
            append_to_log(Writing(), portfolio_id=1, entries=[object()])


class TestRaces:
    def test_numbers_rise_in_commit_order_under_a_storm(self, transactional_db):
        trader, share = make_user("storm"), make_instrument("STORM")
        set_quote(share, "10", "10.01")
        account = make_account(trader, "1000000")

        def storm():
            try:
                for _ in range(6):
                    order(account, trader, share)
            finally:
                connection.close()

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = logged(account)
        assert [number for number, _, _ in rows] == list(range(1, 49))
        assert [event for _, event, _ in rows] == ["new", "fill"] * 24


class TestNews:
    """What programs that follow accounts are told of, read for all of them at once."""

    @pytest.fixture
    def key(self, account, trader):
        return create_api_key(portfolio_id=account, actor=trader, name="Bot", now=later()).key.pk

    def test_of_several_accounts_is_one_statement(
        self, account, trader, share, key, django_assert_num_queries
    ):
        other = make_account(trader)
        other_key = create_api_key(portfolio_id=other, actor=trader, name="Bot", now=later()).key.pk
        order(account, trader, share)
        order(other, trader, share)
        followers = [
            Follower(account, key, 0),
            Follower(other, other_key, 1),
            Follower(account, key, 2),
            Follower(account, key, 1),
        ]
        with django_assert_num_queries(1):
            found = news_for(followers, limit=200)
        assert [[(event.number, event.event) for event in events or ()] for events in found] == [
            [(1, "new"), (2, "fill")],
            [(2, "fill")],
            [],
            [(2, "fill")],
        ]
        fill = (found[1] or [])[0]
        assert (fill.order.portfolio_id, fill.order.symbol) == (None, share.symbol)
        assert fill.order.filled_quantity == fill.execution.quantity

    def test_comes_in_pieces(self, account, trader, share, key):
        for _ in range(3):
            order(account, trader, share)
        (found,) = news_for([Follower(account, key, 1)], limit=2)
        assert [event.number for event in found or ()] == [2, 3]

    def test_is_not_for_a_key_that_opens_nothing(self, account, trader, share, key):
        order(account, trader, share)
        other = make_account(trader)
        assert news_for([Follower(other, key, 0), Follower(account, key + 1, 0)], limit=9) == [None, None]
        revoke_api_key(key_pk=key, actor=trader, now=later())
        assert news_for([Follower(account, key, 0)], limit=9) == [None]

    def test_is_not_for_somebody_kept_out(self, account, trader, share, key):
        order(account, trader, share)
        type(trader).objects.filter(pk=trader.pk).update(is_active=False, suspended_at=later())
        assert news_for([Follower(account, key, 0)], limit=9) == [None]
