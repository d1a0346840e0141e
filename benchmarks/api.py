"""The REST API beside its floor: summary, pages of a long journal and a backup, against the production set-up.

    python benchmarks/api.py [--rounds 200] [--size 100000x200] [--workers 2]

Starts PostgreSQL and Valkey with their durable settings, gunicorn, daphne and a worker as docker-compose does. One client
asks over loopback, one request at a time, each kind in turn, so that a busy moment falls on all of them: read the ratios.
The floor is a DRF view that finds out who asks, counts the request against the limit and answers one number.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and finds its own modules first
from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "script" / "lib")]

from benchmarks.counter.site import Servers

PAGE = 100
#: Requests after which the client's limit is forgotten: what is measured is the answer, not the limit.
FORGET = 400


class Client:
    """One connection that stays open, with a key."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Token {key}"}

    def get(self, path: str) -> tuple[float, bytes]:
        """Ask; milliseconds until the last byte, and the body. Stops the benchmark on anything but 200."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body[:300]!r}")
        return took, body


def prepared(size: str) -> tuple[int, int, str]:
    """A person with one portfolio of so many entries and holdings: their ids, and a key."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from accounts.operations import create_token
    from benchmarks import history, stored
    from holdings.domain import parsing
    from holdings.operations import rebuild_holdings
    from portfolio_site.kernel import clock

    call_command("migrate", verbosity=0)
    owner = get_user_model().objects.create(email="benchmark@example.com", name="Benchmark")
    activities, symbols = map(int, size.split("x"))
    file = parsing.parse(history.make(activities, symbols))
    things = stored.market(file)
    portfolio = stored.portfolio_of(owner, "Long")
    stored.seed(portfolio, file, things)
    quoted(file, things)
    rebuild_holdings(portfolio_id=portfolio.pk)
    stored.checked(portfolio)
    key = create_token(user=owner, name="benchmark", now=clock.now()).key
    return owner.pk, portfolio.pk, key


def quoted(file: Any, things: dict[str, Any]) -> None:
    """Quote everything as of now, at its last close: what a running site has."""
    from marketdata.operations import apply_quotes
    from marketdata.providers.base import QuoteData
    from portfolio_site.kernel import clock

    now = clock.now()
    closes = {name: list(series.items()) for name, series in file.prices.items()}
    apply_quotes(
        quotes=[
            QuoteData(
                instrument_id=thing.pk, last=closes[name][-1][1], previous_close=closes[name][-2][1], quoted_at=now,
                source="manual",
            )
            for name, thing in things.items()
        ],
        now=now,
        is_trusted=True,
    )  # fmt: skip


def far_page(client: Client, portfolio_id: int) -> str:
    """The address of a page near the end of the journal, found by following `next`."""
    path = f"/api/v1/portfolios/{portfolio_id}/transactions/?page_size=500"
    last = path
    while True:
        _, body = client.get(path)
        following = json.loads(body)["next"]
        if following is None:
            break
        parts = urlsplit(following)
        last, path = path, f"{parts.path}?{parts.query}"
    cursor = parse_qs(urlsplit(last).query).get("cursor", [""])[0]
    query = urlencode({"page_size": PAGE} | ({"cursor": cursor} if cursor else {}))
    return f"/api/v1/portfolios/{portfolio_id}/transactions/?{query}"


def measured(client: Client, paths: dict[str, str], rounds: int, owner_id: int) -> dict[str, list[float]]:
    """Milliseconds of every kind, asked in turn."""
    from accounts.models import ApiToken
    from portfolio_site.kernel import valkey

    keys = ApiToken.objects.filter(user_id=owner_id).values_list("pk", flat=True)
    limits = [f"hf:api:limit:throttle_{name}" for name in (f"user_{owner_id}", *(f"key_{pk}" for pk in keys))]
    times: dict[str, list[float]] = {name: [] for name in paths}
    asked = 0
    for turn in range(rounds + 10):
        for name, path in paths.items():
            if asked % FORGET == 0:
                valkey.client().delete(*limits)
            asked += 1
            took, _ = client.get(path)
            if turn >= 10:
                times[name].append(took)
    return times


def peak_of_this() -> float:
    """Megabytes that this process has used at most. Not `ru_maxrss`: that remembers the process which started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def backed_up(owner_id: int) -> None:
    """Make a backup in this process, and print its seconds, its size and what memory it took beyond the start."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model

    from holdings import operations
    from portfolio_site.kernel import clock

    owner = get_user_model().objects.get(pk=owner_id)
    before = peak_of_this()
    began, used = time.perf_counter(), time.process_time()
    made = operations.make_backup(owner=owner, now=clock.now())
    took, cpu = time.perf_counter() - began, time.process_time() - used
    figures = {"seconds": took, "cpu": cpu, "megabytes": peak_of_this(), "before": before, "bytes": made.size}
    print(json.dumps(figures))


def main() -> None:
    """Measure everything and print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--size", default="100000x200")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--backup", type=int, default=0, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.backup:
        backed_up(chosen.backup)
        return
    with Servers(workers=chosen.workers) as servers:
        import django

        django.setup()
        owner_id, portfolio_id, key = prepared(chosen.size)
        servers.serve()
        client = Client(servers.http_port, key)
        books = f"/api/v1/portfolios/{portfolio_id}"
        paths = {
            "floor: a DRF view that knows who asks": "/api/v1/benchmark/floor/",
            "`GET /api/portfolio/summary`": "/api/portfolio/summary",
            f"{PAGE} entries, first page": f"{books}/transactions/?page_size={PAGE}",
            f"{PAGE} entries, near the end": far_page(client, portfolio_id),
        }
        times = measured(client, paths, chosen.rounds, owner_id)
        floor = statistics.median(next(iter(times.values())))
        print(
            f"Python {platform.python_version()}, {os.cpu_count()} cores, {chosen.size}, {chosen.rounds} rounds"
        )
        print("| | p50 ms | p95 ms | of the floor |")
        print("|---|---|---|---|")
        for name, found in times.items():
            middle = statistics.median(found)
            late = statistics.quantiles(found, n=20)[-1]
            print(f"| {name} | {middle:.1f} | {late:.1f} | {middle / floor:.2f} |")
        done = subprocess.run(
            [sys.executable, __file__, "--backup", str(owner_id)], check=True, capture_output=True, text=True
        )
        told = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"\nbackup of {chosen.size}: {told['seconds']:.1f} s (CPU of the process {told['cpu']:.1f} s), "
            f"peak {told['megabytes']:.0f} MB ({told['before']:.0f} MB before it), "
            f"{told['bytes'] / 1e6:.1f} MB stored"
        )


if __name__ == "__main__":
    main()
