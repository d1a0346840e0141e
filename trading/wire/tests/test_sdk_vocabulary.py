"""Every word that the wire may say is one that the official SDK knows: an unknown one breaks its models."""

from __future__ import annotations

from alpaca.trading import enums

from trading.engine.states import OrderStatus
from trading.engine.types import OrderClass, OrderType, PositionIntent, Side, TimeInForce
from trading.models import TradeEvent
from trading.queries import ALL_TYPES
from trading.wire.assets import CRYPTO, EQUITY, EXCHANGES
from trading.wire.orders import _CLASSES, _INTENTS, _SIDES, _TIMES, _TYPES


def words(enum):
    return {member.value for member in enum}


class TestWords:
    def test_statuses(self):
        assert words(OrderStatus) == words(enums.OrderStatus)

    def test_what_an_order_is(self):
        assert words(OrderType) == words(enums.OrderType)
        assert words(Side) == words(enums.OrderSide)
        assert words(TimeInForce) == words(enums.TimeInForce)
        assert words(OrderClass) <= words(enums.OrderClass)
        assert words(PositionIntent) == words(enums.PositionIntent)

    def test_what_is_understood(self):
        assert words(enums.OrderType) == _TYPES
        assert words(enums.OrderSide) == _SIDES
        assert words(enums.TimeInForce) == _TIMES
        # One is refused with a sentence of its own; the empty one means simple.
        assert words(enums.OrderClass) == _CLASSES
        assert words(enums.PositionIntent) == _INTENTS

    def test_assets(self):
        assert set(EXCHANGES.values()) | {"CRYPTO", ""} <= words(enums.AssetExchange)
        assert {EQUITY, CRYPTO} <= words(enums.AssetClass)
        assert {"active", "inactive"} <= words(enums.AssetStatus)

    def test_accounts(self):
        assert {"ACTIVE", "ACCOUNT_CLOSED", "INACTIVE"} <= words(enums.AccountStatus)
        assert words(enums.TradeConfirmationEmail) == {"all", "none"}

    def test_activities(self):
        assert words(enums.ActivityType) >= ALL_TYPES

    def test_events(self):
        told = {
            "new", "accepted", "fill", "partial_fill", "canceled", "expired", "replaced", "rejected", "pending_new",
            "pending_cancel", "pending_replace", "order_replace_rejected", "order_cancel_rejected", "done_for_day",
            "stopped", "suspended", "calculated", "restated",
        }  # fmt: skip
        # The SDK passes on as text what its list lacks; nothing longer is ever stored.
        assert {"new", "fill", "partial_fill", "canceled", "expired", "replaced", "rejected"} <= words(
            enums.TradeEvent
        )
        assert max(map(len, told)) <= TradeEvent._meta.get_field("event").max_length
