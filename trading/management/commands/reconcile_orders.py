"""The counter: `manage.py reconcile_orders` finishes what was left half-done, and says what it found."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from portfolio_site.kernel import clock
from trading.operations import reconcile_orders


class Command(BaseCommand):
    """The pass that workers make by themselves, for a person to read. Ends with status 1 when a fault is left."""

    help = "Finish orders that were left half-done, match and expire what is due, and report what cannot be mended."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run a thorough pass and print it."""
        found = reconcile_orders(now=clock.now(), thorough=True)
        for sentence in found.repairs:
            self.stdout.write(f"mended: {sentence}")
        for sentence in found.faults:
            self.stderr.write(f"fault: {sentence}")
        self.stdout.write(
            f"{found.executions} executions, {found.expired} expired, {len(found.repairs)} mended, "
            f"{len(found.faults)} faults"
        )
        if found.faults:
            raise SystemExit(1)
