"""Any sequence of any orders, replacements, closings, ticks and days keeps the promises of the counter."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdings import queries as books
from marketdata.models import Quote
from portfolio_site.kernel.errors import DomainError
from trading.models import Fill, Order, TradingAccount
from trading.operations import (
    StopLoss,
    TakeProfit,
    accrue_charges,
    cancel_order,
    check_orders,
    check_reservations,
    close_position,
    expire_orders,
    match_resting_orders,
    open_paper_account,
    reconcile_orders,
    replace_order,
    watch_margins,
)
from trading.queries import account_figures, activities_of
from trading.tests.support import NOW, check_books, make_instrument, make_user, order, set_quote
from trading.tests.test_random_walks import Undone

D = Decimal
cents = st.decimals("80", "120", places=2)
sides = st.sampled_from(["buy", "sell"])
counts = st.integers(1, 60)
times = st.sampled_from(["day", "gtc", "ioc", "fok", "opg", "cls"])
placing = st.fixed_dictionaries(
    {
        "side": sides,
        "quantity": counts,
        "type": st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]),
        "time_in_force": times,
        "price": cents,
        "other": cents,
        "order_class": st.sampled_from(["simple", "simple", "simple", "bracket", "oto", "oco"]),
        "profit": cents,
        "loss": cents,
        "by_amount": st.booleans(),
    }
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("place"), placing),
        st.tuples(st.just("place"), placing),
        st.tuples(st.just("place"), placing),
        st.tuples(st.just("tick"), cents, st.decimals("0", "1", places=2), st.none() | st.integers(0, 40)),
        st.tuples(st.just("tick"), cents, st.decimals("0", "1", places=2), st.none() | st.integers(0, 40)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("replace"), st.integers(0, 20), counts, cents),
        st.tuples(st.just("close"), st.none() | counts),
        st.tuples(st.just("wait"), st.integers(1, 60)),
    ),
    max_size=16,
)
tariffs = st.sampled_from(["none", "us_regulatory", "percent:0.002:1", "per_share:0.01:0.50+us_regulatory"])


@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, tariff=tariffs, multiplier=st.sampled_from([1, 2, 4]))
def test_every_promise_is_kept(db, settings, steps, tariff, multiplier):
    settings.TRADING_FEE_MODEL = tariff
    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - the block is what is undone
        Walk(multiplier).walk(steps)
        raise Undone


class Walk:
    """One account, one share, and what happens to them."""

    def __init__(self, multiplier: int) -> None:
        self.user, self.share = make_user("walker"), make_instrument(quantity_step=D("0.001"))
        self.account = open_paper_account(
            owner=self.user, name="Walk", cash=D(5000), currency="USD", multiplier=multiplier, now=NOW
        )
        TradingAccount.objects.filter(portfolio_id=self.account).update(model_seed=1)
        self.borrows = multiplier > 1
        self.now = NOW
        set_quote(self.share, "99.99", "100.01", at=NOW)

    def walk(self, steps) -> None:
        for step in steps:
            self.now += timedelta(seconds=1)
            try:
                getattr(self, step[0])(*step[1:])
            except DomainError as refusal:
                assert refusal.message  # noqa: PT017 - a refusal is a fine answer; it has to say something
            self.check()
        check_books()

    def place(self, wish) -> None:
        kind = wish["type"]
        terms = {
            "side": wish["side"],
            "type": kind,
            "time_in_force": wish["time_in_force"],
            "quantity": D(wish["quantity"]),
            "order_class": wish["order_class"],
        }
        if kind in ("limit", "stop_limit"):
            terms["limit_price"] = wish["price"]
        if kind in ("stop", "stop_limit"):
            terms["stop_price"] = wish["other"]
        if kind == "trailing_stop":
            terms["trail_percent"] = wish["other"] / 10
        if wish["order_class"] in ("bracket", "oco", "oto"):
            terms["take_profit"] = TakeProfit(limit_price=wish["profit"])
        if wish["order_class"] in ("bracket", "oco"):
            terms["stop_loss"] = StopLoss(stop_price=wish["loss"])
        if wish["by_amount"] and wish["order_class"] == "simple":
            terms |= {"quantity": None, "notional": D(wish["quantity"]) * 10, "time_in_force": "day"}
        order(self.account, self.user, self.share, now=self.now, **terms)

    def tick(self, bid, spread, size) -> None:
        set_quote(self.share, str(bid), str(bid + spread), at=self.now)
        Quote.objects.filter(pk=self.share.pk).update(bid_size=size, ask_size=size)
        match_resting_orders(instrument_ids=[self.share.pk], now=self.now)
        watch_margins(now=self.now)

    def chosen(self, index):
        rows = list(Order.objects.filter(portfolio_id=self.account).order_by("submitted_at", "id"))
        return rows[index % len(rows)] if rows else None

    def cancel(self, index) -> None:
        if row := self.chosen(index):
            cancel_order(order_id=row.pk, actor=self.user, now=self.now)

    def replace(self, index, quantity, price) -> None:
        if row := self.chosen(index):
            has_limit = row.limit_price is not None
            replace_order(
                order_id=row.pk,
                actor=self.user,
                quantity=D(quantity),
                limit_price=price if has_limit else None,
                now=self.now,
            )

    def close(self, quantity) -> None:
        close_position(
            portfolio_id=self.account,
            actor=self.user,
            instrument_id=self.share.pk,
            quantity=None if quantity is None else D(quantity),
            now=self.now,
        )

    def wait(self, hours) -> None:
        self.now += timedelta(hours=hours)
        expire_orders(now=self.now)
        accrue_charges(now=self.now)

    def check(self) -> None:
        cash = books.cash_balance(self.account, "USD")
        position = books.position_quantity(self.account, self.share.pk)
        if not self.borrows:
            assert cash >= 0
            assert position >= 0
        assert check_reservations() == []
        assert check_orders(since=NOW) == []
        for row in Order.objects.filter(portfolio_id=self.account):
            assert row.is_open or not row.watch
            if row.is_open and row.opens_position and row.order_class == "simple":
                assert row.reserved_cash > 0
        fills = Fill.objects.filter(portfolio_id=self.account)
        assert position == sum(
            (fill.quantity if fill.side == "buy" else -fill.quantity for fill in fills), D(0)
        )
        net = sum(
            ((fill.amount if fill.side == "sell" else -fill.amount) - fill.fees for fill in fills),
            D(0),
        )
        charged = sum((row.net_amount for row in activities_of(self.account, types=["INT"])), D(0))
        borrowed = sum(
            (row.net_amount for row in activities_of(self.account, types=["FEE"]) if row.order_id is None),
            D(0),
        )
        assert cash == 5000 + net + charged + borrowed
        assert account_figures(self.account, now=self.now).buying_power >= 0
        assert reconcile_orders(now=self.now).faults == ()
