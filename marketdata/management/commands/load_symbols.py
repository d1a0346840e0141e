"""Market data: `manage.py load_symbols FILE…` takes lists of symbols as exchanges publish them."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata.importers.symbol_files import SymbolFault
from marketdata.operations.loading.files import FileRefused
from marketdata.operations.loading.listings import ListingOptions, ListingSummary, load_symbols
from marketdata.providers import registry

_SHOWN = 20


class Command(BaseCommand):
    """Exit status: 0 all rows taken, 1 some rows faulty, 2 a file was refused as a whole."""

    help = (
        "Load lists of symbols (.gz too): NASDAQ's and other exchanges' listings, constituents with sectors, ISINs; "
        "docs/marketdata.md has the forms. Safe to repeat. Faulty rows are named by line and left out. "
        "Exit status 1 when there were any, 2 when a file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said on the command line."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--complete",
            action="store_true",
            help="listings name everything their exchanges list: what they lack is delisted, what is there again is "
            "listed again",
        )
        parser.add_argument(
            "--update-names", action="store_true", help="names in the list replace those on record"
        )
        parser.add_argument(
            "--exchange", default="XLON", help="MIC where the symbols of a list of ISINs are traded"
        )
        parser.add_argument(
            "--provider",
            choices=registry.names(),
            default="",
            help="who gives the prices of new instruments (simulated: made-up ones); default Yahoo",
        )
        parser.add_argument(
            "--all-faults",
            action="store_true",
            help=f"name every faulty row, not the first {_SHOWN} of a file",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load file after file, listings first: the others say more about what is listed."""
        chosen = ListingOptions(
            complete=options["complete"],
            update_names=options["update_names"],
            exchange=options["exchange"].upper(),
            provider=options["provider"],
        )
        refused = incomplete = 0
        for path in sorted(options["files"], key=lambda file: "listed" not in file.name.lower()):
            shown = 0
            limit = None if options["all_faults"] else _SHOWN

            def report(fault: SymbolFault, name: str = path.name, limit: int | None = limit) -> None:
                nonlocal shown
                shown += 1
                if limit is None or shown <= limit:
                    self.stderr.write(f"{name}:{fault.line}: {fault.reason}")

            began = time.monotonic()
            try:
                summary = load_symbols(path=path, options=chosen, on_fault=report)
            except FileRefused as error:
                self.stderr.write(self.style.ERROR(error.message))
                refused += 1
                continue
            if limit is not None and shown > limit:
                self.stderr.write(
                    f"{path.name}: and {shown - limit:,} more faulty rows (--all-faults names them)"
                )
            self._say(summary, time.monotonic() - began)
            incomplete += bool(summary.faults)
        if refused:
            raise CommandError(f"{refused} of {len(options['files'])} files refused.", returncode=2)
        if incomplete:
            raise CommandError(
                f"{incomplete} of {len(options['files'])} files had rows that were left out.", returncode=1
            )

    def _say(self, summary: ListingSummary, seconds: float) -> None:
        made_at = f" of {summary.made_at}" if summary.made_at else ""
        skipped = "".join(f", {count:,} {what} left out" for what, count in summary.skipped.items())
        self.stdout.write(
            f"{summary.name}: {summary.form}{made_at}; {summary.rows:,} rows: {summary.added:,} instruments added, "
            f"{summary.updated:,} updated, {summary.unchanged:,} as they were{skipped}, {summary.faults:,} faulty; "
            f"{seconds:.1f} s"
        )
        for what, symbols in (
            ("moved to another exchange", summary.moved),
            ("listed again", summary.relisted),
            ("delisted", summary.delisted),
        ):
            if symbols:
                self.stdout.write(f"  {len(symbols):,} {what}: {_some(symbols)}")
        if summary.unknown:
            self.stderr.write(f"  {summary.unknown:,} symbols are unknown here and were left out")
        for conflict in summary.conflicts[:_SHOWN]:
            self.stderr.write(f"  note: {conflict}; left as it is")


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:12])} and {len(names) - 12:,} more" if len(names) > 12 else ", ".join(names)
