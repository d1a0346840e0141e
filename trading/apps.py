"""The counter as a Django app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Orders and fills of paper portfolios."""

    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        """Begin to listen: fresh prices match resting orders."""
        from marketdata.operations import register_interest, register_simulated_use
        from trading import subscribers
        from trading.queries.orders import (
            in_open_orders,
            instruments_in_open_orders,
            instruments_ordered_by,
        )

        subscribers.register()
        register_interest(
            "open orders", instruments_in_open_orders, of_person=instruments_ordered_by, word="ordered"
        )
        register_simulated_use("by open orders", in_open_orders)
