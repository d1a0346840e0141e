"""`manage.py analyse`: every figure of a portfolio file, without database, Redis or network."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandParser

if TYPE_CHECKING:
    from holdings.domain.types import PortfolioError

REFUSED = 2
FIRST_YEAR, LAST_YEAR = 1900, 2199
METHODS = ("fifo", "lifo", "hifo", "average", "section104")


def day(text: str) -> date:
    """A date option: a day that a portfolio file could name."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.isoformat() != text or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ArgumentTypeError(f"{text!r} is no date like 2024-01-31 between {FIRST_YEAR} and {LAST_YEAR}")
    return found


class Command(BaseCommand):
    """Print the analysis of one file, or write those of a whole folder beside its files."""

    help = (
        "Analyse a portfolio file (or, with --batch, every *.json of a folder) and print the figures as JSON."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("file", nargs="?", type=Path, help="the portfolio file")
        parser.add_argument(
            "--batch", type=Path, metavar="DIR", help="write NAME.out.json or NAME.err beside each NAME.json"
        )
        parser.add_argument("--from", dest="start", type=day, help="the period starts at the end of this day")
        parser.add_argument(
            "--to", dest="end", type=day, help="the valuation day (default: as_of of the file)"
        )
        parser.add_argument("--method", choices=METHODS, help="cost basis method instead of the file's")
        parser.add_argument(
            "--daily", action="store_true", help="also print value, flow and index of each day"
        )
        parser.add_argument("--benchmark", metavar="ID", help="compare with this benchmark of the file")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run; ends with status 2 when the file is refused."""
        path, folder = options["file"], options["batch"]
        if (path is None) == (folder is None):
            self._refuse(["analyse: give either a file or --batch DIR"])
        elif folder is not None:
            self._batch(folder, options)
        else:
            text, problems = run(path, options)
            if problems:
                self._refuse(problems)
            self.stdout.write(text)

    def _refuse(self, lines: list[str]) -> None:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.exit(REFUSED)

    def _batch(self, folder: Path, options: dict[str, Any]) -> None:
        if not folder.is_dir():
            self._refuse([f"{folder}: is no folder"])
        for path in sorted(folder.glob("*.json")):
            if path.name.endswith(".out.json"):
                continue
            text, problems = run(path, options)
            good, bad = path.with_name(f"{path.stem}.out.json"), path.with_name(f"{path.stem}.err")
            wrong, right = (good, bad) if problems else (bad, good)
            wrong.unlink(missing_ok=True)
            content = "".join(f"{line}\n" for line in problems) or f"{text}\n"
            right.write_text(content, encoding="utf-8", errors="backslashreplace")


def run(path: Path, options: dict[str, Any]) -> tuple[str, list[str]]:
    """(the JSON text, no problems), or (nothing, the problems as lines)."""
    # Imported here so that `manage.py help` and a refusal of the options need no numpy.
    from holdings.domain import analysis, output, parsing, types

    try:
        content = path.read_bytes()
    except OSError as error:
        return "", [f"{path}: {error.strerror or error}"]
    try:
        result = analysis.analyse(
            parsing.parse(content),
            start=options["start"],
            end=options["end"],
            method=types.CostMethod(options["method"]) if options["method"] else None,
            benchmark=options["benchmark"],
        )
        body = output.document(result, daily=options["daily"])
    except types.PortfolioError as error:
        return "", lines_of(error)
    return json.dumps(body, allow_nan=False), []


def lines_of(error: PortfolioError) -> list[str]:
    """One line per problem, each once."""
    return list(dict.fromkeys(" ".join(str(problem).split()) for problem in error.problems))
