"""Market data: `manage.py load_starter_instruments` fills the list that ships with the project and its
simulated history."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from marketdata.operations import backfill_history, load_starter_instruments, refresh_quotes
from portfolio_site.kernel import clock


class Command(BaseCommand):
    """Safe to repeat: what is there stays as it is."""

    help = "Enter the starter list with ten years of simulated history, exchange rates and first quotes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said on the command line."""
        parser.add_argument("--without-history", action="store_true", help="only the list, no prices")

    def handle(self, *args: Any, **options: Any) -> None:
        """Enter what is missing and say how much that was."""
        now = clock.now()
        self.stdout.write(f"{load_starter_instruments()} instruments entered")
        if options["without_history"]:
            return
        added = backfill_history(now=now)
        self.stdout.write(
            f"{added.bars:,} simulated daily bars, {added.actions:,} dividends, {added.rates:,} exchange rates"
        )
        self.stdout.write(f"{len(refresh_quotes(now=now).stored)} quotes")
