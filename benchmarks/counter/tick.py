"""One tick over everything that rests: 10 000 quotes, 100 000 orders."""

from __future__ import annotations

import time
import uuid
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
from trading.models import Order
from trading.operations import match_resting_orders

#: The limits of the orders of an instrument: the highest, and a step between two.
HIGHEST, STEP = Decimal(95), Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick cost: seconds to store its quotes and to match what rests, orders found, executions booked."""

    quotes: int
    resting: int
    storing: float
    matching: float
    triggered: int
    executions: int


def rest(people: Sequence[Trader], things: Sequence[Instrument], *, count: int, now: datetime) -> None:
    """Rest so many limit buys of one unit, spread over instruments and accounts, as `place_order` stores them."""
    names = [str(field.column) for field in Order._meta.concrete_fields]
    per_instrument = max(1, count // len(things))

    def row(number: int) -> Sequence[Any]:
        trader, limit = (
            people[number % len(people)],
            HIGHEST - STEP * (number // len(things) % per_instrument),
        )
        order = Order(
            id=uuid.uuid4(),
            portfolio_id=trader.portfolio_id,
            instrument_id=things[number % len(things)].pk,
            client_order_id=f"resting-{number}",
            side="buy",
            type="limit",
            time_in_force="gtc",
            position_intent="buy_to_open",
            quantity=Decimal(1),
            limit_price=limit,
            currency="USD",
            status="new",
            watch="limit",
            watch_price=limit,
            reserved_cash=limit,
            placed_by_id=trader.user.pk,
            submitted_at=now,
            updated_at=now,
            expires_at=now + timedelta(days=90),
        )
        return [
            "[]" if field.attname == "trail" else getattr(order, field.attname)
            for field in Order._meta.concrete_fields
        ]

    with connection.cursor() as cursor:
        with cursor.copy(f"COPY trading_order ({', '.join(names)}) FROM STDIN") as copy:
            for number in range(count):
                copy.write_row(row(number))
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
