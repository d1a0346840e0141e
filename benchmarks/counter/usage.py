"""What processes use: CPU seconds, by the programs that they belong to."""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.db import connection

from benchmarks.counter.site import Servers

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and of those of its children that have ended; none where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS


def family(pid: int) -> list[int]:
    """A process and all that it started and that still run."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return [pid, *(each for child in children for each in family(child))]


def used(servers: Servers, **others: int) -> dict[str, float]:
    """CPU seconds so far of each program that serves, of the databases, and of other processes by name. What PostgreSQL
    does for a program is counted beside it, and in its own sum."""
    roots = {name: process.pid for name, process in servers.programs().items()} | others
    spent = {name: sum(map(cpu_of, family(pid))) for name, pid in roots.items()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT application_name, array_agg(pid) FROM pg_stat_activity GROUP BY 1")
        backends = dict(cursor.fetchall())
    return spent | {
        f"postgres for {name}": sum(map(cpu_of, backends[name]))
        for name in servers.programs()
        if name in backends
    }


def settle(servers: Servers) -> None:
    """Wait until the processes have started: they use no more CPU than they do at rest."""
    deadline, quiet = time.monotonic() + 120, 0
    while quiet < 3 and time.monotonic() < deadline:
        before = sum(used(servers).values())
        time.sleep(1)
        quiet = quiet + 1 if sum(used(servers).values()) - before < 0.15 else 0
