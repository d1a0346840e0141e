"""Run in a process of its own on a database of the first release: migrates it, proves it, trades on in it, and tells of it
in one line of JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from holdings import queries as books
from marketdata.models import Instrument, Quote
from trading.models import Order, TradeEvent, TradingAccount
from trading.operations import cancel_order, match_resting_orders, place_order, reconcile_orders

#: Two days after the last thing that the first release did.
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def proof() -> str:
    """What ``verify_books`` says."""
    out = StringIO()
    try:
        call_command("verify_books", stdout=out)
    except SystemExit:
        return f"wrong: {out.getvalue()}"
    return "right"


def orders() -> dict[str, Any]:
    """The orders as they stand."""
    return {
        order.client_order_id: [
            order.status,
            f"{order.filled_quantity.normalize():f}",
            f"{order.filled_amount.normalize():f}",
            order.position_intent,
            order.watch,
            f"{(order.reserved_cash + order.reserved_quantity).normalize():f}",
        ]
        for order in Order.objects.all()
    }


def main() -> None:
    """Upgrade, prove, go on, prove again."""
    call_command("migrate", verbosity=0)
    found: dict[str, Any] = {"books": proof(), "orders": orders()}
    found["accounts"] = sorted(
        [account.currency, account.multiplier] for account in TradingAccount.objects.all()
    )
    first = reconcile_orders(now=NOW, thorough=True)
    found["first_pass"] = [first.executions, first.expired, first.repairs, first.faults]

    person = get_user_model().objects.get(name="first")
    resting = Order.objects.get(client_order_id="resting-buy")
    cancel_order(order_id=resting.pk, actor=person, now=NOW)
    Quote.objects.update(bid=Decimal(131), ask=Decimal("131.02"), last=Decimal(131), quoted_at=NOW)
    match_resting_orders(instrument_ids=None, now=NOW + timedelta(seconds=1))
    sold = place_order(
        portfolio_id=resting.portfolio_id,
        actor=person,
        instrument_id=Instrument.objects.get(symbol="OLDA").pk,
        side="sell",
        type="market",
        time_in_force="day",
        quantity=Decimal(15),
        now=NOW + timedelta(seconds=2),
    )
    repeated = place_order(
        portfolio_id=resting.portfolio_id,
        actor=person,
        client_order_id="bought",
        instrument_id=sold.instrument_id,
        side="buy",
        type="market",
        time_in_force="day",
        quantity=Decimal(30),
        now=NOW + timedelta(seconds=3),
    )
    last = reconcile_orders(now=NOW + timedelta(seconds=4), thorough=True)
    found["after"] = {
        "sold": [sold.status, str(sold.filled_avg_price)],
        "repeated": repeated.status,
        "position": f"{books.position_quantity(resting.portfolio_id, sold.instrument_id).normalize():f}",
        "cash": str(books.cash_balance(resting.portfolio_id, "USD").quantize(Decimal("0.01"))),
        "open": Order.objects.open().count(),
        "numbers": list(
            TradeEvent.objects.filter(portfolio_id=resting.portfolio_id)
            .order_by("number")
            .values_list("number", flat=True)
        ),
        "last_pass": [last.executions, last.repairs, last.faults],
        "books": proof(),
    }
    sys.stdout.write(f"\n{json.dumps(found)}\n")
