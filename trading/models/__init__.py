"""The counter's tables."""

from trading.models.keys import ApiKey, ApiKeyQuerySet
from trading.models.log import TradeEvent, TradeEventQuerySet
from trading.models.orders import (
    OPEN_STATUSES,
    SIDE_CHOICES,
    STATUS_CHOICES,
    TERMINAL_STATUSES,
    TIME_IN_FORCE_CHOICES,
    TYPE_CHOICES,
    Fill,
    FillQuerySet,
    Order,
    OrderQuerySet,
)

__all__ = [
    "OPEN_STATUSES",
    "SIDE_CHOICES",
    "STATUS_CHOICES",
    "TERMINAL_STATUSES",
    "TIME_IN_FORCE_CHOICES",
    "TYPE_CHOICES",
    "ApiKey",
    "ApiKeyQuerySet",
    "Fill",
    "FillQuerySet",
    "Order",
    "OrderQuerySet",
    "TradeEvent",
    "TradeEventQuerySet",
]
