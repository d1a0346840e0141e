"""Market data: `manage.py load_prices FILE…` brings daily prices, rates and corporate actions in from CSV
files."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata.importers.price_files import Fault
from marketdata.models import AssetClass
from marketdata.operations.loading import LoadOptions, LoadSummary, load_prices
from marketdata.operations.loading.files import ADJUSTED_NAME, ADJUSTMENTS, FileRefused
from marketdata.providers import registry
from portfolio_site.kernel import clock


class Command(BaseCommand):
    """Exit status: 0 all rows taken, 1 some rows faulty or of unknown symbols, 2 a file was refused as a
    whole."""

    help = (
        "Load tidy daily CSV files (.gz too): prices, exchange rates, corporate actions; docs/marketdata.md has the forms. "
        "Faulty rows are named by line and left out. Exit status 1 when there were any, 2 when a file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said on the command line."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--adjusted", choices=ADJUSTMENTS, default="auto", help="what was done to the prices in the file"
        )
        parser.add_argument("--create", action="store_true", help="make instruments of unknown symbols")
        parser.add_argument(
            "--currency", default="USD", help="of instruments made (GBp for pence); default USD"
        )
        parser.add_argument(
            "--asset-class", choices=AssetClass.values, default="equity", help="of instruments made"
        )
        parser.add_argument("--exchange", default="", help="MIC of the instruments meant or made")
        parser.add_argument(
            "--provider",
            choices=registry.names(),
            default="manual",
            help="who gives later prices of instruments made",
        )
        parser.add_argument("--symbol", default="", help="for a file without a symbol column")
        parser.add_argument(
            "--all-faults", action="store_true", help="name every faulty row, not the first 20 of a file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load file after file. Corporate actions come first: prices adjusted for splits are undone with them. Closes
        adjusted for dividends come last: they are taken only where nothing else is known."""
        load = LoadOptions(
            adjusted=options["adjusted"],
            create=options["create"],
            currency=options["currency"],
            asset_class=options["asset_class"],
            exchange=options["exchange"],
            provider=options["provider"],
            symbol=options["symbol"],
        )
        refused = incomplete = 0
        for path in sorted(options["files"], key=_turn):
            reporter = _Reporter(self, path.name, limit=None if options["all_faults"] else 20)
            began = time.monotonic()
            try:
                summary = load_prices(path=path, options=load, now=clock.now(), on_fault=reporter)
            except FileRefused as error:
                self.stderr.write(self.style.ERROR(error.message))
                refused += 1
                continue
            reporter.finish()
            self._report(summary, time.monotonic() - began)
            incomplete += bool(summary.faults or summary.unknown)
        if refused:
            raise CommandError(f"{refused} of {len(options['files'])} files refused.", returncode=2)
        if incomplete:
            raise CommandError(
                f"{incomplete} of {len(options['files'])} files had rows that were left out.", returncode=1
            )

    def _report(self, summary: LoadSummary, seconds: float) -> None:
        adjusted = f", adjusted: {summary.adjusted}" if summary.adjusted else ""
        rate = f"{summary.rows / seconds:,.0f} rows/s" if seconds > 0 else ""
        self.stdout.write(
            f"{summary.name}: {summary.form}{adjusted}; {summary.rows:,} rows of {summary.symbols:,} symbols: "
            f"{summary.added:,} added, {summary.changed:,} changed, {summary.unchanged:,} as they were, "
            f"{summary.faults:,} faulty; {seconds:.1f} s, {rate}"
        )
        if summary.created:
            self.stdout.write(f"  instruments made: {_some(summary.created)}")
        if summary.unknown:
            names = [f"{name} ({count:,} rows)" for name, count in summary.unknown.items()]
            self.stderr.write(
                f"  {sum(summary.unknown.values()):,} rows left out, unknown symbols (--create): {_some(names)}"
            )
        for note in summary.notes:
            self.stderr.write(f"  note: {note}")


class _Reporter:
    """Names faulty rows as they are met."""

    def __init__(self, command: BaseCommand, name: str, *, limit: int | None) -> None:
        self._command, self._name, self._limit = command, name, limit
        self._count = 0

    def __call__(self, fault: Fault) -> None:
        self._count += 1
        if self._limit is None or self._count <= self._limit:
            self._command.stderr.write(f"{self._name}:{fault.line}: {fault.reason}")

    def finish(self) -> None:
        """Say how many were not named."""
        if self._limit is not None and self._count > self._limit:
            rest = self._count - self._limit
            self._command.stderr.write(
                f"{self._name}: and {rest:,} more faulty rows (--all-faults names them)"
            )


def _turn(path: Path) -> int:
    """When a file's turn is, as its name tells."""
    if "action" in path.name.lower():
        return 0
    return 2 if ADJUSTED_NAME.search(path.name) else 1


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
