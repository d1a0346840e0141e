"""Every read of orders that is more than a ``get``. Answers are frozen values; what people see is theirs."""

from trading.queries.buying_power import BuyingPower, buying_power
from trading.queries.keys import (
    ApiKeyNotFound,
    ApiKeyView,
    KeyHolder,
    api_keys_of,
    holder_of,
    visible_api_key,
)
from trading.queries.orders import (
    OpenOrder,
    fills_for,
    open_order_with_market,
    open_orders_with_market,
    orders_for,
    orders_queryset,
    visible_order,
)
from trading.queries.preview import OrderPreview, order_preview
from trading.queries.values import FillView, OrderView, TrailEntry, order_view

__all__ = [
    "ApiKeyNotFound",
    "ApiKeyView",
    "BuyingPower",
    "FillView",
    "KeyHolder",
    "OpenOrder",
    "OrderPreview",
    "OrderView",
    "TrailEntry",
    "api_keys_of",
    "buying_power",
    "fills_for",
    "holder_of",
    "open_order_with_market",
    "open_orders_with_market",
    "order_preview",
    "order_view",
    "orders_for",
    "orders_queryset",
    "visible_api_key",
    "visible_order",
]
