"""The counter: `manage.py set_quote SYMBOL --bid B --ask A` sets a quote, holds it, and lets it match; `--release`
lets it go.

It is here and not with the prices because it returns only when the orders that the quote triggers are filled.
"""

from __future__ import annotations

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata.models import Instrument
from marketdata.operations import release_quote
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import dispatch_pending
from trading.operations import hold_quote, settle_quote


class Command(BaseCommand):
    """Returns once the matching engine has taken the new quote: what it triggers is booked by then."""

    help = "Set the quote of a shared instrument and hold it: no tick moves it until --release."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What can be said on the command line."""
        parser.add_argument("symbol")
        parser.add_argument("--bid", type=_decimal)
        parser.add_argument("--ask", type=_decimal)
        parser.add_argument("--last", type=_decimal, help="default: the middle of bid and ask")
        parser.add_argument(
            "--bid-size", type=_decimal, help="units wanted at the bid; default: no end of them"
        )
        parser.add_argument(
            "--ask-size", type=_decimal, help="units offered at the ask; default: no end of them"
        )
        parser.add_argument("--exchange", default="", help="MIC, where several instruments share the symbol")
        parser.add_argument("--release", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set or release."""
        instrument = self._instrument(options["symbol"], options["exchange"])
        try:
            self.stdout.write(self._done(instrument, options))
        except DomainError as error:
            raise CommandError(error.message) from error
        # Where a worker runs, it tells of it as well; each subscriber hears each event once.
        dispatch_pending()

    def _done(self, instrument: Instrument, options: dict[str, Any]) -> str:
        now = clock.now()
        if options["release"]:
            released = release_quote(instrument_id=instrument.pk, now=now)
            settle_quote(instrument_id=instrument.pk, now=clock.now())
            return f"{instrument.symbol}: {'released' if released else 'was not held'}"
        if options["bid"] is None or options["ask"] is None:
            raise CommandError("Give --bid and --ask, or --release.")
        hold_quote(
            instrument_id=instrument.pk,
            bid=options["bid"],
            ask=options["ask"],
            last=options["last"],
            bid_size=options["bid_size"],
            ask_size=options["ask_size"],
            now=now,
        )
        return f"{instrument.symbol}: {options['bid']} / {options['ask']} {instrument.currency}, held"

    def _instrument(self, symbol: str, exchange: str) -> Instrument:
        rows = Instrument.objects.shared().filter(symbol_key=symbol.upper().replace("/", "-"))
        if exchange:
            rows = rows.filter(exchange=exchange)
        found = list(rows[:2])
        if not found:
            raise CommandError(f"There is no shared instrument with the symbol {symbol}.")
        if len(found) > 1:
            raise CommandError(f"Several exchanges list {symbol}: add --exchange.")
        return found[0]


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise CommandError(f"“{text}” is not a number.") from error
    return value
