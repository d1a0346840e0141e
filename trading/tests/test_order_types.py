"""Every order type and time in force, as a person lives through it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from trading.models import Order
from trading.operations import OrderRefusedError, expire_orders, match_resting_orders
from trading.queries import visible_order
from trading.tests.support import NOW, check_books, later, make_instrument, order, set_quote

D = Decimal


def tick(share, bid, ask, last=None, *, at):
    set_quote(share, bid, ask, last, at=at)
    return match_resting_orders(instrument_ids=[share.pk], now=at)


class TestStop:
    @pytest.fixture
    def held(self, place):
        return place(quantity=10)

    def test_sells_at_the_bid_once_the_stop_has_traded(self, held, place, share, trader):
        placed = place(side="sell", type="stop", quantity=10, stop_price="95")
        assert (placed.status, placed.reserved_quantity) == ("new", 10)
        assert placed.trail[-1].text.startswith("Stop 95.00: the last trade is 100.02, above the stop")
        tick(share, "95.50", "95.60", at=later(1))
        assert visible_order(trader, placed.id).status == "new"
        tick(share, "94.90", "95.10", "95.00", at=later(2))
        filled = visible_order(trader, placed.id)
        assert (filled.status, filled.filled_avg_price) == ("filled", D("94.90"))
        assert filled.triggered_at == later(2)
        assert filled.stop_price == 95
        check_books()

    def test_buy_holds_the_collar_above_its_stop(self, place, share, trader, account):
        placed = place(type="stop", quantity=10, stop_price="110")
        assert placed.reserved_cash == D("1127.50")  # 110 + 2.5 %
        tick(share, "110.10", "110.20", at=later(1))
        assert visible_order(trader, placed.id).filled_avg_price == D("110.20")
        assert books.cash_balance(account, "USD") == D("8898.00")

    def test_buy_that_gaps_beyond_its_collar_waits(self, place, share, trader):
        placed = place(type="stop", quantity=10, stop_price="110")
        tick(share, "119.90", "120", at=later(1))
        waiting = visible_order(trader, placed.id)
        assert (waiting.status, waiting.triggered_at) == ("new", later(1))
        tick(share, "111.90", "112", at=later(2))
        assert visible_order(trader, placed.id).filled_avg_price == 112

    def test_stop_limit_rests_after_a_gap(self, held, place, share, trader):
        placed = place(side="sell", type="stop_limit", quantity=10, stop_price="95", limit_price="94")
        tick(share, "90", "90.10", at=later(1))
        assert visible_order(trader, placed.id).status == "new"
        tick(share, "94.20", "94.30", at=later(2))
        assert visible_order(trader, placed.id).filled_avg_price == D("94.20")

    @pytest.mark.parametrize(
        ("side", "stop"), [("sell", "100.02"), ("sell", "120"), ("buy", "100.02"), ("buy", "50")]
    )
    def test_on_the_wrong_side_is_refused(self, held, place, side, stop):
        with pytest.raises(OrderRefusedError) as caught:
            place(side=side, type="stop", quantity=1, stop_price=stop)
        assert (caught.value.code, caught.value.field) == ("stop_price_side", "stop_price")


class TestTrailingStop:
    def test_follows_the_price_up_and_sells_on_the_way_down(self, place, share, trader):
        place(quantity=10)
        placed = place(side="sell", type="trailing_stop", quantity=10, trail_price="2", time_in_force="gtc")
        assert (placed.hwm, placed.stop_price) == (D("100.02"), D("98.02"))
        tick(share, "104.90", "105.00", "105", at=later(1))
        moved = visible_order(trader, placed.id)
        assert (moved.hwm, moved.stop_price, moved.status) == (105, 103, "new")
        tick(share, "103.50", "103.60", at=later(2))
        assert visible_order(trader, placed.id).stop_price == 103
        tick(share, "102.90", "103.00", "103", at=later(3))
        filled = visible_order(trader, placed.id)
        assert (filled.status, filled.filled_avg_price, filled.hwm) == ("filled", D("102.90"), 105)
        check_books()

    def test_in_percent_for_a_buy_follows_down(self, place, share, trader):
        placed = place(type="trailing_stop", quantity=1, trail_percent="5")
        assert placed.stop_price == D("105.021")
        tick(share, "79.90", "80.00", "80", at=later(1))
        assert visible_order(trader, placed.id).stop_price == 84
        tick(share, "84.00", "84.10", "84", at=later(2))
        assert visible_order(trader, placed.id).filled_avg_price == D("84.10")

    def test_keeps_no_version_for_every_tick(self, place, share):
        from django.apps import apps

        place(quantity=1)
        placed = place(side="sell", type="trailing_stop", quantity=1, trail_price="2", time_in_force="gtc")
        for seconds in range(1, 6):
            tick(share, str(100 + seconds), str(100 + seconds), at=later(seconds))
        versions = apps.get_model("trading", "OrderEvent").objects.filter(pgh_obj_id=placed.id)
        assert versions.count() == 1


class TestAtOnce:
    def test_ioc_takes_what_is_there_and_ends(self, place, share, trader, account):
        set_sizes(share, ask=4)
        placed = place(quantity=10, limit_price="101", time_in_force="ioc")
        assert (placed.status, placed.filled_quantity, placed.reserved_cash) == ("canceled", 4, 0)
        assert placed.reason_code == "not_filled_at_once"
        assert books.position_quantity(account, share.pk) == 4

    def test_fok_takes_all_or_nothing(self, place, share):
        set_sizes(share, ask=4)
        assert place(quantity=10, time_in_force="fok").status == "canceled"
        assert place(quantity=4, time_in_force="fok").status == "filled"

    def test_ioc_away_from_the_market_ends(self, place):
        placed = place(quantity=10, limit_price="90", time_in_force="ioc")
        assert (placed.status, placed.filled_quantity) == ("canceled", 0)

    def test_needs_an_open_market(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS")
        set_quote(share, "99", "100")
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, share, time_in_force="ioc", now=NOW + timedelta(days=1))
        assert caught.value.code == "market_closed"


def set_sizes(share, *, bid=None, ask=None):
    from marketdata.models import Quote

    Quote.objects.filter(pk=share.pk).update(bid_size=bid, ask_size=ask)


class TestPartialFills:
    def test_the_same_offer_is_not_taken_twice(self, place, share, trader):
        set_sizes(share, ask=4)
        first = place(quantity=6)
        assert (first.status, first.filled_quantity) == ("partially_filled", 4)
        second = place(quantity=2)
        assert (second.status, second.filled_quantity) == ("new", 0)
        match_resting_orders(instrument_ids=[share.pk], now=later(1))
        assert visible_order(trader, first.id).filled_quantity == 4

    def test_a_fresh_quote_brings_a_fresh_offer(self, place, share, trader):
        set_sizes(share, ask=4)
        first = place(quantity=6)
        set_quote(share, "100.00", "100.04", at=later(1))
        set_sizes(share, ask=4)
        match_resting_orders(instrument_ids=[share.pk], now=later(1))
        done = visible_order(trader, first.id)
        assert (done.status, done.reserved_cash) == ("filled", 0)
        assert done.filled_avg_price == D("100.026666666667")
        check_books()


class TestNotional:
    def test_buys_as_many_units_as_the_amount_pays(self, place, account):
        placed = place(quantity=None, notional="500")
        assert (placed.status, placed.notional) == ("filled", 500)
        assert placed.filled_quantity == D("4.999")  # step 0.001
        assert placed.quantity == placed.filled_quantity
        assert books.cash_balance(account, "USD") == D("10000") - D("500.00")

    def test_holds_no_more_than_the_amount(self, place):
        placed = place(quantity=None, notional="9999.99", type="limit", limit_price="90")
        assert placed.reserved_cash == D("9999.99")

    def test_sells_for_about_the_amount(self, place, account, share):
        place(quantity=10)
        placed = place(side="sell", quantity=None, notional="300")
        assert (placed.status, placed.filled_quantity) == ("filled", 3)
        assert books.position_quantity(account, share.pk) == 7

    @pytest.mark.parametrize(
        "terms",
        [{"type": "limit", "limit_price": "110"}, {"type": "stop", "stop_price": "95"}],
        ids=["limit", "stop"],
    )
    def test_a_sale_that_waits_holds_what_it_may_need(self, place, account, share, trader, terms):
        place(quantity=10)
        placed = place(side="sell", quantity=None, notional="300", **terms)
        assert placed.status == "new"
        assert placed.quantity < placed.reserved_quantity < 10
        tick(share, "94.50", "94.60", at=later(1))
        tick(share, "112", "112.10", at=later(2))
        done = visible_order(trader, placed.id)
        assert (done.status, done.reserved_quantity) == ("filled", 0)
        assert 299 < done.filled_quantity * done.filled_avg_price <= 300
        assert books.position_quantity(account, share.pk) == 10 - done.filled_quantity
        check_books()

    def test_a_sale_that_fills_in_part_holds_the_rest(self, place, account, share, trader):
        place(quantity=10)
        set_sizes(share, bid=1)
        placed = place(side="sell", quantity=None, notional="300")
        assert (placed.status, placed.filled_quantity) == ("partially_filled", 1)
        assert placed.filled_quantity + placed.reserved_quantity < 4
        for step, price in enumerate(("99", "98", "97", "96"), start=1):
            tick(share, price, "100", at=later(step))
        done = visible_order(trader, placed.id)
        assert (done.status, done.reserved_quantity) == ("filled", 0)
        assert 299 < done.filled_quantity * done.filled_avg_price <= 300
        assert books.position_quantity(account, share.pk) == 10 - done.filled_quantity
        check_books()

    def test_gets_better_prices_by_more_units(self, place, share, trader):
        placed = place(quantity=None, notional="900", type="limit", limit_price="90")
        tick(share, "79", "80", at=later(1))
        assert visible_order(trader, placed.id).filled_quantity == D("11.25")

    @pytest.mark.parametrize(
        ("terms", "code"),
        [
            ({"notional": "0"}, "notional_invalid"),
            ({"notional": "-5"}, "notional_invalid"),
            ({"notional": "10.001"}, "notional_invalid"),
            ({"notional": "1e400"}, "notional_too_large"),
            ({"notional": "0.50"}, "notional_too_small"),
            ({"notional": "10", "time_in_force": "gtc"}, "fractional_day_only"),
            ({"notional": "10", "quantity": D(1)}, "quantity_and_notional"),
            ({}, "quantity_or_notional_required"),
        ],
    )
    def test_is_refused(self, place, terms, code):
        with pytest.raises(OrderRefusedError) as caught:
            place(**{"quantity": None, **terms})
        assert caught.value.code == code


class TestAuctions:
    FRIDAY_MORNING = NOW.replace(hour=12)  # 07:00 in New York
    OPEN, CLOSE = NOW.replace(hour=14, minute=30), NOW.replace(hour=21)

    @pytest.fixture
    def nyse(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS", quantity_step=1)
        set_quote(share, "99", "101", "100", at=self.FRIDAY_MORNING)
        return share

    def test_opening_order_trades_at_the_first_price_of_the_session(self, nyse, account, trader):
        placed = order(account, trader, nyse, time_in_force="opg", quantity=5, now=self.FRIDAY_MORNING)
        assert (placed.status, placed.expires_at) == ("accepted", self.OPEN + timedelta(minutes=15))
        tick(nyse, "101", "103", "102", at=self.OPEN + timedelta(seconds=5))
        filled = visible_order(trader, placed.id)
        assert (filled.status, filled.filled_avg_price) == ("filled", 102)

    def test_opening_limit_that_misses_the_price_expires(self, nyse, account, trader):
        placed = order(
            account, trader, nyse, time_in_force="opg", limit_price="100", quantity=5, now=self.FRIDAY_MORNING
        )
        tick(nyse, "101", "103", "102", at=self.OPEN + timedelta(seconds=5))
        ended = visible_order(trader, placed.id)
        assert (ended.status, ended.reason_code, ended.reserved_cash) == ("expired", "auction_missed", 0)

    def test_closing_order_trades_at_the_last_price(self, nyse, account, trader):
        set_quote(nyse, "99", "101", "100", at=NOW)
        placed = order(account, trader, nyse, time_in_force="cls", quantity=5)
        assert placed.status == "accepted"
        tick(nyse, "104", "106", "105", at=self.CLOSE - timedelta(seconds=2))
        assert visible_order(trader, placed.id).status == "accepted"
        match_resting_orders(instrument_ids=None, now=self.CLOSE + timedelta(seconds=20))
        filled = visible_order(trader, placed.id)
        assert (filled.status, filled.filled_avg_price) == ("filled", 105)

    @pytest.mark.parametrize(
        ("tif", "at"),
        [("opg", NOW), ("opg", CLOSE + timedelta(hours=1)), ("cls", CLOSE - timedelta(minutes=5))],
    )
    def test_too_late_is_refused(self, nyse, account, trader, tif, at):
        set_quote(nyse, "99", "101", "100", at=at)
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, nyse, time_in_force=tif, now=at)
        assert caught.value.code == "auction_cutoff"

    def test_in_the_evening_it_is_for_the_next_session(self, nyse, account, trader):
        evening = self.CLOSE + timedelta(hours=4)
        set_quote(nyse, "99", "101", "100", at=self.CLOSE)
        placed = order(account, trader, nyse, time_in_force="opg", now=evening)
        assert placed.expires_at == NOW.replace(day=23, hour=14, minute=45)

    def test_a_market_that_never_closes_has_them_at_midnight(self, place, share, trader):
        placed = place(time_in_force="cls")
        midnight = NOW.replace(day=21, hour=0)
        assert placed.expires_at == midnight + timedelta(minutes=15)
        tick(share, "101", "103", "102", at=midnight + timedelta(seconds=1))
        assert visible_order(trader, placed.id).status == "filled"


class TestExtendedHours:
    MORNING = NOW.replace(hour=12)

    @pytest.fixture
    def nyse(self, db):
        share = make_instrument(provider="manual", exchange="XNYS", quantity_step=1)
        set_quote(share, "99", "101", "100", at=self.MORNING)
        return share

    def test_limit_order_trades_before_the_session(self, nyse, account, trader):
        placed = order(
            account, trader, nyse, limit_price="101", extended_hours=True, quantity=1, now=self.MORNING
        )
        assert placed.status == "filled"

    def test_others_wait(self, nyse, account, trader):
        placed = order(account, trader, nyse, limit_price="101", quantity=1, now=self.MORNING)
        assert placed.status == "accepted"
        tick(nyse, "99", "100", at=self.MORNING + timedelta(seconds=5))
        assert visible_order(trader, placed.id).status == "accepted"

    def test_day_order_stays_until_the_evening(self, nyse, account, trader):
        placed = order(
            account, trader, nyse, limit_price="90", extended_hours=True, quantity=1, now=self.MORNING
        )
        assert (placed.status, placed.expires_at) == ("new", NOW.replace(day=21, hour=1))

    def test_market_orders_are_refused(self, nyse, account, trader):
        with pytest.raises(OrderRefusedError) as caught:
            order(account, trader, nyse, extended_hours=True, now=self.MORNING)
        assert caught.value.code == "extended_hours_limit_only"


class TestQueuedOrder:
    def test_begins_to_work_with_the_session(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS")
        set_quote(share, "99", "100")
        placed = order(account, trader, share, limit_price="90", now=NOW + timedelta(days=1))
        assert placed.status == "accepted"
        monday = NOW.replace(day=23)
        tick(share, "99", "100", at=monday)
        assert visible_order(trader, placed.id).status == "new"
        assert Order.objects.get(pk=placed.id).watch == "limit"
        expire_orders(now=monday.replace(hour=21))
        assert visible_order(trader, placed.id).status == "expired"
