"""The counter's tables: orders and fills, trading accounts, brokers, what halts trading, key pairs and the numbered log."""

from trading.models.accounts import TradingAccount
from trading.models.applied import AppliedAction
from trading.models.baskets import BasketLine, BasketState, LineState, OrderBasket
from trading.models.brokers import (
    BrokerConnection,
    BrokerExecution,
    BrokerInstruction,
    BrokerOrder,
    ConnectionState,
    Environment,
    InstructionKind,
    InstructionState,
)
from trading.models.controls import InstrumentTerms, SiteControl, TradingStatus
from trading.models.keys import ApiKey, ApiKeyQuerySet
from trading.models.log import TradeEvent, TradeEventQuerySet
from trading.models.orders import (
    CLASS_CHOICES,
    INTENT_CHOICES,
    OPEN_STATUSES,
    ROLE_CHOICES,
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
    "CLASS_CHOICES",
    "INTENT_CHOICES",
    "OPEN_STATUSES",
    "ROLE_CHOICES",
    "SIDE_CHOICES",
    "STATUS_CHOICES",
    "TERMINAL_STATUSES",
    "TIME_IN_FORCE_CHOICES",
    "TYPE_CHOICES",
    "ApiKey",
    "ApiKeyQuerySet",
    "AppliedAction",
    "BasketLine",
    "BasketState",
    "BrokerConnection",
    "BrokerExecution",
    "BrokerInstruction",
    "BrokerOrder",
    "ConnectionState",
    "Environment",
    "Fill",
    "FillQuerySet",
    "InstructionKind",
    "InstructionState",
    "InstrumentTerms",
    "LineState",
    "Order",
    "OrderBasket",
    "OrderQuerySet",
    "SiteControl",
    "TradeEvent",
    "TradeEventQuerySet",
    "TradingAccount",
    "TradingStatus",
]
