"""Time of the history from PostgreSQL, through the functions that the pages call: cold, cached, and while posting.

    script/services run -- python benchmarks/stored.py [--sizes 1000x50 10000x50 100000x200] [--profile NAME]

The journals are those of `history.py`. They are copied into the tables (each with the exchange rate of its day, as posting
records it), and the books rebuilt from them. Seconds are medians of wall time, with the CPU time of this process (the
database's is not in it) beside it.
"""

# ruff: noqa: INP001, T201, E402 - a script that prints, and has to set Django up before it imports models
from __future__ import annotations

import argparse
import cProfile
import os
import platform
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.test")

import django

django.setup()

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import history
from holdings import operations, queries
from holdings.domain import parsing
from holdings.domain.types import Portfolio as PortfolioFile
from holdings.entries import Entry
from holdings.models import Account, Portfolio
from holdings.queries.verification import verify_portfolio
from marketdata.models import FxRate, Instrument, PriceBar
from portfolio_site.celery import app as celery

NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)
COLUMNS = (
    "portfolio_id", "sequence", "occurred_at", "occurred_date", "is_date_only", "type", "account_id", "cash_account_id",
    "instrument_id", "quantity", "price", "amount", "fees", "taxes", "currency", "fx_rate", "ratio", "lots", "note", "tags",
    "source", "external_id", "posted_at",
)  # fmt: skip


