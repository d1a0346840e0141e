"""What stops orders of an account at a broker before they leave the house."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from trading.models import BrokerConnection
from trading.operations.errors import TradingHaltedError


def check_connection(connection_id: UUID) -> None:
    """Raise ``TradingHaltedError`` where no new order may go to this broker. One statement."""
    connection = BrokerConnection.objects.get(pk=connection_id)
    reason = why_no_orders(connection)
    if reason is not None:
        code, sentence = reason
        raise TradingHaltedError(sentence, code=code)


def why_no_orders(connection: BrokerConnection) -> tuple[str, str] | None:
    """(code, sentence) of what keeps new orders from a connection; None where they may go."""
    if connection.is_ended:
        return (
            "broker_disconnected",
            "This account is no longer connected to its broker. Connect it again first.",
        )
    if connection.is_live and not settings.BROKER_LIVE_TRADING:
        return "live_trading_off", "Trading with real money is switched off on this site."
    if connection.is_live and connection.live_enabled_at is None:
        return (
            "live_not_enabled",
            "This connection is for real money, and you have not switched that on. You find it with the connection.",
        )
    if connection.paused_at is not None:
        return "broker_paused", "You have paused this connection: no new order leaves until you let it go on."
    return None
