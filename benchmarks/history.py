"""Time and memory of the history: (a) the pure computation of everything `analyse` prints with --daily.

    python benchmarks/history.py [--sizes 1000x50 10000x50 100000x200] [--repeat 3] [--profile]

Makes journals over ten years in four currencies with daily prices from a fixed seed, and prints, for each size, the seconds of
reading, computing and printing, the peak memory the computation adds, and the ratio of the computation to a floor measured in
the same run: one vectorised pass over a days × symbols matrix in numpy (quantity × price × rate, summed per day).
"""

# ruff: noqa: INP001, S311, T201 - a script that prints; its random numbers only have to repeat
from __future__ import annotations

import argparse
import cProfile
import gc
import json
import platform
import pstats
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from holdings.domain import analysis, output, parsing

FIRST, DAYS = date(2014, 1, 1), 3652
CURRENCIES = ("USD", "EUR", "CHF", "GBP")
SEED = 20141


def make(activities: int, symbols: int) -> str:
    """A portfolio file as text: buys, sells, dividends, deposits, fees and splits over ten years."""
    pick = random.Random(SEED)
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    names = [f"S{n:03}" for n in range(symbols)]
    instruments = [
        {"id": name, "currency": CURRENCIES[n % 4], "asset_class": "equity"} for n, name in enumerate(names)
    ]
    closes: dict[str, dict[str, str]] = {}
    for name in names:
        price, series = pick.uniform(10, 300), {}
        for day in days:
            price *= 1 + pick.gauss(0.0003, 0.012)
            if day.weekday() < 5:
                series[day.isoformat()] = f"{max(price, 0.5):.2f}"
        closes[name] = series
    fx = {}
    for pair, rate in (("EUR/USD", 1.2), ("CHF/USD", 1.05), ("GBP/USD", 1.4)):
        level, rates = rate, {}
        for day in [FIRST - timedelta(days=1), *days]:
            level *= 1 + pick.gauss(0, 0.004)
            rates[day.isoformat()] = f"{level:.4f}"
        fx[pair] = rates
    return json.dumps(
        {
            "format": "portfolio/1",
            "name": "Benchmark",
            "base_currency": "USD",
            "as_of": days[-1].isoformat(),
            "accounts": [
                {"id": "cash", "kind": "cash", "currency": "USD"},
                {"id": "broker", "kind": "securities", "currency": "USD", "cash_account": "cash"},
            ],
            "instruments": instruments,
            "transactions": list(_rows(activities, names, days, closes, pick)),
            "prices": closes,
            "fx": fx,
        }
    )


def _rows(activities: int, names: list[str], days: list[date], closes: Any, pick: random.Random) -> Any:
    held = dict.fromkeys(names, 0)
    dates = sorted(pick.choice(days) for _ in range(activities))
    for number, day in enumerate(dates):
        name = pick.choice(names)
        price = closes[name].get(day.isoformat()) or next(iter(closes[name].values()))
        row: dict[str, Any] = {
            "id": str(number),
            "date": day.isoformat(),
            "account": "broker",
            "instrument": name,
        }
        draw = pick.random()
        if draw < 0.55 or not held[name]:
            size = pick.randint(1, 40)
            held[name] += size
            row |= {"type": "buy", "quantity": str(size), "price": price, "fees": "1.50"}
        elif draw < 0.85:
            size = pick.randint(1, min(held[name], 60))
            held[name] -= size
            row |= {"type": "sell", "quantity": str(size), "price": price, "fees": "1.50", "taxes": "0.40"}
        elif draw < 0.95:
            row |= {"type": "dividend", "amount": f"{held[name] * 0.31:.2f}", "taxes": "0.90"}
        elif draw < 0.9995:
            row = {
                "id": str(number),
                "date": day.isoformat(),
                "type": "deposit",
                "amount": "500.00",
                "currency": "USD",
            }
        else:
            held[name] *= 2
            row = {
                "id": str(number),
                "date": day.isoformat(),
                "type": "split",
                "instrument": name,
                "ratio": "2",
            }
        yield row


def floor(symbols: int) -> float:
    """Seconds of one vectorised pass over a days × symbols matrix."""
    random_numbers = np.random.default_rng(SEED)
    quantity = random_numbers.integers(0, 1000, (DAYS, symbols)).astype(np.float64)
    price = random_numbers.uniform(10, 300, (DAYS, symbols))
    rate = random_numbers.uniform(0.8, 1.4, (DAYS, symbols))
    return _median(lambda: (quantity * price * rate).sum(axis=1), 15)


def _median(call: Callable[[], Any], repeat: int) -> float:
    taken = []
    for _ in range(repeat):
        gc.collect()
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _timed(call: Callable[[], Any], repeat: int) -> tuple[float, float, float]:
    """(median wall seconds, median and least CPU seconds): on a shared machine the CPU's say more than the clock's."""
    wall, used = [], []
    for _ in range(repeat):
        gc.collect()
        started, before = time.perf_counter(), time.process_time()
        result = call()
        wall.append(time.perf_counter() - started)
        used.append(time.process_time() - before)
        del result  # freeing the rows is not part of computing them
    return statistics.median(wall), statistics.median(used), min(used)


def peak_of(text: str) -> tuple[float, float]:
    """(MB the process held before computing, MB at its peak), in a process of its own."""
    code = (
        "import resource, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).resolve().parent.parent)!r})\n"
        "from holdings.domain import analysis, output, parsing\n"
        "portfolio = parsing.parse(sys.stdin.read())\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "output.document(analysis.analyse(portfolio), daily=True)\n"
        "print(before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True
    )
    before, after = map(float, done.stdout.split())
    return before, after


def main() -> None:
    """Run every size and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--sizes", nargs="*", default=["1000x50", "10000x50", "10000x200", "100000x200"])
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--profile", action="store_true", help="print where the computation spends its time")
    chosen = options.parse_args()
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}; medians of {chosen.repeat}"
    )
    print(
        "| activities × symbols | read | compute: wall | CPU | least CPU | to JSON values, CPU | compute / numpy floor | "
        "memory: read, peak |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for size in chosen.sizes:
        activities, symbols = map(int, size.split("x"))
        text = make(activities, symbols)
        portfolio = parsing.parse(text)
        read = _median(partial(parsing.parse, text), 1)
        wall, used, least = _timed(partial(analysis.analyse, portfolio), chosen.repeat)
        result = analysis.analyse(portfolio)
        _, printed, _ = _timed(partial(output.document, result, daily=True), chosen.repeat)
        base = floor(symbols)
        before, peak = peak_of(text)
        print(
            f"| {activities} × {symbols} | {read:.2f} s | {wall:.3f} s | {used:.3f} s | {least:.3f} s | {printed:.3f} s | "
            f"{used * 1000:.0f} / {base * 1000:.2f} ms = {used / base:.0f} | {before:.0f}, {peak:.0f} MB |",
            flush=True,
        )
        if chosen.profile:
            profile = cProfile.Profile()
            profile.runcall(analysis.analyse, portfolio)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
