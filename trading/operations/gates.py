"""What stops every new order of an account: kill switches, a suspension by its owner, a closed account."""

from __future__ import annotations

from trading.operations.brokering.limits import check_connection
from trading.operations.desk import Desk
from trading.operations.errors import TradingHaltedError
from trading.queries.accounts import halted_because, site_control


def check_gates(desk: Desk, *, site: tuple[bool, str] | None = None) -> None:
    """Raise ``TradingHaltedError`` where no new order may be taken. Cancels are never stopped. One statement, none where
    ``site`` (whether all trading is halted, and why) is at hand."""
    found = halted_because(desk.account, site=site_control() if site is None else site)
    if found is not None:
        code, sentence = found
        raise TradingHaltedError(sentence, code=code)
    if desk.account.broker_connection_id is not None:
        check_connection(desk.account.broker_connection_id)
