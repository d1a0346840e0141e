"""Holdings: how Django finds the books."""

from __future__ import annotations

from django.apps import AppConfig


class HoldingsConfig(AppConfig):
    """The books: portfolios, their journals, and what follows from them."""

    name = "holdings"
    verbose_name = "Holdings"

    def ready(self) -> None:
        """Let the books listen to what other rooms announce."""
        from holdings import subscribers

        subscribers.register()
