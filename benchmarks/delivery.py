"""What it costs to tell of an order, and how long after its commit a browser hears of it.

    python benchmarks/delivery.py [--events 1500] [--rates 20 50 100] [--seconds 10] [--people 20]

First the backlog: real market orders are placed while nobody delivers, then this process delivers their events alone; events a
second, CPU of Python and of its database connection, and statements. Then the pace: orders are placed at a rate while daphne and
everything that delivers run as in docker-compose, and sockets listen; without `--place` only what an order publishes is
written. Everything shares one machine: read the load average beside it.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and finds its own modules first
from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "script" / "lib")]

from benchmarks.counter.site import Servers
from benchmarks.counter.usage import cpu_of, settle, used
from benchmarks.orders import Load, drain, spread


def place(people: Sequence[Any], things: Sequence[Any], number: int) -> str:
    """Place one market order and return its id."""
    from portfolio_site.kernel import clock
    from trading.operations import place_order

    trader = people[number % len(people)]
    order = place_order(
        portfolio_id=trader.portfolio_id,
        actor=trader.user,
        instrument_id=things[number % len(things)].pk,
        side="buy",
        type="market",
        time_in_force="day",
        quantity=Decimal(1),
        now=clock.now(),
    )
    return str(order.id)


class Teller:
    """Publishes what an order publishes, without placing one: the machine that measures has to keep the pace."""

    def __init__(self, people: Sequence[Any]) -> None:
        from holdings.models import Transaction

        entries = Transaction.objects.filter(portfolio__in=[one.portfolio_id for one in people]).order_by(
            "pk"
        )
        self._entries = {row.portfolio_id: row for row in entries.select_related("instrument")}
        self.committed: dict[str, float] = {}

    def __call__(self, people: Sequence[Any], _things: Sequence[Any], number: int) -> str:
        """Tell of one order; returns its id."""
        from django.db import transaction

        from holdings.events import TransactionsPosted
        from portfolio_site.kernel import clock
        from portfolio_site.kernel.events import publish_within
        from portfolio_site.kernel.writing import Writing
        from trading.events import OrderAccepted, OrderFilled, stream_of

        trader = people[number % len(people)]
        entry = self._entries[trader.portfolio_id]
        instrument: Any = entry.instrument
        order_id, one = uuid.uuid4(), Decimal(1)
        same: dict[str, Any] = {
            "order_id": order_id, "portfolio_id": trader.portfolio_id, "user_id": trader.user.pk, "side": "buy", "quantity": one,
            "instrument_id": instrument.pk, "symbol": instrument.symbol, "currency": "USD", "at": clock.now(),
        }  # fmt: skip
        events = [
            TransactionsPosted(
                portfolio_id=trader.portfolio_id,
                user_id=trader.user.pk,
                actor_id=trader.user.pk,
                transaction_ids=[entry.pk],
                voided_ids=[],
                revision=number,
            ),
            OrderAccepted(**same, type="market", price=None, status="new", position_quantity=None),
            OrderFilled(
                **same, fill_id=uuid.uuid4(), price=Decimal("100.02"), fees=Decimal(0), order_quantity=one, filled_quantity=one,
                filled_avg_price=Decimal("100.02"), status="filled", position_quantity=one,
            ),
        ]  # fmt: skip
        with transaction.atomic():
            transaction.on_commit(lambda: self.committed.update({str(order_id): time.time()}))
            writing = Writing()
            publish_within(writing, [(event, stream_of(trader.portfolio_id)) for event in events])
            writing.execute()
        return str(order_id)


def backlog(people: Sequence[Any], things: Sequence[Any], *, events: int) -> None:
    """Deliver what waits, alone."""
    from django.db import connection

    from portfolio_site.kernel.events import dispatch_pending
    from portfolio_site.kernel.models import OutboxEvent

    dispatch_pending()
    number = 0
    while (waiting := OutboxEvent.objects.filter(dispatched_at__isnull=True).count()) < events:
        for _ in range(max(1, (events - waiting) // 3)):
            place(people, things, number)
            number += 1
    counted = [0]

    def count(execute: Callable[..., Any], *given: Any) -> Any:
        counted[0] += 1
        return execute(*given)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    before, began, python = cpu_of(backend), time.monotonic(), time.process_time()
    with connection.execute_wrapper(count):
        dispatch_pending(limit=1_000_000)
    took, python, database = time.monotonic() - began, time.process_time() - python, cpu_of(backend) - before
    left = OutboxEvent.objects.filter(dispatched_at__isnull=True).count()
    print(
        f"{waiting} events of {number} orders: {waiting / took:.0f}/s, CPU of an event {python / waiting * 1000:.2f} ms Python + "
        f"{database / waiting * 1000:.2f} ms PostgreSQL, {counted[0] / waiting:.2f} statements an event; {left} left",
        flush=True,
    )


def pace(
    servers: Servers,
    load: Load,
    people: Sequence[Any],
    things: Sequence[Any],
    *,
    rate: int,
    seconds: float,
    teller: Teller | None,
) -> None:
    """Place orders at a rate, or only tell of them, and hear when they are told."""
    from benchmarks.counter import seed

    placed: list[str] = []
    late = [0.0]

    def work(begin: float, step: int, count: int) -> None:
        from django.db import connection

        for number in range(step, count, 2):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            placed.append((teller or place)(people, things, number))
            late[0] = max(late[0], time.monotonic() - due)
        connection.close()

    before = used(servers)
    threads = [
        threading.Thread(target=work, args=(time.monotonic() + 0.1, step, int(rate * seconds)))
        for step in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain()
    spent = {name: seconds - before.get(name, 0.0) for name, seconds in used(servers).items()}
    time.sleep(1.5)
    heard = load(do="heard")["heard"]
    committed = teller.committed if teller else seed.committed_at(placed)
    committed = {pk: committed[pk] for pk in placed}
    delays = [heard["browser"][pk] - at for pk, at in committed.items() if pk in heard["browser"]]
    program = [heard["program"][pk] - at for pk, at in committed.items() if pk in heard["program"]]
    print(
        f"{rate:>4} orders a second: {len(delays)} of {len(placed)} told to browsers, {spread(delays)}; "
        f""
        f"to programs {spread(program)}; latest order {late[0] * 1000:.0f} ms late; CPU of an order "
        + ", ".join(
            f"{name} {each / len(placed) * 1000:.1f} ms" for name, each in spent.items() if each > 0.1
        ),
        flush=True,
    )


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1500)
    parser.add_argument("--rates", type=int, nargs="*", default=[20, 50, 100])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--place", action="store_true", help="place real orders at the rates")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with Servers(workers=1) as servers:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        from benchmarks.counter import seed
        from portfolio_site.kernel import clock

        people = seed.traders(options.people, margin=1, now=clock.now())
        things = seed.instruments(50, prefix="BM", now=clock.now())
        if options.events:
            backlog(people, things, events=60)  # code is read, plans are made
            backlog(people, things, events=options.events)
        load = Load()
        try:
            if options.rates:
                servers.serve()
                keys = [one.key for one in people]
                load(do="listen", port=servers.socket_port, cookies=seed.cookies(people), keys=keys)
                for number in range(len(people)):
                    place(people, things, number)
                drain()
                settle(servers)
            teller = None if options.place else Teller(people)
            for rate in options.rates:
                pace(servers, load, people, things, rate=rate, seconds=options.seconds, teller=teller)
        finally:
            load.close()
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
