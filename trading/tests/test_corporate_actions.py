"""Splits and dividends reach paper accounts: positions, cash and open orders, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from holdings.operations import EntryRefused
from marketdata.models import CorporateAction, PriceBar
from marketdata.queries import latest_quote
from portfolio_site.kernel.events import dispatch_pending
from trading.models import Order
from trading.operations import (
    OrderRefusedError,
    apply_corporate_actions,
    check_reservations,
    close_position,
    match_resting_orders,
    replace_order,
    watch_margins,
)
from trading.queries import (
    AccountHistory,
    account_figures,
    activities_of,
    daily_pricing,
    position_of,
    visible_order,
)
from trading.tests.support import NOW, check_books, later, order, set_quote
from trading.tests.test_margin import even, margin  # noqa: F401 - fixtures
from trading.tests.test_order_types import set_sizes

D = Decimal
EX_DATE = NOW.date() + timedelta(days=1)
#: The simulated market's day begins at midnight UTC.
MORNING = datetime(EX_DATE.year, EX_DATE.month, EX_DATE.day, 0, 0, 5, tzinfo=UTC)


def declare(share, kind, value):
    CorporateAction.objects.create(
        instrument=share, ex_date=EX_DATE, kind=kind, value=D(value), source="test"
    )


class TestDividend:
    def test_is_paid_once_to_who_held_before(self, place, account, share):
        place(quantity=10)
        declare(share, "dividend", "0.55")
        assert apply_corporate_actions(now=NOW) == 0
        set_quote(share, "100.00", "100.02", at=MORNING)
        place(quantity=5, now=MORNING)
        assert apply_corporate_actions(now=MORNING) == 1
        assert apply_corporate_actions(now=MORNING) == 0
        (paid,) = activities_of(account, types=["DIV"])
        assert (paid.net_amount, paid.symbol) == (D("5.50"), "ACME")
        check_books()

    def test_is_owed_by_who_was_short(self, margin, trader, even):  # noqa: F811
        order(margin, trader, even, side="sell", quantity=20)
        declare(even, "dividend", "0.25")
        apply_corporate_actions(now=MORNING)
        assert books.cash_balance(margin, "USD") == 10000 + 2000 - 5
        # To programs it is a dividend with a minus, as brokers tell it.
        (owed,) = activities_of(margin, types=["DIV"])
        assert (owed.net_amount, owed.symbol) == (D(-5), even.symbol)
        assert activities_of(margin, types=["FEE"]) == []
        assert sum(row.cash for row in activities_of(margin)) == books.cash_balance(margin, "USD")
        check_books()

    def test_that_becomes_known_after_a_split_is_for_the_units_of_its_day(self, place, account, share):
        """Told a day late, of the day of a split or of one before: what was held then is not what is held now."""
        place(quantity=10)
        place(side="sell", quantity=4)
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        assert apply_corporate_actions(now=MORNING) == 1
        place(quantity=3, now=MORNING + timedelta(seconds=1))
        assert books.position_quantity(account, share.pk) == 27
        declare(share, "dividend", "0.55")
        assert apply_corporate_actions(now=MORNING + timedelta(hours=5)) == 1
        (paid,) = activities_of(account, types=["DIV"])
        assert paid.net_amount == D("3.30")
        check_books()

    def test_nothing_for_who_sold_in_time(self, place, account, share):
        place(quantity=10)
        place(side="sell", quantity=10)
        declare(share, "dividend", "0.55")
        assert apply_corporate_actions(now=MORNING) == 0


class TestSplit:
    @pytest.fixture
    def split(self, share):
        def happen(ratio="4", bid="25.00", ask="25.01", at=MORNING):
            declare(share, "split", ratio)
            set_quote(share, bid, ask, at=at)
            return apply_corporate_actions(now=at)

        return happen

    def test_multiplies_the_position_and_divides_its_price(self, place, account, share, split):
        place(quantity=10)
        split()
        assert books.position_quantity(account, share.pk) == 40
        view = position_of(account, share.pk, now=MORNING)
        assert (view.avg_entry_price, view.cost_basis) == (D("25.005"), D("1000.2"))
        check_books()

    def test_open_orders_are_for_new_units_at_new_prices(self, place, trader, share, split):
        place(quantity=10)
        buy = place(quantity=3, limit_price="90.50", time_in_force="gtc")
        trailing = place(side="sell", type="trailing_stop", quantity=5, trail_price="8", time_in_force="gtc")
        split()
        buy, trailing = (visible_order(trader, each.id) for each in (buy, trailing))
        assert (buy.quantity, buy.limit_price, buy.reserved_cash) == (12, D("22.62"), D("271.50"))
        assert (trailing.quantity, trailing.trail_price, trailing.hwm) == (20, 2, D("25.005"))
        assert "Split 4:1: now for 12 at limit 22.62." in [entry.text for entry in buy.trail]
        assert check_reservations() == []
        assert match_resting_orders(instrument_ids=[share.pk], now=MORNING).executions == 0

    def test_stop_is_not_reached_by_the_new_price(self, place, trader, share):
        """The first tick of the day comes before the timetable's pass."""
        place(quantity=10)
        sell = place(side="sell", type="stop", quantity=5, stop_price="80.10", time_in_force="gtc")
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        assert match_resting_orders(instrument_ids=[share.pk], now=MORNING).executions == 0
        after = visible_order(trader, sell.id)
        assert (after.status, after.stop_price, after.quantity) == ("new", D("20.03"), 20)

    def test_order_filled_in_part_is_replaced_by_one_for_the_rest(self, place, trader, share, account, split):
        set_sizes(share, ask=4)
        placed = place(quantity=10, limit_price="100.02", time_in_force="gtc")
        split(bid="26.00", ask="26.01")
        old = visible_order(trader, placed.id)
        new = visible_order(trader, old.replaced_by_id)
        assert (old.status, old.quantity, old.filled_quantity) == ("replaced", 10, 4)
        assert (new.quantity, new.limit_price, new.filled_quantity, new.origin) == (
            24,
            D("25.00"),
            0,
            "split",
        )
        assert books.position_quantity(account, share.pk) == 16
        assert check_reservations() == []

    def test_reverse_split_ends_what_is_too_small(self, place, trader, share, split):
        share.quantity_step = 1
        share.save()
        place(quantity=30)
        small = place(quantity=3, limit_price="90", time_in_force="gtc")
        large = place(side="sell", quantity=25, limit_price="110", time_in_force="gtc")
        split(ratio="0.1", bid="1000", ask="1001")
        ended, kept = visible_order(trader, small.id), visible_order(trader, large.id)
        assert (ended.status, ended.reason_code) == ("canceled", "split")
        assert (kept.quantity, kept.limit_price, kept.reserved_quantity) == (2, 1100, 2)

    def test_reverse_split_frees_the_money_of_what_cannot_be_bought(self, place, trader, share, split):
        share.quantity_step = 1
        share.save()
        placed = place(quantity=17, limit_price="90", time_in_force="gtc")
        assert visible_order(trader, placed.id).reserved_cash == 1530
        split(ratio="0.1", bid="1000", ask="1001")
        kept = visible_order(trader, placed.id)
        assert (kept.quantity, kept.limit_price, kept.reserved_cash) == (1, 900, 900)

    def test_one_for_three_is_exact(self, place, trader, account, share, split):
        """The ratio comes as 0.333333333333: thirty units are ten, and a limit of 110.00 is 330.00."""
        share.quantity_step = 1
        share.save()
        place(quantity=30)
        sell = place(side="sell", quantity=30, limit_price="110", time_in_force="gtc")
        buy = place(quantity=3, limit_price="90.50", time_in_force="gtc")
        split(ratio="0.333333333333", bid="300", ask="301")
        assert books.position_quantity(account, share.pk) == 10
        sell, buy = visible_order(trader, sell.id), visible_order(trader, buy.id)
        assert (sell.quantity, sell.limit_price, sell.reserved_quantity) == (10, 330, 10)
        assert (buy.status, buy.quantity, buy.limit_price) == ("new", 1, D("271.50"))
        check_books()

    def test_exits_that_both_are_filled_in_part_stay_one_group(self, place, trader, share, account, split):
        from trading.operations import StopLoss, TakeProfit

        place(quantity=10)
        head = place(
            side="sell",
            type="limit",
            quantity=10,
            order_class="oco",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(95)),
        )
        set_quote(share, "110.00", "110.01", at=later(1))
        set_sizes(share, bid=3)
        match_resting_orders(instrument_ids=[share.pk], now=later(1))
        set_quote(share, "94.00", "94.01", at=later(2))
        set_sizes(share, bid=2)
        match_resting_orders(instrument_ids=[share.pk], now=later(2))
        assert books.position_quantity(account, share.pk) == 5
        split()
        profit = visible_order(trader, visible_order(trader, head.id).replaced_by_id)
        stop = Order.objects.get(parent_id=profit.id, status="new")
        assert (profit.quantity, stop.quantity, stop.filled_quantity) == (20, 20, 0)
        assert check_reservations() == []
        set_quote(share, "27.50", "27.51", at=MORNING + timedelta(seconds=5))
        set_sizes(share)
        match_resting_orders(instrument_ids=[share.pk], now=MORNING + timedelta(seconds=5))
        assert books.position_quantity(account, share.pk) == 0
        assert not Order.objects.open().exists()
        check_books()

    def test_bracket_goes_on(self, place, trader, share, account, split):
        from trading.operations import StopLoss, TakeProfit

        placed = place(
            quantity=10,
            order_class="bracket",
            time_in_force="gtc",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(95)),
        )
        split()
        profit, stop = Order.objects.filter(parent_id=placed.id).order_by("-role")
        assert {(each.quantity, each.limit_price, each.stop_price) for each in (profit, stop)} == {
            (40, D("27.50"), None),
            (40, None, D("23.75")),
        }
        set_quote(share, "23.70", "23.75", "23.75", at=MORNING + timedelta(seconds=5))
        match_resting_orders(instrument_ids=[share.pk], now=MORNING + timedelta(seconds=5))
        assert books.position_quantity(account, share.pk) == 0
        check_books()

    def test_reaches_accounts_that_only_have_orders(self, place, trader, share, split):
        placed = place(quantity=3, limit_price="90", time_in_force="gtc")
        assert split() == 1
        assert visible_order(trader, placed.id).quantity == 12