def copied(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows into a table."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def market(file: PortfolioFile) -> dict[str, Instrument]:
    """The file's instruments with their closes, and its rates."""
    things = Instrument.objects.bulk_create(
        Instrument(
            symbol=f"{name}-{len(file.transactions)}", name=name, currency=i.currency, asset_class="equity"
        )
        for name, i in file.instruments.items()
    )
    found = dict(zip(file.instruments, things, strict=True))
    copied(
        PriceBar._meta.db_table,
        ("instrument_id", "date", "close", "source"),
        (
            (found[name].pk, day, close, "benchmark")
            for name, series in file.prices.items()
            for day, close in series.items()
        ),
    )
    FxRate.objects.bulk_create(
        (
            FxRate(base=base, quote=quote, date=day, rate=rate, source="benchmark")
            for (base, quote), series in file.fx.items()
            for day, rate in series.items()
        ),
        batch_size=5000,
        ignore_conflicts=True,
    )
    return found


def portfolio_of(owner: Any, name: str) -> Portfolio:
    """An empty portfolio in dollars."""
    return operations.create_portfolio(owner=owner, name=name, base_currency="USD", now=NOW)


def seed(portfolio: Portfolio, file: PortfolioFile, things: dict[str, Instrument]) -> None:
    """Copy a journal into the tables."""
    securities = Account.objects.get(portfolio=portfolio, kind="securities")
    cash = securities.cash_account_id or securities.pk

    def rows() -> Iterable[Sequence[Any]]:
        for number, tx in enumerate(sorted(file.transactions, key=lambda tx: tx.day), 1):
            at = datetime(tx.day.year, tx.day.month, tx.day.day, tzinfo=UTC)
            rate = None if tx.currency == "USD" else file.fx[tx.currency, "USD"].at(tx.day.toordinal())
            thing = things[tx.instrument].pk if tx.instrument else None
            account = securities.pk if tx.account else None
            yield (
                portfolio.pk, number, at, tx.day, True, str(tx.type), account if thing else cash, None if thing else cash,
                thing, tx.quantity, tx.price, tx.amount, tx.fees, tx.taxes, tx.currency, rate,
                "" if tx.ratio is None else str(tx.ratio.numerator), [], "", [], "benchmark", "", NOW,
            )  # fmt: skip

    copied("holdings_transaction", COLUMNS, rows())
    Portfolio.objects.filter(pk=portfolio.pk).update(last_sequence=len(file.transactions))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def timed(call: Callable[[], Any], repeat: int = 1, before: Callable[[], Any] | None = None) -> str:
    """Median wall milliseconds of a call, and its CPU milliseconds in this process."""
    wall, cpu = [], []
    for _ in range(repeat):
        if before is not None:
            before()
        started, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return f"{statistics.median(wall) * 1000:.1f} ms (CPU {statistics.median(cpu) * 1000:.1f})"


class Bench:
    """One portfolio and what is measured on it."""

    def __init__(self, portfolio: Portfolio, things: Sequence[Instrument], owner: Any) -> None:
        self.portfolio, self.things, self.owner = portfolio, things, owner
        self.minute = 0

    def post(self, kind: str, day: datetime | None = None, thing: int = 0) -> None:
        """Post one trade, at the end or on a past day."""
        self.minute += 1
        entry = Entry(
            type=kind,
            occurred=(day or NOW - timedelta(hours=6)) + timedelta(seconds=self.minute),
            instrument_id=self.things[thing].pk,
            quantity=Decimal(2 if kind == "buy" else 1),
            price=Decimal(50),
            fees=Decimal(1),
        )
        operations.post_transaction(portfolio_id=self.portfolio.pk, entry=entry, actor=self.owner, now=NOW)

    def page(self) -> None:
        """What the overview page asks for."""
        portfolio = Portfolio.objects.get(pk=self.portfolio.pk)
        snapshot = queries.snapshot(portfolio, now=NOW)
        queries.value_series(portfolio, snapshot, range_code="1Y", now=NOW)
        queries.drafts_of(portfolio)

    def whole_chart(self) -> None:
        """The chart of all ten years."""
        portfolio = Portfolio.objects.get(pk=self.portfolio.pk)
        queries.value_series(portfolio, queries.snapshot(portfolio, now=NOW), range_code="MAX", now=NOW)

    def statements(self, call: Callable[[], Any]) -> str:
        """How many statements a call makes."""
        with CaptureQueriesContext(connection) as seen:
            call()
        return str(len(seen))


def measures(bench: Bench) -> dict[str, Callable[[], str]]:
    """Name and measurement, in the order they are made."""
    past = datetime(2019, 6, 3, tzinfo=UTC)
    first = datetime(2014, 1, 2, tzinfo=UTC)
    last = NOW - timedelta(days=30)
    return {
        "rebuild_holdings": lambda: timed(
            lambda: operations.rebuild_holdings(portfolio_id=bench.portfolio.pk)
        ),
        "rebuild_holdings, nothing to change": lambda: timed(
            lambda: operations.rebuild_holdings(portfolio_id=bench.portfolio.pk)
        ),
        "verify_books": lambda: timed(lambda: checked(bench.portfolio)),
        "page, cold": lambda: timed(bench.page, 3, cache.clear),
        "page, cached": lambda: timed(bench.page, 15),
        "page, cached: statements": lambda: bench.statements(bench.page),
        "chart of ten years, cached": lambda: timed(bench.whole_chart, 9),
        "journal page": lambda: timed(lambda: queries.transactions_for(bench.portfolio), 9),
        "post a buy at the end": lambda: timed(lambda: bench.post("buy"), 15),
        "post a sale at the end": lambda: timed(lambda: bench.post("sell"), 15),
        "post a buy a month ago": lambda: timed(lambda: bench.post("buy", last, 1), 3),
        "post a sale a month ago": lambda: timed(lambda: bench.post("sell", last, 1), 3),
        "post a buy in the middle": lambda: timed(lambda: bench.post("buy", past, 2)),
        "post a buy on the second day": lambda: timed(lambda: bench.post("buy", first, 3)),
        "books right afterwards": lambda: checked(bench.portfolio),
    }


def checked(portfolio: Portfolio) -> str:
    """Whether the books agree with a replay."""
    problems = verify_portfolio(portfolio.pk).problems
    if problems:
        raise SystemExit(f"the books of {portfolio.name} are wrong: {problems[:3]}")
    return "yes"


def main() -> None:
    """Run every size and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--sizes", nargs="*", default=["1000x50", "10000x50", "100000x200"])
    options.add_argument("--profile", default="", help="the measurement to profile, by a part of its name")
    chosen = options.parse_args()
    celery.conf.task_always_eager = False  # a worker's work is not part of a request
    call_command("migrate", verbosity=0)
    owner = get_user_model().objects.create(email="benchmark@example.com", name="Benchmark")
    benches: list[Bench] = []
    for size in chosen.sizes:
        activities, symbols = map(int, size.split("x"))
        file = parsing.parse(history.make(activities, symbols))
        things = market(file)
        portfolio = portfolio_of(owner, size)
        seed(portfolio, file, things)
        if not benches:
            benches.append(Bench(portfolio_of(owner, "empty"), list(things.values()), owner))
        benches.append(Bench(portfolio, list(things.values()), owner))
    print(f"Python {platform.python_version()}, Django {django.__version__}, {platform.machine()}")
    print("| | " + " | ".join(bench.portfolio.name for bench in benches) + " |")
    print("|---|" + "---|" * len(benches))
    every = [measures(bench) for bench in benches]
    for name in every[0]:
        print(f"| {name} |", end="", flush=True)
        for each in every:
            profile = cProfile.Profile()
            if chosen.profile and chosen.profile in name:
                print(profile.runcall(each[name]))
                pstats.Stats(profile).sort_stats("cumtime").print_stats(45)
            else:
                print(f" {each[name]()} |", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
