"""A backup brought back: time, CPU and memory of making it, looking at it, restoring it, and restoring it again.

    script/services run -- python benchmarks/restoring.py [--sizes 20000x200 100000x200] [--profile STEP]

Each step runs in a process of its own, so that its peak of memory is its own: a backup of one person's books, its preview
and its restore by another person who has nothing yet, and the same restore once more, which must change nothing. The books
that were restored are proved, and their figures compared with those they came from. Beside the time and the CPU of the
process stands the CPU of the database's server process for this connection.
"""

# ruff: noqa: INP001, T201 - a script that prints
from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.test")

import django

STEPS = ("backup", "preview", "restore", "restore again", "changes nothing", "backup of the restored")
_TICK = os.sysconf("SC_CLK_TCK")


def prepared(size: str) -> tuple[int, int]:
    """One person with a long journal, and another with nothing; their ids."""
    from django.contrib.auth import get_user_model

    from benchmarks import history, stored
    from holdings.domain import parsing
    from holdings.operations import rebuild_holdings

    people = get_user_model().objects
    owner = people.create(email=f"from-{size}@example.com", name="Benchmark")
    other = people.create(email=f"to-{size}@example.com", name="Benchmark")
    activities, symbols = map(int, size.split("x"))
    file = parsing.parse(history.make(activities, symbols))
    things = stored.market(file)
    portfolio = stored.portfolio_of(owner, "Long")
    stored.seed(portfolio, file, things)
    rebuild_holdings(portfolio_id=portfolio.pk)
    stored.checked(portfolio)
    return owner.pk, other.pk


def peak_of_this() -> float:
    """Megabytes that this process has used at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def cpu_of_the_database() -> float:
    """CPU seconds that the server process of this connection has used so far."""
    from django.db import connection

    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def step(name: str, file: Path, owner_id: int, other_id: int, *, profile: bool) -> dict[str, Any]:
    """Carry one step out in this process."""
    from django.contrib.auth import get_user_model

    from documents.operations import open_document
    from holdings import operations
    from holdings.models import Portfolio
    from portfolio_site.kernel import clock

    owner = get_user_model().objects.get(pk=owner_id)
    other = get_user_model().objects.get(pk=other_id)
    now = clock.now()
    made = Portfolio.objects.filter(owner=other).order_by("pk").values_list("pk", flat=True).first()

    def backup() -> Any:
        return operations.make_backup(owner=owner if name == "backup" else other, now=now)

    def restore() -> Any:
        with file.open("rb") as content:
            return operations.restore_backup(
                owner=other, content=content, file="portfolio-001.json", now=now,
                portfolio_id=made if name in ("restore again", "changes nothing") else None,
                is_exact=name == "changes nothing", is_preview=name in ("preview", "changes nothing"),
            )  # fmt: skip

    call: Callable[[], Any] = backup if name.startswith("backup") else restore
    before, served = peak_of_this(), cpu_of_the_database()
    began, used = time.perf_counter(), time.process_time()
    if profile:
        running = cProfile.Profile()
        done = running.runcall(call)
        pstats.Stats(running, stream=sys.stderr).sort_stats("cumtime").print_stats(70)
        pstats.Stats(running, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    else:
        done = call()
    told: dict[str, Any] = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "database": cpu_of_the_database() - served,
        "megabytes": peak_of_this(),
        "before": before,
    }
    if name == "backup":
        _, content = open_document(document_id=done.id, actor=owner, now=now)
        with content:
            file.write_bytes(content.read())
        told["bytes"] = done.size
    elif not name.startswith("backup"):
        told |= {"added": done.added, "unchanged": done.unchanged, "removed": done.removed}
    return told


def proved(owner_id: int, other_id: int) -> None:
    """The restored books are right, and say what the first ones say."""
    from django.contrib.auth import get_user_model

    from benchmarks.stored import checked
    from holdings.models import Portfolio
    from holdings.queries import snapshot
    from portfolio_site.kernel import clock

    now, seen = clock.now(), []
    for pk in (owner_id, other_id):
        portfolio = Portfolio.objects.select_related("owner").get(owner=get_user_model().objects.get(pk=pk))
        checked(portfolio)
        found = snapshot(portfolio, now=now)
        rows = [(row.symbol, row.quantity, row.cost_basis, row.realised_gain) for row in found.holdings]
        seen.append((found.net_worth, found.cost_basis, found.realised_gain, found.net_contributions, rows))
    if seen[0] != seen[1]:
        raise SystemExit("the restored portfolio has other figures")


def main() -> None:
    """Measure every size and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--sizes", nargs="*", default=["20000x200", "100000x200"])
    options.add_argument("--profile", default="", help="the step to profile")
    options.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    django.setup()
    if chosen.step:
        name, path, owner_id, other_id = chosen.step
        profile = chosen.profile == name
        print(json.dumps(step(name, Path(path), int(owner_id), int(other_id), profile=profile)))
        return
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| size | | seconds | CPU, Python | CPU, PostgreSQL | peak MB (before) | |")
    print("|---|---|---|---|---|---|---|")
    for size in chosen.sizes:
        owner_id, other_id = prepared(size)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["MEDIA_ROOT"] = folder
            for name in STEPS:
                command = [sys.executable, __file__, "--profile", chosen.profile, "--step"]
                command += [name, f"{folder}/backup.zip", str(owner_id), str(other_id)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                told = json.loads(done.stdout.strip().splitlines()[-1])
                more = ", ".join(
                    f"{key} {told[key]}" for key in told if key in ("bytes", "added", "unchanged")
                )
                print(
                    f"| {size} | {name} | {told['seconds']:.1f} | {told['cpu']:.1f} | {told['database']:.1f} "
                    f"| {told['megabytes']:.0f} ({told['before']:.0f}) | {more} |",
                    flush=True,
                )
        proved(owner_id, other_id)


if __name__ == "__main__":
    main()