class TestTheMomentOfASplit:
    """Between the new day and the timetable's pass neither old units meet new prices nor new units old ones."""

    def test_what_is_ordered_is_in_new_units(self, place, account, share):
        place(quantity=30)
        declare(share, "split", "0.1")
        set_quote(share, "1000.00", "1000.20", at=MORNING)
        with pytest.raises(OrderRefusedError) as caught:
            place(side="sell", quantity=30, now=MORNING)
        assert (caught.value.code, caught.value.details["available"]) == ("insufficient_quantity", "3")
        assert place(side="sell", quantity=3, now=MORNING).status == "filled"
        assert books.position_quantity(account, share.pk) == 0
        assert apply_corporate_actions(now=MORNING) == 0
        check_books()

    def test_is_not_seen_before_its_day(self, place, account, share):
        place(quantity=30)
        declare(share, "split", "0.1")
        assert place(side="sell", quantity=20).status == "filled"
        assert books.position_quantity(account, share.pk) == 10

    def test_the_price_of_the_evening_is_carried_past_it(self, place, account, share):
        place(quantity=10)
        set_sizes(share, bid=50, ask=60)
        declare(share, "split", "4")
        before = account_figures(account, now=NOW).equity
        assert apply_corporate_actions(now=MORNING) == 1
        quote = latest_quote(share.pk)
        assert (quote.bid, quote.ask, quote.last) == (D("25.00"), D("25.005"), D("25.005"))
        assert (quote.bid_size, quote.ask_size) == (200, 240)
        assert quote.quoted_at == MORNING.replace(second=0)
        assert account_figures(account, now=MORNING).equity == before
        apply_corporate_actions(now=MORNING + timedelta(minutes=5))
        assert latest_quote(share.pk).bid == 25

    def test_a_position_is_closed_in_new_units(self, place, trader, account, share):
        place(quantity=10)
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        closed = close_position(portfolio_id=account, actor=trader, instrument_id=share.pk, now=MORNING)
        assert (closed.status, closed.quantity, closed.filled_avg_price) == ("filled", 40, 25)

    def test_an_order_is_replaced_in_new_units(self, place, trader, share):
        placed = place(quantity=10, limit_price="90", time_in_force="gtc")
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        new = replace_order(order_id=placed.id, actor=trader, quantity=D(20), now=MORNING)
        assert (new.quantity, new.limit_price) == (20, D("22.50"))

    def test_calls_nobody_for_margin(self, margin, trader, even):  # noqa: F811
        order(margin, trader, even, side="sell", quantity=90)
        declare(even, "split", "0.1")
        set_quote(even, "1000.00", "1000.00", at=MORNING)
        assert watch_margins(now=MORNING) == 0
        assert books.position_quantity(margin, even.pk) == -9

    def test_an_account_of_which_the_books_refuse_it_takes_no_orders(
        self, place, account, share, monkeypatch
    ):
        from trading.operations import corporate_actions

        def refuse(**_):
            raise EntryRefused("No.", field="ratio")

        place(quantity=10)
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        monkeypatch.setattr(corporate_actions, "post_account_entry", refuse)
        with pytest.raises(OrderRefusedError) as caught:
            place(quantity=1, now=MORNING)
        assert caught.value.code == "split_pending"

    def test_reaches_accounts_as_soon_as_it_is_known(self, place, account, share, monkeypatch):
        from marketdata.operations.history.storing import announce_actions

        wanted = []
        monkeypatch.setattr(
            "trading.subscribers.enqueue", lambda task, **given: wanted.append((task.name, given))
        )
        announce_actions(share.pk, [1])
        dispatch_pending()
        assert wanted == [("trading.tasks.apply_corporate_actions", {"instrument_ids": [share.pk]})]

    def test_leaves_the_curve_of_the_account_as_it_was(self, place, account, share):
        """A close from before the split is divided by it, minutes of the evening as well."""
        place(quantity=10)
        PriceBar.objects.create(
            instrument=share, date=NOW.date(), open=100, high=100, low=100, close=100, volume=1, source="test"
        )
        declare(share, "split", "4")
        set_quote(share, "25.00", "25.01", at=MORNING)
        apply_corporate_actions(now=MORNING)
        history = AccountHistory(account, currency="USD")
        instants = [NOW + timedelta(hours=1), MORNING, MORNING + timedelta(hours=9)]
        worth = {
            point.equity for point in history.curve(instants, daily_pricing([share.pk], NOW.date(), EX_DATE))
        }
        assert worth == {10_000 - D("1000.20") + 1000}
