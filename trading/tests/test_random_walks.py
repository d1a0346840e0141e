"""Any sequence of placing, canceling, ticking and waiting keeps the promises of the counter."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdings import queries as books
from portfolio_site.kernel.errors import DomainError
from trading.models import Fill, Order
from trading.operations import cancel_order, check_reservations, expire_orders, match_resting_orders
from trading.tests.support import (
    NOW,
    check_books,
    make_account,
    make_instrument,
    make_user,
    order,
    set_quote,
)

cents = st.decimals("80", "120", places=2)
placing = st.tuples(
    st.just("place"),
    st.sampled_from(["buy", "sell"]),
    st.decimals("0.1", "40", places=1),
    st.none() | cents,
    st.sampled_from(["day", "gtc"]),
)
canceling = st.tuples(st.just("cancel"), st.integers(0, 9))
ticking = st.tuples(st.just("tick"), cents, st.decimals("0", "1", places=2))
waiting = st.tuples(st.just("wait"), st.integers(1, 60))
steps = st.lists(st.one_of(placing, placing, ticking, ticking, canceling, waiting), max_size=14)
tariffs = st.sampled_from(["none", "percent:0.002:1", "per_share:0.01:0.50"])


class Undone(Exception):
    """Rolls back what an example did."""


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, tariff=tariffs)
def test_cash_shares_and_reservations_always_add_up(db, settings, steps, tariff):
    settings.TRADING_FEE_MODEL = tariff
    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - the block is what is undone
        walk(steps)
        raise Undone


def walk(steps) -> None:
    """Do the steps, and check every promise after each."""
    user, share = make_user("walker"), make_instrument()
    account = make_account(user, "5000")
    now = NOW
    set_quote(share, "99.99", "100.01", at=now)
    placed = []
    for step in steps:
        now += timedelta(seconds=1)
        try:
            match step:
                case ("place", side, quantity, limit, tif):
                    terms = {"side": side, "quantity": quantity, "limit_price": limit, "time_in_force": tif}
                    placed.append(order(account, user, share, now=now, **terms))
                case ("cancel", index) if placed:
                    cancel_order(order_id=placed[index % len(placed)].id, actor=user, now=now)
                case ("tick", bid, spread):
                    set_quote(share, str(bid), str(bid + spread), at=now)
                    match_resting_orders(instrument_ids=[share.pk], now=now)
                case ("wait", hours):
                    now += timedelta(hours=hours)
                    expire_orders(now=now)
        except DomainError as refusal:
            assert refusal.message  # noqa: PT017 - a refusal is a fine answer; it has to say something
        check_promises(account, share)
    check_books()


def check_promises(account, share) -> None:
    """Cash and shares are never negative, what is held is there, and the fills explain both."""
    cash, position = books.cash_balance(account, "USD"), books.position_quantity(account, share.pk)
    assert cash >= 0
    assert position >= 0
    assert check_reservations() == []
    for row in Order.objects.filter(portfolio_id=account):
        filled = row.fills.aggregate(sum=Sum("quantity"))["sum"] or 0
        assert filled == row.filled_quantity
        assert (row.reserved_cash + row.reserved_quantity > 0) == row.is_open
    bought = sold = Decimal(0)
    spent = Decimal(0)
    for fill in Fill.objects.filter(order__portfolio_id=account).select_related("order"):
        if fill.order.side == "buy":
            bought, spent = bought + fill.quantity, spent + fill.amount + fill.fees
        else:
            sold, spent = sold + fill.quantity, spent - fill.amount + fill.fees
    assert position == bought - sold
    assert cash == 5000 - spent
