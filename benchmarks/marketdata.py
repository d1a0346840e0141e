"""Time and memory of market data, through the functions, commands and pages that people use.

    script/services run -- python benchmarks/marketdata.py [--only quotes load series search dashboard] [--rows 1000000]

* 10 000 quotes checked, stored, announced and cached;
* a file of a million daily bars by `load_prices`, beside a bare COPY of the same rows into the same table, and the memory
  of the command with a tenth of the rows and with all;
* ten years of one instrument as the chart's JSON and as the API's bars;
* search over 20 000 instruments, by the whole request and by the query alone;
* the dashboard of somebody with 200 instruments, caches warm: statements, and questions to providers.

Everything is made from a fixed seed. Wall time, with the CPU time of this process (the database's is not in it) in brackets;
medians where a thing could be repeated.
"""

# ruff: noqa: INP001, S311, S608, T201, E402 - a script that prints; its random numbers only have to repeat
from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.test")

import django

django.setup()

import structlog
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from holdings import operations as books
from holdings.entries import Entry
from marketdata import operations, queries
from marketdata.models import Instrument, PriceBar
from marketdata.operations.gateway import gate
from marketdata.operations.partitions import prepare_partitions
from marketdata.providers.base import QuoteData
from portfolio_site.celery import app as celery
from portfolio_site.kernel import clock

SEED = 4
QUOTES, SERIES_YEARS, SEARCHED, HELD = 10_000, 10, 20_000, 200
#: Words of names, with how many of a hundred names have them: real lists are as uneven.
COMMON = {
    "Inc": 30,
    "Corp": 14,
    "Holdings": 8,
    "Group": 7,
    "Fund": 12,
    "ETF": 10,
    "Trust": 6,
    "Global": 5,
    "Bank": 3,
}
TEXTS = (
    "a", "s", "t", "i", "c", "in", "gl", "fu", "ap", "inc", "cor", "tru", "ban", "inc.", "corp", "group", "fund", "etf",
    "trust", "global", "bank", "holdings", "ABCD", "AAAB", "US000", "US0000012", "zzzzz", "fund global", "corp gro",
    "velo", "north", "silver mountain", "global bank inc", "h", "tr", "hold", "e", "f",
)  # fmt: skip


def timed(
    call: Callable[[], Any], times: int, before: Callable[[], Any] | None = None
) -> tuple[float, float]:
    """Median wall and CPU seconds of a call."""
    walls, cpus = [], []
    for _ in range(times):
        if before:
            before()
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def row(what: str, figure: str, aim: str) -> None:
    """Print a line of the table."""
    print(f"| {what} | {figure} | {aim} |", flush=True)


def in_ms(found: tuple[float, float]) -> str:
    """Milliseconds: wall (CPU)."""
    return f"{found[0] * 1000:.1f} ms ({found[1] * 1000:.1f})"


def instruments(number: int, prefix: str, **options: Any) -> list[Instrument]:
    """Make shared instruments that nobody quotes."""
    return Instrument.objects.bulk_create(
        (
            Instrument(
                symbol=f"{prefix}{n:05}",
                name=f"{prefix} {n}",
                currency="USD",
                asset_class="equity",
                **options,
            )
            for n in range(number)
        ),
        batch_size=1000,
    )


def quotes() -> None:
    """10 000 quotes, first new ones, then in place of others."""
    things = instruments(QUOTES, "Q", provider="yahoo")
    pick, start = random.Random(SEED), clock.now() - timedelta(hours=1)
    rounds = count()

    def given() -> list[QuoteData]:
        at = start + timedelta(seconds=next(rounds))
        return [
            QuoteData(
                instrument_id=thing.pk, last=Decimal(pick.randint(9_900, 10_100)) / 100, bid=Decimal(98), ask=Decimal(102),
                previous_close=Decimal(100), volume=Decimal(pick.randint(1, 10**7)), quoted_at=at, source="yahoo",
            )
            for thing in things
        ]  # fmt: skip

    def once() -> None:
        stored = operations.apply_quotes(quotes=batch, now=clock.now())
        if len(stored.stored) != QUOTES:
            raise SystemExit("not every quote was stored")

    batch = given()
    row("10 000 quotes, none there before", in_ms(timed(once, 1)), "1 s")
    batch = given()

    def next_batch() -> None:
        nonlocal batch
        batch = given()

    row("10 000 quotes, in place of others", in_ms(timed(once, 7, next_batch)), "1 s")


