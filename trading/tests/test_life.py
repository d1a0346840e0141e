"""What happens to an order that rests: prices, cancel, end of time, reconciliation."""

from datetime import timedelta
from decimal import Decimal

import pytest

import holdings.operations
from holdings import queries as books
from marketdata.events import PricesRefreshed
from portfolio_site.kernel.events import publish
from trading.models import Order
from trading.operations import (
    OrderNotCancelableError,
    OrderUnknownError,
    ReadOnlyError,
    cancel_order,
    cancel_orders_of_archived,
    check_reservations,
    expire_orders,
    match_resting_orders,
    reconcile_orders,
)
from trading.queries import visible_order
from trading.tests.support import (
    NOW,
    check_books,
    later,
    make_account,
    make_instrument,
    make_user,
    order,
    set_quote,
)

D = Decimal


class TestFreshPrices:
    def test_fill_a_resting_buy_at_the_new_ask_and_free_what_is_left(self, place, account, trader, share):
        placed = place(quantity=10, limit_price="99.50")
        set_quote(share, "99.00", "99.10", at=later())
        report = match_resting_orders(instrument_ids=[share.pk], now=later(2))
        assert (report.triggered, report.executions) == (1, 1)
        filled = visible_order(trader, placed.id)
        assert (filled.status, filled.filled_avg_price, filled.reserved_cash) == ("filled", D("99.10"), 0)
        assert filled.filled_at == later(2)
        assert books.cash_balance(account, "USD") == D("9009.00")
        check_books()

    def test_leave_alone_what_they_do_not_reach(self, place, trader, share):
        placed = place(quantity=10, limit_price="99.50")
        set_quote(share, "99.50", "99.51", at=later())
        assert match_resting_orders(instrument_ids=[share.pk], now=later(2)).triggered == 0
        assert visible_order(trader, placed.id) == placed

    def test_fill_a_resting_sell_at_the_bid(self, place, trader, share):
        place(quantity=10)
        placed = place(quantity=10, side="sell", limit_price="110")
        set_quote(share, "111.00", "111.20", at=later())
        match_resting_orders(instrument_ids=[share.pk], now=later(2))
        assert visible_order(trader, placed.id).filled_avg_price == 111
        check_books()

    def test_settle_every_portfolio_that_is_triggered(self, place, trader, share):
        accounts = [make_account(make_user("t")) for _ in range(3)]
        for account in accounts:
            from holdings.models import Portfolio

            owner = Portfolio.objects.get(pk=account).owner
            order(account, owner, share, quantity=2, limit_price="99")
        set_quote(share, "98", "98.5", at=later())
        assert match_resting_orders(instrument_ids=[share.pk], now=later(2)).executions == 3
        assert all(books.position_quantity(account, share.pk) == 2 for account in accounts)

    def test_twice_change_nothing_more(self, place, account, share):
        place(quantity=10, limit_price="99.50")
        set_quote(share, "99.00", "99.10", at=later())
        for seconds in (2, 3):
            match_resting_orders(instrument_ids=[share.pk], now=later(seconds))
        assert books.position_quantity(account, share.pk) == 10

    def test_stale_ones_fill_nothing(self, place, share):
        place(quantity=10, limit_price="99.50")
        set_quote(share, "99.00", "99.10", at=later())
        report = match_resting_orders(instrument_ids=[share.pk], now=later(3600))
        assert (report.triggered, report.executions) == (1, 0)

    def test_one_that_fails_does_not_hold_up_the_others(self, place, share, monkeypatch, account):
        from django.db import DatabaseError

        from trading.operations import matching, working

        place(quantity=1, limit_price="99.50")
        other = make_account(make_user("other"))
        from holdings.models import Portfolio

        order(other, Portfolio.objects.get(pk=other).owner, share, quantity=2, limit_price="99.50")
        work = working.work

        def failing(desk, *arguments):
            if desk.portfolio.id == account:
                raise DatabaseError("broken")
            return work(desk, *arguments)

        monkeypatch.setattr(matching, "work", failing)
        set_quote(share, "99", "99.1", at=later())
        report = match_resting_orders(instrument_ids=[share.pk], now=later(2))
        assert (report.executions, report.failed_portfolios) == (1, (account,))
        assert books.position_quantity(other, share.pk) == 2

    def test_reach_the_orders_by_event(self, place, trader, share, django_capture_on_commit_callbacks):
        # Quotes of the present: the task reads the clock.
        from portfolio_site.kernel import clock
        from portfolio_site.kernel.events import dispatch_pending

        now = clock.now()
        set_quote(share, "100.00", "100.02", at=now)
        placed = place(quantity=10, limit_price="99.50", now=now)
        set_quote(share, "99.00", "99.10", at=now)
        publish(PricesRefreshed(instrument_ids=[share.pk], at=now))
        with django_capture_on_commit_callbacks(execute=True):
            dispatch_pending()
        assert visible_order(trader, placed.id).status == "filled"


