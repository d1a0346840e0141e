"""`manage.py set_quote`: what the new quote triggers is filled when the command returns."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, transaction

from marketdata.models import Quote
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from trading.models import Fill, Order
from trading.operations import (
    MatchingUnfinishedError,
    holding_quotes,
    match_resting_orders,
    matching,
    place_order,
    working,
)
from trading.tests.support import make_account, make_instrument, make_user, order, set_quote


def run(*arguments):
    out = StringIO()
    call_command("set_quote", *arguments, stdout=out)
    return out.getvalue()


class TestSetQuote:
    def test_returns_when_the_orders_it_triggers_are_filled(self, account, trader):
        # No task runs for the command: nothing is committed here, so nothing is sent.
        share = make_instrument("ACME")
        set_quote(share, "100", "100.02", at=clock.now())
        waiting = order(account, trader, share, limit_price="95", time_in_force="gtc", now=clock.now())
        assert "94" in run("ACME", "--bid", "94", "--ask", "94.50")
        assert Order.objects.get(pk=waiting.id).status == "filled"

    def test_knows_coins_as_programs_call_them(self, db):
        make_instrument("BTC-USD", asset_class="crypto", exchange="")
        assert run("btc/usd", "--bid", "50000", "--ask", "50010").startswith("BTC-USD: 50000 / 50010")
        assert "released" in run("BTC/USD", "--release")


@pytest.fixture
def committed(transactional_db):
    """A share at 100.00 to 100.02 and somebody with money, for all connections to see."""
    share, person = make_instrument("ACME"), make_user("quoted")
    set_quote(share, "100", "100.02", at=clock.now())
    return share, person, make_account(person)


def in_thread(pool, work, *arguments):
    def run():
        try:
            return work(*arguments)
        finally:
            connection.close()

    return pool.submit(run)


@contextmanager
def nobody_can_finish():
    """Whoever changes an order from now on stops when it is to be written down: it has read its price by then. Yields a
    function that waits until somebody has, and one that lets everybody go on."""
    keeper = connections.create_connection("default")
    keeper.set_autocommit(False)
    with keeper.cursor() as cursor:
        cursor.execute("LOCK TABLE trading_tradeevent IN SHARE MODE")

    def wait_for_one():
        deadline = time.monotonic() + 30
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE relation = 'trading_tradeevent'::regclass AND NOT granted"
        )
        while True:
            with connection.cursor() as cursor:
                cursor.execute(waiting)
                if cursor.fetchone()[0]:
                    return
            assert time.monotonic() < deadline

    try:
        yield wait_for_one, keeper.rollback
    finally:
        keeper.close()


class TestSomebodyIsAtIt:
    """Others work on the price before while the quote is set: real connections, stopped where it matters."""

    def test_waits_for_an_order_that_has_read_the_price_before(self, committed):
        share, person, account = committed
        with ThreadPoolExecutor(2) as pool, nobody_can_finish() as (somebody_is_at_it, go_on):
            placed = in_thread(pool, order, account, person, share)
            somebody_is_at_it()
            command = in_thread(pool, run, "ACME", "--bid", "90", "--ask", "90.50")
            with pytest.raises(TimeoutError):
                command.result(timeout=0.3)  # it cannot be done before the order is
            go_on()
            command.result(timeout=30)
            assert Fill.objects.get().price == Decimal("100.02")
            assert placed.result(timeout=30).status == "filled"
        assert order(account, person, share, now=clock.now()).filled_avg_price == Decimal("90.50")

    def test_settles_orders_that_came_in_at_the_price_before(self, committed):
        share, person, account = committed
        with ThreadPoolExecutor(2) as pool, nobody_can_finish() as (somebody_is_at_it, go_on):
            # It looks at 100.02, rests, and is committed after the quote: no other tick would come to fill it.
            placed = in_thread(pool, lambda: order(account, person, share, limit_price="95", now=clock.now()))
            somebody_is_at_it()
            command = in_thread(pool, run, "ACME", "--bid", "90", "--ask", "90.50")
            while not Quote.objects.get(instrument=share).is_held:
                pass
            go_on()
            command.result(timeout=30)
            assert Order.objects.get().status == "filled"
            assert Fill.objects.get().price == Decimal("90.50")
            assert placed.result(timeout=30).limit_price == 95

    def test_waits_for_a_worker_that_matches_at_the_price_before(self, committed):
        share, person, account = committed
        order(account, person, share, limit_price="95", now=clock.now())
        set_quote(share, "93", "94", at=clock.now())
        with ThreadPoolExecutor(2) as pool, nobody_can_finish() as (somebody_is_at_it, go_on):
            worker = in_thread(pool, lambda: match_resting_orders(instrument_ids=[share.pk], now=clock.now()))
            somebody_is_at_it()
            command = in_thread(pool, run, "ACME", "--bid", "120", "--ask", "121")
            with pytest.raises(TimeoutError):
                command.result(timeout=0.3)
            go_on()
            command.result(timeout=30)
            assert Fill.objects.get().price == 94
            worker.result(timeout=30)

    def test_does_not_wait_for_those_who_only_read(self, committed):
        share, _, _ = committed
        looking, done = threading.Event(), threading.Event()

        def report():
            with transaction.atomic():
                list(Quote.objects.all())
                looking.set()
                assert done.wait(30)

        with ThreadPoolExecutor(1) as pool:
            backup = in_thread(pool, report)
            assert looking.wait(30)
            assert "held" in run(share.symbol, "--bid", "90", "--ask", "90.50")
            done.set()
            backup.result(timeout=30)

    def test_says_so_when_somebody_never_ends(self, committed, monkeypatch):
        share, person, account = committed
        monkeypatch.setattr(holding_quotes.wait_for_readers, "__kwdefaults__", {"patience": 0.05})
        with ThreadPoolExecutor(1) as pool, nobody_can_finish() as (somebody_is_at_it, go_on):
            placed = in_thread(pool, order, account, person, share)
            somebody_is_at_it()
            with pytest.raises(CommandError, match="price before"):
                run("ACME", "--bid", "90", "--ask", "90.50")
            go_on()
            placed.result(timeout=30)

    def test_a_portfolio_that_fails_is_settled_again(self, committed, monkeypatch):
        share, person, account = committed
        order(account, person, share, limit_price="95", now=clock.now())
        # Each pass tries it with the others, and then alone.
        work, failures = working.work, [OperationalError("deadlock detected")] * 4

        def failing(*arguments):
            if failures:
                raise failures.pop()
            return work(*arguments)

        monkeypatch.setattr(matching, "work", failing)
        run("ACME", "--bid", "90", "--ask", "90.50")
        assert Order.objects.get().status == "filled"
        order(account, person, share, limit_price="80", now=clock.now())
        failures.extend([OperationalError("deadlock detected")] * 100)
        with pytest.raises(MatchingUnfinishedError):
            holding_quotes.hold_quote(
                instrument_id=share.pk, bid=Decimal(70), ask=Decimal(71), now=clock.now()
            )


class TestTicksMeanwhile:
    def test_no_tick_moves_a_held_quote_or_matches_on_its_own_price(self, committed):
        share, person, account = committed
        low = order(account, person, share, limit_price="50", now=clock.now())
        stop, ticks = threading.Event(), []

        def tick():
            while not stop.is_set():
                now = clock.now()
                price = Decimal(49)
                apply_quotes(
                    quotes=[
                        QuoteData(
                            instrument_id=share.pk,
                            last=price,
                            bid=price,
                            ask=price,
                            quoted_at=now,
                            source="ticks",
                            is_simulated=True,
                        )
                    ],
                    now=now,
                    is_trusted=True,
                )
                match_resting_orders(instrument_ids=[share.pk], now=now)
                ticks.append(price)

        run("ACME", "--bid", "90", "--ask", "90.50")
        with ThreadPoolExecutor(2) as pool:
            ticking = in_thread(pool, tick)
            while len(ticks) < 3:
                pass
            for ask in ("90", "80", "85"):
                run("ACME", "--bid", ask, "--ask", ask)
                assert Quote.objects.get().ask == Decimal(ask)
                filled = place_order(
                    portfolio_id=account,
                    actor=person,
                    instrument_id=share.pk,
                    side="buy",
                    type="market",
                    time_in_force="day",
                    quantity=Decimal(1),
                    now=clock.now() + timedelta(milliseconds=1),
                )
                assert filled.filled_avg_price == Decimal(ask)
            stop.set()
            ticking.result(timeout=30)
        assert Order.objects.get(pk=low.id).status == "new"
