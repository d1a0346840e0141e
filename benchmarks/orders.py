"""The order path under load: orders over HTTP against the production set-up, and a tick over everything that rests.

    python benchmarks/orders.py [--seconds 4] [--paced 20] [--accounts 1000] [--clients 8] [--workers 4] [--margin 1]
                                [--skip-http] [--skip-tick]

Starts PostgreSQL (fsync and synchronous_commit on) and Valkey for itself, gunicorn, daphne and a worker as docker-compose does,
and loads them from a process of its own over loopback. In the same run: pgbench with an order's row work one statement at a time,
and a view that only finds out whose key it is. Everything runs on one machine, so what is measured shares its cores with
what measures: read the ratios.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and finds its own modules first
from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "script" / "lib")]

from benchmarks.counter import floor
from benchmarks.counter.site import Servers
from benchmarks.counter.usage import settle, used

RATE = 100


class Load:
    """The process that loads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, ROOT / "benchmarks" / "counter" / "load.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __call__(self, **job: Any) -> dict[str, Any]:
        """Have a job done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def spread(times: Sequence[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    if len(times) < 2:
        return "–"
    marks = statistics.quantiles(times, n=100, method="inclusive")
    return f"p50 {marks[49] * 1000:.1f} ms, p99 {marks[98] * 1000:.1f} ms"


def told(name: str, found: dict[str, Any]) -> float:
    """Print what a run of requests came to; returns requests a second."""
    per_second: float = len(found["times"]) / found["took"]
    faults = f"; {found['faults']} REFUSED, as {found['fault'][0]}" if found["faults"] else ""
    print(f"{name:<44} {per_second:>7.0f}/s   {spread(found['times'])}{faults}", flush=True)
    return per_second


def made(options: argparse.Namespace) -> Sequence[Any]:
    """The people, each with an account and a key."""
    from benchmarks.counter import seed
    from portfolio_site.kernel import clock

    began = time.monotonic()
    people = seed.traders(options.accounts, margin=options.margin, now=clock.now())
    print(f"{len(people)} accounts made in {time.monotonic() - began:.0f} s", flush=True)
    return people


def orders(options: argparse.Namespace, servers: Servers, load: Load, people: Sequence[Any]) -> None:
    """Everything that goes over HTTP."""
    from benchmarks.counter import seed
    from portfolio_site.kernel import clock

    symbols = [row.symbol for row in seed.instruments(50, prefix="BM", now=clock.now())]
    floor.prepare(servers, accounts=options.accounts)
    print(
        f"{statements(people[-1], symbols[0])} SQL statements for a market order, from key to answer",
        flush=True,
    )
    servers.serve()
    heard = people[: options.sockets]
    keys = [trader.key for trader in people]
    ready = load(
        do="listen", port=servers.socket_port, cookies=seed.cookies(heard), keys=[one.key for one in heard]
    )
    base = {
        "do": "run",
        "port": servers.http_port,
        "keys": keys,
        "symbols": symbols,
        "clients": options.clients,
    }
    # Workers read their code and PostgreSQL its plans with the first requests.
    load(**base, kind="orders", seconds=2)
    load(**base, kind="door", seconds=1)
    drain()
    settle(servers)
    known = len(load(do="heard")["heard"]["browser"])
    print(f"{ready['ready']} sockets listen; {known} fills told while warming up\n", flush=True)

    seconds = options.seconds
    door = told("key only", load(**base, kind="door", seconds=seconds))
    before = used(servers, load=load.pid)
    most = load(**base, kind="orders", seconds=seconds)
    per_second = told(f"orders, {options.clients} connections", most)
    drain()
    for name, spent in used(servers, load=load.pid).items():
        each = (spent - before.get(name, 0.0)) / len(most["times"]) * 1000
        print(f"{'  CPU an order, ' + name:<44} {each:>7.1f} ms", flush=True)
    plain = floor.transactions_per_second(
        servers, accounts=options.accounts, clients=options.clients, seconds=seconds
    )
    print(f"{'pgbench, 8 statements, ' + str(options.clients) + ' clients':<44} {plain:>7.0f}/s")
    print(f"{'ratio to pgbench (aim 0.4)':<44} {per_second / plain:>7.2f}")
    print(f"{'ratio to the key only (aim 0.5)':<44} {per_second / door:>7.2f}\n", flush=True)

    paced = load(
        **base | {"keys": [one.key for one in heard]}, kind="orders", seconds=options.paced, rate=RATE
    )
    told(f"{RATE} orders a second", paced)
    drain()
    listened(load(do="heard")["heard"], seed.committed_at([pk for pk, _ in paced["answers"]]))

    one = base | {"keys": keys[-1:]}
    alone = told("one account, 1 connection", load(**one | {"clients": 1}, kind="orders", seconds=seconds))
    drain()
    crowd = told(f"one account, {options.clients} connections", load(**one, kind="orders", seconds=seconds))
    print(f"{'ratio (aim 1)':<44} {crowd / alone:>7.2f}\n", flush=True)
    drain()
    kept([pk for pk, _ in (*most["answers"], *paced["answers"])])


def statements(trader: Any, symbol: str) -> int:
    """How many statements a market order takes, from the key to the answer, once caches are warm."""
    from django.db import connection
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext

    from trading.wire.gate import answer

    def place() -> list[dict[str, str]]:
        request = RequestFactory().post(
            "/alpaca/v2/orders",
            json.dumps(
                {"symbol": symbol, "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
            ),
            content_type="application/json",
            headers={
                "APCA-API-KEY-ID": trader.key[0],
                "APCA-API-SECRET-KEY": trader.key[1],
                "Host": "127.0.0.1",
            },
        )
        with CaptureQueriesContext(connection) as found:
            response = answer(request)
        assert response.status_code == 200, response.content
        return list(found.captured_queries)

    place()
    ours = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return sum(1 for one in place() if not one["sql"].startswith(ours))


def drain() -> None:
    """Wait until the worker has delivered everything that is waiting."""
    from portfolio_site.kernel.models import OutboxEvent

    began, deadline = time.monotonic(), time.monotonic() + 300
    waiting = OutboxEvent.objects.filter(dispatched_at__isnull=True)
    found = waiting.count()
    while waiting.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    took = time.monotonic() - began
    if found > 100:
        print(
            f"{'events behind when the load ended':<44} {found:>7}     delivered in {took:.1f} s", flush=True
        )


def listened(heard: dict[str, dict[str, float]], committed: dict[str, float]) -> None:
    """Print how long after their commits the fills were told."""
    for name in ("browser", "program"):
        delays = [heard[name][pk] - at for pk, at in committed.items() if pk in heard[name]]
        print(f"{f'commit to the {name}':<44} {len(delays):>7}     {spread(delays)}", flush=True)


def kept(acknowledged: Sequence[str]) -> None:
    """Hold what was acknowledged against what is stored, and the books against the journal."""
    from django.core.management import call_command

    from trading.models import Order

    stored = Order.objects.filter(pk__in=acknowledged, status="filled").count()
    print(f"{len(acknowledged)} acknowledged orders, {stored} of them stored", flush=True)
    call_command("verify_books", stdout=io.StringIO())
    print("the books of all accounts are right", flush=True)


def ticks(options: argparse.Namespace, people: Sequence[Any]) -> None:
    """The tick over what rests."""
    from benchmarks.counter import seed
    from benchmarks.counter.tick import rest, tick
    from portfolio_site.kernel import clock

    now = clock.now()
    things = seed.instruments(options.quotes, prefix="TK", now=now)
    rest(people, things, count=options.resting, now=now)
    for name, falling in (
        ("quotes that trigger nothing", 0),
        ("again", 0),
        ("quotes that trigger 1 %", options.resting // 100),
    ):
        found = tick(things, falling=falling)
        print(
            f"{str(found.quotes) + ' ' + name:<44} {found.matching * 1000:>7.0f} ms  {found.triggered} found, "
            f"{found.executions} booked of {found.resting + found.executions} resting; "
            f"storing the quotes {found.storing * 1000:.0f} ms",
            flush=True,
        )


def main() -> None:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--paced", type=float, default=20, help="seconds of 100 orders a second")
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sockets", type=int, default=20)
    parser.add_argument("--margin", type=int, default=1, choices=[1, 2, 4])
    parser.add_argument("--quotes", type=int, default=10_000)
    parser.add_argument("--resting", type=int, default=100_000)
    parser.add_argument("--skip-tick", action="store_true")
    parser.add_argument("--skip-http", action="store_true")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with Servers(workers=options.workers) as servers:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        load = Load()
        try:
            people = made(options)
            if not options.skip_http:
                orders(options, servers, load, people)
                servers.stop_serving()
            if not options.skip_tick:
                ticks(options, people)
        finally:
            load.close()
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
