"""``manage.py follow_brokers``: send, hear and compare for every account that is connected to a broker."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from portfolio_site.kernel import clock
from trading.operations.brokering.follower import follow_all


class Command(BaseCommand):
    """Runs until it is told to end (SIGTERM, Ctrl-C)."""

    help = "Follow the accounts that are connected to brokers: send their orders, book their fills, compare the books."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A file whose time of change says that the process lives."""
        parser.add_argument("--heartbeat", type=Path, help="touch this file every few seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Follow."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        heartbeat: Path | None = options["heartbeat"]
        follow_all(
            clock=clock.now, stop=stop, beat=heartbeat.touch if heartbeat is not None else lambda: None
        )
