"""`manage.py verify_books [--portfolio N]`: prove that what is stored follows from the journals."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from holdings.models import Portfolio
from holdings.queries.verification import verify_portfolio


class Command(BaseCommand):
    """Exit status 0 when every book is right, 1 with the exact differences otherwise."""

    help = "Replay every journal and compare lots, positions, cash and realised trades with what is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """One portfolio, or all."""
        parser.add_argument("--portfolio", type=int, help="The number of one portfolio; all when left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and print a line for each portfolio."""
        wrong = 0
        for portfolio_id in chosen_portfolios(options["portfolio"]):
            report = verify_portfolio(portfolio_id)
            if not report.problems:
                self.stdout.write(f"portfolio {portfolio_id}: {report.entries} entries, books are right")
                continue
            wrong += 1
            self.stdout.write(f"portfolio {portfolio_id}: {len(report.problems)} differences")
            for problem in report.problems:
                self.stdout.write(f"  {problem}")
        if wrong:
            raise CommandError(f"{wrong} portfolio(s) do not follow from their journal.", returncode=1)


def chosen_portfolios(wanted: int | None) -> list[int]:
    """The ids to work on. Raises `CommandError` for a portfolio that does not exist."""
    ids = list(Portfolio.objects.order_by("pk").values_list("pk", flat=True))
    if wanted is None:
        return ids
    if wanted not in ids:
        raise CommandError(f"There is no portfolio {wanted}.", returncode=2)
    return [wanted]
