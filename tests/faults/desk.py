"""A process of its own that prepares the accounts of a storm, moves the market meanwhile, and looks at everything in the end.

Spoken to by lines: it prints one JSON object when the accounts stand, ticks until it is told to stop (an empty line or
``hold SYMBOL PRICE``), and answers ``look`` with one more object.
"""

from __future__ import annotations

import itertools
import json
import queue
import sys
import threading
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection

from marketdata.models import Instrument
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from portfolio_site.kernel.models import EventReceipt, OutboxEvent
from trading.models import Fill, Order, TradeEvent
from trading.operations import reconcile_orders

SYMBOLS = ("FLTA", "FLTB")
#: The market goes round these: orders that rest between them are met sooner or later.
ROUND = tuple(map(Decimal, ("100.00", "99.40", "98.80", "99.40", "100.00", "100.60", "101.20", "100.60")))
SPREAD = Decimal("0.02")
TICK_SECONDS = 0.25


def tell(facts: Any) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(facts, default=str) + "\n")
    sys.stdout.flush()


def prepare(accounts: int) -> list[dict[str, Any]]:
    """Make instruments with a price, and accounts with keys; every second one may borrow."""
    for symbol in SYMBOLS:
        Instrument.objects.create(
            symbol=symbol,
            name=f"{symbol} Corporation",
            asset_class="equity",
            currency="USD",
            exchange="XNAS",
            provider="simulated",
            quantity_step=Decimal("0.001"),
        )
    tick(ROUND[0])
    made = []
    for number in range(accounts):
        out = StringIO()
        call_command(
            "create_paper_account",
            email=f"storm{number}@example.com",
            cash=Decimal(20_000),
            margin=1 + number % 2,
            rate_limit=1_000_000,
            as_json=True,
            stdout=out,
        )
        made.append(json.loads(out.getvalue()))
    return made


def tick(price: Decimal) -> None:
    """A price for everything, as a refresh would bring it."""
    now = clock.now()
    quotes = [
        QuoteData(
            instrument_id=pk,
            last=price,
            bid=price - SPREAD,
            ask=price + SPREAD,
            quoted_at=now,
            source="storm",
            is_simulated=True,
        )
        for pk in Instrument.objects.filter(symbol__in=SYMBOLS).values_list("pk", flat=True)
    ]
    apply_quotes(quotes=quotes, now=now, is_trusted=True)


def look() -> dict[str, Any]:
    """Reconcile twice (the second finds nothing to do), prove the books, and tell of every order and event."""
    reconcile_orders(now=clock.now())
    second = reconcile_orders(now=clock.now())
    verdict = "ok"
    try:
        call_command("verify_books", verbosity=0, stdout=StringIO())
    except SystemExit as fault:
        verdict = f"verify_books ended with {fault.code}"
    return {
        "books": verdict,
        "faults": second.faults,
        "executions_of_second_pass": second.executions,
        "orders": [
            {
                "portfolio_id": order.portfolio_id,
                "id": order.pk,
                "client_order_id": order.client_order_id,
                "status": order.status,
                "quantity": order.quantity,
                "filled": order.filled_quantity,
                "executed": sum((fill.quantity for fill in order.fills.all()), Decimal(0)),
                "holds": order.reserved_cash + order.reserved_quantity,
                "role": order.role,
                "head": order.parent_id or order.pk,
            }
            for order in Order.objects.prefetch_related("fills")
        ],
        "events": [
            {
                "portfolio_id": event.portfolio_id,
                "number": event.number,
                "event": event.event,
                "order_id": event.order_id,
                "execution_id": event.payload.get("execution", {}).get("id"),
            }
            for event in TradeEvent.objects.order_by("portfolio_id", "number")
        ],
        "fills": list(Fill.objects.values_list("pk", flat=True)),
        "waiting": OutboxEvent.objects.filter(dispatched_at__isnull=True).count(),
        "told": list(
            OutboxEvent.objects.filter(name__startswith="trading.order").values_list(
                "id", "name", "payload__order_id", "payload__fill_id"
            )
        ),
        "heard": list(
            EventReceipt.objects.filter(
                event_id__in=OutboxEvent.objects.filter(name__startswith="trading.order").values("pk")
            ).values_list("event_id", "subscriber")
        ),
    }


def main() -> None:
    """Prepare, tick, and do what is asked."""
    asked: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            asked.put(line.strip())
        asked.put(None)

    threading.Thread(target=read, daemon=True).start()
    tell(prepare(int(sys.argv[1])))
    prices, is_ticking = itertools.cycle(ROUND), True
    while True:
        try:
            line = asked.get(timeout=TICK_SECONDS if is_ticking else None)
        except queue.Empty:
            try:
                tick(next(prices))
            except (DatabaseError, InterfaceError):
                connection.close()
            continue
        if line is None:
            return
        if line == "still":
            is_ticking = False
            connection.close()
            tell({"still": True})
        elif line == "look":
            tell(look())