def write_bars(path: Path, rows: int, prefix: str) -> list[str]:
    """A tidy file of daily bars, 4 000 days a symbol; returns the symbols."""
    pick = random.Random(SEED)
    days = [d for n in range(6_000) if (d := date(2008, 1, 1) + timedelta(days=n)).weekday() < 5][:4_000]
    written, symbols = 0, []
    with path.open("w") as out:
        out.write("symbol,date,open,high,low,close,volume\n")
        for number in count():
            symbols.append(f"{prefix}{number:04}")
            price = pick.uniform(10, 300)
            for day in islice(days, rows - written):
                price = max(1.0, price * (1 + pick.gauss(0.0003, 0.015)))
                low, high = price * 0.99, price * 1.01
                out.write(
                    f"{symbols[-1]},{day},{price:.2f},{high:.2f},{low:.2f},{price:.2f},{pick.randint(1, 10**8)}\n"
                )
                written += 1
            if written == rows:
                return symbols
    raise AssertionError


def load(rows: int) -> None:
    """`load_prices` as a command of its own, and a COPY of what it made."""
    memory, seconds, command = [], 0.0, [""]
    with tempfile.TemporaryDirectory() as folder:
        for prefix, number in (("S", rows // 10), ("L", rows)):
            path = Path(folder) / f"{prefix}.csv"
            write_bars(path, number, prefix)
            command = [sys.executable, str(ROOT / "manage.py"), "load_prices", str(path), "--create"]
            measured = subprocess.run(
                [sys.executable, "-c", _CHILD, *command], check=True, capture_output=True, text=True, cwd=ROOT
            )
            wall, kilobytes = measured.stdout.split()[-2:]
            memory.append(int(kilobytes) // 1024)
            seconds = float(wall)
        again = subprocess.run(
            [sys.executable, "-c", _CHILD, *command], check=True, capture_output=True, text=True, cwd=ROOT
        )
    table = PriceBar._meta.db_table
    columns = "instrument_id, date, open, high, low, close, volume, source"
    with connection.cursor() as cursor, tempfile.TemporaryFile() as copied:
        source = f"SELECT {columns} FROM {table} WHERE source = 'file L' ORDER BY instrument_id, date"
        with cursor.copy(f"COPY ({source}) TO STDOUT") as out:
            for part in out:
                copied.write(part)
        with transaction.atomic():
            cursor.execute(f"DELETE FROM {table} WHERE source = 'file L'")
        cursor.execute(f"VACUUM {table}")
        copied.seek(0)
        began = time.perf_counter()
        with transaction.atomic():
            # As the command does: keys are checked while rows come.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as into:
                while part := copied.read(1 << 20):
                    into.write(part)
        bare = time.perf_counter() - began
    row(f"`load_prices`, {rows:,} bars, the whole command", f"{seconds:.1f} s", "30 s")
    row("a bare `COPY` of the same rows into the same table", f"{bare:.1f} s", "")
    row("ratio", f"{seconds / bare:.2f}", "3")
    row(f"memory with {rows // 10:,} and with {rows:,} bars", f"{memory[0]} and {memory[1]} MB", "flat")
    row("the same file again", f"{float(again.stdout.split()[-2]):.1f} s", "")


_CHILD = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def series(client: Client) -> None:
    """Ten years of days as JSON."""
    (thing,) = instruments(1, "TEN")
    pick, price, today = random.Random(SEED), 100.0, clock.now().date()
    days = [today - timedelta(days=n) for n in range(SERIES_YEARS * 365 + 3, 0, -1)]
    prepare_partitions(now=clock.now())
    bars = []
    for day in days:
        if day.weekday() < 5:
            price *= 1 + pick.gauss(0.0003, 0.012)
            figures = {"open": price, "high": price * 1.01, "low": price * 0.99, "close": price}
            written = {name: Decimal(f"{value:.2f}") for name, value in figures.items()}
            bars.append(PriceBar(instrument=thing, date=day, volume=1000, source="file", **written))
    PriceBar.objects.bulk_create(bars, batch_size=1000)
    last = QuoteData(instrument_id=thing.pk, last=bars[-1].close, quoted_at=clock.now(), source="file")
    operations.apply_quotes(quotes=[last], now=clock.now(), is_trusted=True)
    chart, api = (
        reverse("marketdata:chart", args=[thing.pk]),
        reverse("api:instruments-bars", args=[thing.pk]),
    )
    for what, address in (
        ("line of ten years", f"{chart}?range=10Y"),
        (
            "candles of ten years with Bollinger bands, RSI and MACD",
            f"{chart}?range=10Y&kind=candles&show=bollinger&show=rsi&show=macd",
        ),
        ("bars of ten years from the API, joined to 600", f"{api}?from={days[0]}&points=600"),
    ):
        answer = client.get(address)
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code}")
        body = answer.json()
        points = len(body.get("labels") or body.get("bars") or body["results"])
        row(
            f"{what}: {points} points of {len(bars):,} days",
            in_ms(timed(partial(client.get, address), 31)),
            "15 ms",
        )


def search(client: Client, user: Any) -> None:
    """38 texts, from one letter to names."""
    pick = random.Random(SEED)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    syllables = [
        "al",
        "ver",
        "to",
        "ni",
        "mar",
        "sil",
        "ex",
        "or",
        "cam",
        "dex",
        "velo",
        "north",
        "silver",
        "mountain",
        "ap",
    ]

    def name() -> str:
        words = [
            "".join(pick.choices(syllables, k=pick.randint(1, 3))).title() for _ in range(pick.randint(1, 2))
        ]
        return " ".join(words + [word for word, often in COMMON.items() if pick.random() * 100 < often])

    Instrument.objects.bulk_create(
        (Instrument(
            symbol="".join(letters[(n // 26**place) % 26] for place in range(4)), name=name(), currency="USD",
            asset_class="equity", exchange="XNAS", isin=f"US{n:010}", sector="Technology" if n % 9 == 0 else "",
        )
        for n in range(SEARCHED)),
        batch_size=1000,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE marketdata_instrument")
    address = reverse("marketdata:search")
    asked = [(timed(partial(client.get, address, {"q": text}), 7)[0], text) for text in TEXTS]
    alone = [
        (timed(partial(queries.search_instruments, user=user, text=text, limit=12), 7)[0], text)
        for text in TEXTS
    ]
    total = Instrument.objects.count()
    for what, found in (("the whole request", asked), ("the query alone", alone)):
        slowest, text = max(found)
        median = statistics.median(seconds for seconds, _ in found)
        row(
            f"search over {total:,} instruments, {len(TEXTS)} texts, {what}",
            f"median {median * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms (“{text}”)",
            "30 ms",
        )


def dashboard(client: Client, owner: Any) -> None:
    """The front page of somebody with 200 things."""
    things = instruments(HELD, "H", provider="yahoo")
    now = clock.now()
    portfolio = books.create_portfolio(owner=owner, name="Wide", base_currency="USD", now=now)
    entries = [
        Entry(type="deposit", occurred=now - timedelta(days=30), amount=Decimal(10**6), currency="USD")
    ]
    account = portfolio.accounts.filter(kind="securities").first()
    entries += [
        Entry(
            type="buy", occurred=now - timedelta(days=29), instrument_id=thing.pk, quantity=Decimal(1), price=Decimal(100),
            account_id=account.pk if account else None,
        )
        for thing in things
    ]  # fmt: skip
    books.post_transactions(portfolio_id=portfolio.pk, entries=entries, actor=owner, now=now)
    fresh = [
        QuoteData(
            instrument_id=t.pk, last=Decimal(101), previous_close=Decimal(100), quoted_at=now, source="yahoo"
        )
        for t in things
    ]
    operations.apply_quotes(quotes=fresh, now=now, is_trusted=True)
    home = reverse("web:home")
    client.get(home)
    with (
        mock.patch.object(gate, "admit", wraps=gate.admit) as asked,
        CaptureQueriesContext(connection) as statements,
    ):
        client.get(home)
    row(f"dashboard of {HELD} instruments, warm: statements", str(len(statements)), "5")
    row("the same: questions to providers", str(asked.call_count), "0")
    row("the same: the whole request", in_ms(timed(lambda: client.get(home), 21)), "")


def main() -> None:
    """Measure what was chosen and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parts = ["quotes", "load", "series", "search", "dashboard"]
    options.add_argument("--only", nargs="*", choices=parts, default=parts)
    options.add_argument("--rows", type=int, default=1_000_000)
    chosen = options.parse_args()
    celery.conf.task_always_eager = False  # a worker's work is not part of it
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    call_command("migrate", verbosity=0)
    cache.clear()
    owner = get_user_model().objects.create(email="benchmark@example.com", name="Benchmark")
    client = Client()
    client.force_login(owner)
    print(
        f"Python {platform.python_version()}, Django {django.__version__}, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )
    print("| what | measured | aim |\n|---|---|---|")
    measures: dict[str, Callable[[], None]] = {
        "quotes": quotes,
        "load": lambda: load(chosen.rows),
        "series": lambda: series(client),
        "search": lambda: search(client, owner),
        "dashboard": lambda: dashboard(client, owner),
    }
    for name in parts:
        if name in chosen.only:
            measures[name]()
    print(f"load afterwards {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
