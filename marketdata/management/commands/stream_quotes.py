"""Keep a provider's live stream open and store what it brings: a process of its own, beside the worker."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from pathlib import Path
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from marketdata.operations.streaming import Streamer, streaming_providers


class Command(BaseCommand):
    """See docs/marketdata.md, "Live streams"."""

    help = (
        "Stream live quotes for what is held, watched, ordered or looked at, until SIGTERM or Ctrl-C. "
        "Providers whose stream is open are polled only for what it does not bring."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which providers."""
        parser.add_argument(
            "--provider",
            action="append",
            dest="providers",
            help="Stream from this one (may be repeated). Without it: from every provider that has a stream.",
        )
        parser.add_argument(
            "--heartbeat",
            type=Path,
            help="A file that is touched every few seconds while all streams go on, for a health check.",
        )

    def handle(
        self, *args: Any, providers: list[str] | None = None, heartbeat: Path | None = None, **options: Any
    ) -> None:
        """Run a streamer for each provider until told to stop."""
        offered = streaming_providers()
        for name in providers or ():
            if name not in offered:
                raise CommandError(
                    f"“{name}” has no live stream. These have: {', '.join(offered) or 'none'}."
                )
        chosen = list(dict.fromkeys(providers or offered))
        if not chosen:
            raise CommandError("There is no provider with a live stream.")
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        streamers = [Streamer(name, stop) for name in chosen]
        threads = [Thread(target=_run, args=(streamer,), name=streamer.provider) for streamer in streamers]
        for thread in threads:
            thread.start()
        self.stdout.write(f"Streaming from {', '.join(chosen)}.")
        # In slices, so that signals are seen.
        while any(thread.is_alive() for thread in threads):
            if heartbeat is not None and all(streamer.is_turning for streamer in streamers):
                heartbeat.touch()
            stop.wait(timeout=5.0)
            for thread in threads:
                thread.join(timeout=0.5)
        self.stdout.write("Stopped.")


def _run(streamer: Streamer) -> None:
    try:
        streamer.run()
    finally:
        connection.close()