class TestPastItsTime:
    """The beat that ends orders may be late; a price that comes first must not fill what is over."""

    def test_a_day_order_is_not_filled_by_the_first_price_of_the_next_day(self, place, trader, share):
        placed = place(quantity=10, limit_price="99.50")
        assert placed.expires_at is not None
        set_quote(share, "99.00", "99.10", at=placed.expires_at)
        report = match_resting_orders(instrument_ids=[share.pk], now=placed.expires_at)
        assert report.executions == 0
        expire_orders(now=placed.expires_at)
        assert visible_order(trader, placed.id).status == "expired"
        check_books()

    def test_a_moment_earlier_it_is(self, place, trader, share):
        placed = place(quantity=10, limit_price="99.50")
        just_before = placed.expires_at - timedelta(seconds=1)
        set_quote(share, "99.00", "99.10", at=just_before)
        assert match_resting_orders(instrument_ids=[share.pk], now=just_before).executions == 1


class TestLateComer:
    """Somebody who read the clock first may get the lock second."""

    def test_is_dated_after_what_it_builds_on(self, place, account, share):
        place(quantity=10, now=later(10))
        sold = place(quantity=10, side="sell", now=later(9))
        assert (sold.status, sold.submitted_at, sold.filled_at) == ("filled", later(9), later(10))
        assert books.position_quantity(account, share.pk) == 0
        check_books()


