"""What stops every new order of an account: kill switches, a suspension by its owner, a closed account."""

from __future__ import annotations

from trading.operations.brokering.limits import check_connection
from trading.operations.desk import Desk
from trading.operations.errors import TradingHaltedError
from trading.queries.accounts import site_control


def check_gates(desk: Desk) -> None:
    """Raise ``TradingHaltedError`` where no new order may be taken. Cancels are never stopped. One statement."""
    halted, reason = site_control()
    account = desk.account
    if halted:
        raise TradingHaltedError(
            "Trading is halted for the whole site at the moment." + _because(reason), code="site_halted"
        )
    if account.trading_blocked:
        raise TradingHaltedError(
            "Trading is halted for this account." + _because(account.blocked_reason), code="account_blocked"
        )
    if account.broker_connection_id is not None:
        check_connection(account.broker_connection_id)
    if account.suspend_trade:
        raise TradingHaltedError(
            "You have suspended trading in this account's configuration. Cancels still work.",
            code="trading_suspended",
        )


def _because(reason: str) -> str:
    return f" {reason}" if reason else ""
