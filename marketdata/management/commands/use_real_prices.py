"""`manage.py use_real_prices [SYMBOL…]`: let simulated instruments go over to real prices now, and say which did."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata import operations
from marketdata.models import Instrument
from portfolio_site.kernel import clock


class Command(BaseCommand):
    """The site does this by itself with `MARKET_DATA=auto`; here it is done at once, or against its judgement."""

    help = "Let simulated instruments go over to real prices where providers have them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Symbols, and whether what was traded at simulated prices goes over as well."""
        parser.add_argument("symbols", nargs="*", help="Which ones; without any, all.")
        parser.add_argument(
            "--even-if-used",
            action="store_true",
            help="Also what was traded in at simulated prices: gains and values of those accounts will make no sense.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, change, report."""
        ids = self._ids(options["symbols"])
        if ids is None and settings.MARKET_DATA == "simulated":
            raise CommandError(
                "This site is meant to be simulated (MARKET_DATA). Name symbols to change those."
            )
        result = operations.adopt_real_prices(
            now=clock.now(), instrument_ids=ids, even_if_used=options["even_if_used"]
        )
        by_provider: dict[str, list[str]] = defaultdict(list)
        for symbol, name in result.adopted.items():
            by_provider[name].append(symbol)
        for name, symbols in sorted(by_provider.items()):
            self.stdout.write(f"real now, from {name}: {', '.join(sorted(symbols))}")
        by_reason: dict[str, list[str]] = defaultdict(list)
        for symbol, why in result.kept.items():
            by_reason[why].append(symbol)
        for why, symbols in sorted(by_reason.items()):
            self.stdout.write(f"still simulated ({why}): {', '.join(sorted(symbols))}")
        if result.waiting:
            self.stdout.write(f"wait for the next time: {result.waiting}")
        for name, why in sorted(result.unreachable.items()):
            self.stderr.write(f"{name} could not be asked: {why}")
        if result.unreachable and not result.adopted:
            raise CommandError("No real prices can be had now.")

    def _ids(self, symbols: list[str]) -> list[int] | None:
        if not symbols:
            return None
        keys = {symbol.upper() for symbol in symbols}
        found = dict(Instrument.objects.shared().filter(symbol_key__in=keys).values_list("symbol_key", "pk"))
        if unknown := sorted(keys - found.keys()):
            raise CommandError(f"Not known here: {', '.join(unknown)}")
        return list(found.values())