class TestQueuedMarketOrder:
    @pytest.fixture
    def queued(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS")
        set_quote(share, "99", "100")
        return share, order(account, trader, share, quantity=97, now=NOW + timedelta(days=1))

    def test_fills_when_the_session_opens(self, queued, trader, account):
        share, placed = queued
        monday = NOW.replace(day=23)
        set_quote(share, "100", "101", at=monday)
        match_resting_orders(instrument_ids=[share.pk], now=monday)
        assert visible_order(trader, placed.id).status == "filled"
        assert books.cash_balance(account, "USD") == D("203.00")
        check_books()

    def test_not_before(self, queued, trader):
        share, placed = queued
        sunday = NOW + timedelta(days=2)
        set_quote(share, "100", "101", at=sunday)
        match_resting_orders(instrument_ids=[share.pk], now=sunday)
        assert visible_order(trader, placed.id).status == "accepted"

    def test_what_the_order_before_it_held_is_not_counted_twice(self, account, trader):
        """Both cost more than they hold; together they cost less than there is."""
        share, saturday, monday = (
            make_instrument(provider="manual", exchange="XNYS"),
            later(86400),
            later(3 * 86400),
        )
        set_quote(share, "99", "100")
        placed = [order(account, trader, share, quantity=40, now=saturday) for _ in range(2)]
        set_quote(share, "119", "120", at=monday)
        match_resting_orders(instrument_ids=[share.pk], now=monday)
        assert [visible_order(trader, each.id).status for each in placed] == ["filled", "filled"]
        assert books.cash_balance(account, "USD") == D("400.00")
        check_books()

    def test_is_rejected_when_the_price_has_run_away_from_the_cash(self, queued, trader, account):
        share, placed = queued
        monday = NOW.replace(day=23)
        set_quote(share, "149", "150", at=monday)
        match_resting_orders(instrument_ids=[share.pk], now=monday)
        rejected = visible_order(trader, placed.id)
        assert (rejected.status, rejected.reserved_cash) == ("rejected", 0)
        assert rejected.reason_code == "insufficient_buying_power"
        assert "risen to 150.00 USD" in rejected.reason
        assert books.cash_balance(account, "USD") == 10000


class TestCancel:
    def test_frees_what_is_held(self, place, trader):
        placed = place(quantity=100, limit_price="99.50")
        canceled = cancel_order(order_id=placed.id, actor=trader, now=later())
        assert (canceled.status, canceled.reserved_cash, canceled.canceled_at) == ("canceled", 0, later())
        assert canceled.trail[-1].text == "Cancelled by you. 9950.00 USD are free again."
        assert place(quantity=100, limit_price="99.50").status == "new"

    def test_twice_is_as_good_as_once(self, place, trader):
        placed = place(limit_price="50")
        first = cancel_order(order_id=placed.id, actor=trader, now=later())
        assert cancel_order(order_id=placed.id, actor=trader, now=later(9)) == first

    def test_filled_order_is_refused(self, place, trader):
        placed = place()
        with pytest.raises(OrderNotCancelableError, match="already filled"):
            cancel_order(order_id=placed.id, actor=trader, now=later())

    def test_outsider_finds_nothing_and_auditor_may_not(self, place, outsider, auditor):
        placed = place(limit_price="50")
        with pytest.raises(OrderUnknownError):
            cancel_order(order_id=placed.id, actor=outsider, now=later())
        with pytest.raises(ReadOnlyError):
            cancel_order(order_id=placed.id, actor=auditor, now=later())


class TestArchivedAccount:
    def test_keeps_no_open_orders(self, place, account, trader, django_capture_on_commit_callbacks):
        from portfolio_site.kernel.events import dispatch_pending

        placed = place(limit_price="50")
        holdings.operations.archive_portfolio(portfolio_id=account, actor=trader, now=later())
        with django_capture_on_commit_callbacks(execute=True):
            dispatch_pending()
        ended = visible_order(trader, placed.id)
        assert (ended.status, ended.reserved_cash, ended.reason_code) == ("canceled", 0, "portfolio_archived")

    def test_change_of_its_name_ends_nothing(self, place, account, trader):
        placed = place(limit_price="50")
        assert cancel_orders_of_archived(portfolio_id=account, now=later()) == 0
        assert visible_order(trader, placed.id).status == "new"


class TestEndOfTime:
    def test_day_order_expires_and_frees_what_it_held(self, place, trader):
        placed = place(quantity=10, limit_price="50")
        assert expire_orders(now=placed.expires_at - timedelta(seconds=1)) == 0
        assert expire_orders(now=placed.expires_at) == 1
        expired = visible_order(trader, placed.id)
        assert (expired.status, expired.reserved_cash, expired.expired_at) == (
            "expired",
            0,
            placed.expires_at,
        )
        assert expired.reason == "Expired: a day order ends with its session."
        assert expire_orders(now=placed.expires_at) == 0

    def test_order_queued_for_a_session_without_prices_expires_too(self, account, trader):
        share = make_instrument(provider="manual", exchange="XNYS")
        set_quote(share, "99", "100")
        placed = order(account, trader, share, now=NOW + timedelta(days=1))
        assert placed.expires_at == NOW.replace(day=23, hour=21)
        assert expire_orders(now=placed.expires_at) == 1
        assert visible_order(trader, placed.id).status == "expired"

    def test_good_till_cancelled_is_taken_back_after_90_days(self, place, trader):
        placed = place(limit_price="50", time_in_force="gtc")
        expire_orders(now=placed.expires_at)
        ended = visible_order(trader, placed.id)
        assert (ended.status, ended.reason_code) == ("canceled", "time_in_force_ended")


class TestReconciliation:
    def test_does_what_nobody_was_told_to_do(self, place, trader, share):
        missed = place(quantity=10, limit_price="99.50", time_in_force="gtc")
        overdue = place(quantity=1, limit_price="50")
        set_quote(share, "99.00", "99.10", at=overdue.expires_at)
        done = reconcile_orders(now=overdue.expires_at)
        assert (done.executions, done.expired, done.faults) == (1, 1, ())
        assert visible_order(trader, missed.id).status == "filled"

    def test_finds_a_promise_that_is_not_covered(self, place):
        placed = place(quantity=10, limit_price="50")
        Order.objects.filter(pk=placed.id).update(reserved_cash=20000)
        (fault,) = check_reservations()
        assert "hold 20000" in fault
