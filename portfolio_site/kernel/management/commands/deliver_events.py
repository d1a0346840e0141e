"""Deliver events as soon as they are committed: a process of its own, beside the worker."""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from portfolio_site.kernel.events.delivering import Deliverer

TOUCH_SECONDS = 5.0


class Command(BaseCommand):
    """See docs/architecture.md, "Delivery"."""

    help = (
        "Deliver events (messages to open pages, follow-up work) as soon as what they tell of is committed, until SIGTERM "
        "or Ctrl-C. Several may run. Without any, a worker delivers them, more slowly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to show that it is alive."""
        parser.add_argument(
            "--heartbeat",
            type=Path,
            help="A file that is touched every few seconds while the outbox can be read, for a health check.",
        )

    def handle(self, *args: Any, heartbeat: Path | None = None, **options: Any) -> None:
        """Deliver until told to stop."""
        touched = float("-inf")

        def touch() -> None:
            nonlocal touched
            if heartbeat is not None and time.monotonic() - touched >= TOUCH_SECONDS:
                heartbeat.touch()
                touched = time.monotonic()

        # A lane that computes lets the other have its turn soon: what is prompt counts in milliseconds.
        sys.setswitchinterval(0.001)
        deliverer = Deliverer(on_look=touch)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: deliverer.stop())
        deliverer.run()
