"""The order operation itself, without HTTP: what a market order costs Python and PostgreSQL, from its handler to the answer.

    python benchmarks/order_path.py [--orders 1000] [--accounts 200] [--margin 1] [--profile] [--statements]

Starts PostgreSQL (durable) and Valkey for itself and places orders in this process, one after the other, in the audit context
that the gate gives them. CPU of Python is this process's own, that of PostgreSQL its backend's (both read from the system, so
a busy machine changes them little). ``--profile`` says where Python's time goes, ``--statements`` prints what is asked.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and finds its own modules first
from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "script" / "lib")]

from benchmarks.counter.site import Servers

#: Orders that are measured as one. Of all such groups the quickest is told, too: what else the machine does disturbs it least.
GROUP = 50


def backend_cpu(pid: int) -> float:
    """CPU seconds of a process of this machine so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def placing(people: Sequence[Any], symbols: Sequence[str]) -> Callable[[int], dict[str, Any]]:
    """A function that places the n-th market order, as the gate lets a handler do it."""
    from django.test import RequestFactory

    from portfolio_site.kernel import clock
    from portfolio_site.kernel.audit import audit_context
    from trading.queries import holder_of
    from trading.wire.calls import Call
    from trading.wire.orders import submit

    factory = RequestFactory()
    holders = [holder_of(key_id=person.key[0], secret=person.key[1]) for person in people]

    def place(number: int) -> dict[str, Any]:
        holder = holders[number % len(holders)]
        assert holder is not None
        request = factory.post(
            "/alpaca/v2/orders",
            json.dumps(
                {
                    "symbol": symbols[number % len(symbols)],
                    "qty": "1",
                    # A third of the orders sells what two before it have bought.
                    "side": "sell" if number // len(holders) % 3 == 2 else "buy",
                    "type": "market",
                    "time_in_force": "day",
                }
            ),
            content_type="application/json",
        )
        with audit_context(
            deferred=True,
            user=holder.user.pk,
            api_key=holder.key_id,
            ip="127.0.0.1",
            url=request.path,
            request_id="r",
        ):
            found: dict[str, Any] = submit(Call(request, clock.now(), holder))
        return found

    return place


def listening(url: str) -> subprocess.Popen[str]:
    """Somebody who hears of commits, as the process that delivers events does."""
    heard = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import redis, sys; p = redis.Redis.from_url(sys.argv[1]).pubsub(); p.subscribe('hf:outbox')\n"
                "for n, _ in enumerate(p.listen()): n or print(flush=True)"
            ),
            url,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert heard.stdout is not None
    heard.stdout.readline()
    return heard


def asked(place: Callable[[int], Any], number: int) -> list[str]:
    """The statements of one order, those of the transaction included."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as found:
        place(number)
    return [one["sql"] for one in found.captured_queries]


def main() -> None:
    """Place the orders and print what they cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--margin", type=int, default=1, choices=[1, 2, 4])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--statements", action="store_true")
    options = parser.parse_args()
    with Servers(workers=1):
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from benchmarks.counter import seed
        from portfolio_site.kernel import clock

        call_command("migrate", interactive=False, verbosity=0)
        people = seed.traders(options.accounts, margin=options.margin, now=clock.now())
        symbols = [row.symbol for row in seed.instruments(10, prefix="BM", now=clock.now())]
        place = placing(people, symbols)
        listener = listening(os.environ["REDIS_URL"])
        for number in range(50):
            place(number)
        statements = asked(place, 50)
        own = [sql for sql in statements if not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
        print(f"{len(own)} statements, and {len(statements) - len(own)} of the transaction", flush=True)
        if options.statements:
            print("\n\n".join(statements))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        report(options, place, connection)
        listener.kill()
        listener.wait()


def report(options: argparse.Namespace, place: Callable[[int], Any], connection: Any) -> None:
    """Measure and print."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    profile = cProfile.Profile()
    took: list[float] = []
    for number in range(51, 251):
        place(number)
    python: list[float] = []
    server: list[float] = []
    if options.profile:
        profile.enable()
    for start in range(251, 251 + options.orders, GROUP):
        own, its = time.process_time(), backend_cpu(pid)
        for number in range(start, start + GROUP):
            began = time.perf_counter()
            answer = place(number)
            took.append(time.perf_counter() - began)
            assert answer["status"] == "filled", answer
        python.append((time.process_time() - own) / GROUP * 1000)
        server.append((backend_cpu(pid) - its) / GROUP * 1000)
    profile.disable()
    print(
        f"{len(took)} orders, CPU of each (median, quickest {GROUP}): Python {statistics.median(python):.2f}, "
        f"{min(python):.2f} ms; PostgreSQL {statistics.median(server):.2f}, {min(server):.2f} ms; "
        f"p50 {statistics.median(took) * 1000:.2f} ms",
        flush=True,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements")
        print("prepared statements: {} (generic plans {}, custom {})".format(*cursor.fetchone()))
    if options.profile:
        stats = pstats.Stats(profile)
        stats.sort_stats("tottime").print_stats(45)
        stats.sort_stats("cumtime").print_stats(90)


if __name__ == "__main__":
    main()
