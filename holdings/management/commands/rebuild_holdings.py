"""`manage.py rebuild_holdings [--portfolio N]`: bring what is derived to what the journals say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from holdings.domain.types import PortfolioError
from holdings.management.commands.verify_books import chosen_portfolios
from holdings.operations import rebuild_holdings


class Command(BaseCommand):
    """Exit status 1 when a journal cannot be replayed; the other portfolios are rebuilt all the same."""

    help = "Recompute lots, positions, cash and realised trades from the journals."

    def add_arguments(self, parser: CommandParser) -> None:
        """One portfolio, or all."""
        parser.add_argument("--portfolio", type=int, help="The number of one portfolio; all when left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, and print a line for each portfolio."""
        failed = 0
        for portfolio_id in chosen_portfolios(options["portfolio"]):
            try:
                rebuild_holdings(portfolio_id=portfolio_id)
            except PortfolioError as error:
                failed += 1
                self.stdout.write(f"portfolio {portfolio_id}: the journal does not hold together")
                for problem in error.problems:
                    self.stdout.write(f"  {problem}")
            else:
                self.stdout.write(f"portfolio {portfolio_id}: rebuilt")
        if failed:
            raise CommandError(f"{failed} journal(s) could not be replayed.", returncode=1)
