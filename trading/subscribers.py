"""What the counter listens to."""

from __future__ import annotations

from collections.abc import Sequence

from holdings.events import PortfolioChanged
from marketdata.events import CorporateActionFound, PricesRefreshed
from portfolio_site.kernel.events import Delivery, Envelope, Lane, subscribe, subscribe_batch
from portfolio_site.kernel.jobs import enqueue
from trading import events, tasks
from trading.events import BrokerInstructed
from trading.operations.price_news import announce_prices
from trading.queries import baskets_of_orders

#: What may let a basket go on, or end it.
_BASKET_NEWS = (
    events.OrderPartiallyFilled,
    events.OrderFilled,
    events.OrderCanceled,
    events.OrderRejected,
    events.OrderExpired,
)


def register() -> None:
    """Register the counter's listeners. Calling it again changes nothing."""
    subscribe("trading.matching", PricesRefreshed, on_prices_refreshed, lane=Lane.PROMPT)
    subscribe("trading.brokers", BrokerInstructed, on_broker_instructed, lane=Lane.PROMPT)
    subscribe("trading.actions_found", CorporateActionFound, on_actions_found)
    subscribe("trading.archived", PortfolioChanged, on_portfolio_changed)
    subscribe_batch("trading.baskets", _BASKET_NEWS, on_orders_of_baskets)


def on_broker_instructed(event: BrokerInstructed, _envelope: Envelope) -> None:
    """What was written down for a broker is sent, outside this transaction."""
    enqueue(tasks.send_to_broker, connection_id=str(event.connection_id))


def on_prices_refreshed(event: PricesRefreshed, _envelope: Envelope) -> None:
    """Have the resting orders looked at, outside this transaction: each portfolio is settled in its own. Programs that
    stream prices hear of them at the same time."""
    if event.instrument_ids:
        announce_prices(event.instrument_ids)
        enqueue(tasks.match_orders, instrument_ids=event.instrument_ids)


def on_actions_found(event: CorporateActionFound, _envelope: Envelope) -> None:
    """A split that becomes known reaches accounts at once: new prices are not to stand beside old units until the timetable's
    pass."""
    enqueue(tasks.apply_corporate_actions, instrument_ids=[event.instrument_id])


def on_portfolio_changed(event: PortfolioChanged, _envelope: Envelope) -> None:
    """An archived account keeps no open orders."""
    enqueue(tasks.cancel_orders_of_archived, portfolio_id=event.portfolio_id)


def on_orders_of_baskets(deliveries: Sequence[Delivery]) -> None:
    """A basket goes on when cash comes in, and ends with its last order; in a transaction of its own. One statement for
    however many orders."""
    for basket_id in baskets_of_orders([each.item.order_id for each in deliveries]):
        enqueue(tasks.release_basket, basket_id=str(basket_id))
