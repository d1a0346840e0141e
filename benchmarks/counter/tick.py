"""One tick over everything that rests: 10 000 quotes, 100 000 orders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from benchmarks.counter.seed import Trader
from marketdata.models import Instrument
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from portfolio_site.kernel import clock
from portfolio_site.kernel.models import OutboxEvent
from portfolio_site.kernel.writing import document
from trading.models import Order
from trading.operations import match_resting_orders

#: The limits of the orders of an instrument: the highest, and a step between two.
HIGHEST, STEP = Decimal(95), Decimal("0.5")
#: So many orders are laid to rest in one transaction.
REST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick cost: seconds to store its quotes and to match what rests, orders found, executions booked."""

    quotes: int
    resting: int
    storing: float
    matching: float
    triggered: int
    executions: int


_REST = """
INSERT INTO trading_order ({columns})
SELECT {columns} FROM (
    SELECT jsonb_populate_record(NULL::trading_order, %(same)s::jsonb || jsonb_build_object(
               'id', gen_random_uuid(),
               'portfolio_id', (%(portfolios)s::bigint[])[n %% %(people)s + 1],
               'placed_by_id', (%(users)s::bigint[])[n %% %(people)s + 1],
               'instrument_id', (%(instruments)s::bigint[])[n %% %(things)s + 1],
               'client_order_id', 'resting-' || n,
               'limit_price', %(highest)s - %(step)s * (n / %(things)s),
               'watch_price', %(highest)s - %(step)s * (n / %(things)s),
               'reserved_cash', %(highest)s - %(step)s * (n / %(things)s)
           )) AS r
    FROM generate_series(%(first)s::int, %(last)s::int) AS n OFFSET 0
) made, LATERAL (SELECT (made.r).*) each
"""


def rest(people: Sequence[Trader], things: Sequence[Instrument], *, count: int, now: datetime) -> None:
    """Rest so many limit buys of one unit, spread over instruments and accounts, as `place_order` stores them."""
    order = Order(
        side="buy",
        type="limit",
        time_in_force="gtc",
        position_intent="buy_to_open",
        quantity=Decimal(1),
        currency="USD",
        status="new",
        watch="limit",
        submitted_at=now,
        updated_at=now,
        expires_at=now + timedelta(days=90),
    )
    columns = [str(field.column) for field in Order._meta.concrete_fields]
    values: dict[str, Any] = {
        "same": document({name: getattr(order, name) for name in columns}),
        "portfolios": [trader.portfolio_id for trader in people],
        "users": [trader.user.pk for trader in people],
        "people": len(people),
        "instruments": [thing.pk for thing in things],
        "things": len(things),
        "highest": HIGHEST,
        "step": STEP,
    }
    with connection.cursor() as cursor:
        # By parts: what each row's triggers leave behind is looked through again for the next one of the transaction.
        for first in range(0, count, REST_ROWS):
            part = {"first": first, "last": min(first + REST_ROWS, count) - 1}
            cursor.execute(_REST.format(columns=", ".join(columns)), values | part)
        cursor.execute("ANALYZE trading_order")
        cursor.execute("ANALYZE marketdata_quote")


def tick(things: Sequence[Instrument], *, falling: int) -> Tick:
    """A quote for each instrument: `falling` of them to just below the highest limit, the others a little higher."""
    now = clock.now()

    def quote(place: int, thing: Instrument) -> QuoteData:
        middle = HIGHEST - Decimal("0.1") if place < falling else Decimal(100) + Decimal(place % 10) / 100
        return QuoteData(
            instrument_id=thing.pk,
            last=middle,
            bid=middle - Decimal("0.02"),
            ask=middle + Decimal("0.02"),
            quoted_at=now,
            source="simulated",
            is_simulated=True,
        )

    quotes = [quote(place, thing) for place, thing in enumerate(things)]
    began = time.perf_counter()
    apply_quotes(quotes=quotes, now=now, is_trusted=True)
    stored = time.perf_counter()
    report = match_resting_orders(instrument_ids=[thing.pk for thing in things], now=clock.now())
    done = time.perf_counter()
    # A worker would have matched at the same time.
    OutboxEvent.objects.filter(dispatched_at__isnull=True).update(dispatched_at=now)
    return Tick(
        quotes=len(things),
        resting=Order.objects.open().count(),
        storing=stored - began,
        matching=done - stored,
        triggered=report.triggered,
        executions=report.executions,
    )
