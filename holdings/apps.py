"""Holdings: how Django finds the books."""

from __future__ import annotations

from django.apps import AppConfig


class HoldingsConfig(AppConfig):
    """The books: portfolios, their journals, and what follows from them."""

    name = "holdings"
    verbose_name = "Holdings"

    def ready(self) -> None:
        """Let the books listen to what other rooms announce, and answer what pages of the market ask them."""
        from holdings import subscribers
        from holdings.queries.for_markets import (
            BooksForMarkets,
            bound_to_simulated_prices,
            held_instruments,
            instruments_held_by,
        )
        from holdings.queries.uses import uses_of_instrument
        from marketdata.operations import register_interest, register_simulated_use, register_use
        from marketdata.queries import register_books

        subscribers.register()
        register_books(BooksForMarkets())
        register_interest("holdings", held_instruments, of_person=instruments_held_by, word="held")
        register_simulated_use("in practice accounts or the demo portfolio", bound_to_simulated_prices)
        register_use("books", uses_of_instrument)
