"""The counter as a Django app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    """Orders and fills of paper portfolios."""

    name = "trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        """Begin to listen: fresh prices match resting orders. Have brokers asked about what tickets are filled in for."""
        from marketdata.operations import register_interest, register_simulated_use
        from portfolio_site.kernel.jobs import enqueue
        from trading import subscribers, tasks
        from trading.queries import broker_assets
        from trading.queries.orders import (
            in_open_orders,
            instruments_in_open_orders,
            instruments_ordered_by,
        )

        subscribers.register()
        broker_assets.when_wanted(
            lambda connection_id, instrument_id: enqueue(
                tasks.ask_about_asset, connection_id=str(connection_id), instrument_id=instrument_id
            )
        )
        register_interest(
            "open orders", instruments_in_open_orders, of_person=instruments_ordered_by, word="ordered"
        )
        register_simulated_use("by open orders", in_open_orders)
