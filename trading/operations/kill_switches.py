"""Kill switches: no new orders, for one account or for the whole site. Cancels go on working."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.queries import is_administrator
from portfolio_site.kernel.errors import ForbiddenError
from trading.models import InstrumentTerms, SiteControl, TradingAccount, TradingStatus
from trading.operations.access import own_desk
from trading.operations.desk import open_desk
from trading.operations.errors import AccountRefusedError
from trading.operations.paper_accounts import announce

MAX_REASON = 300


class AdministratorsOnlyError(ForbiddenError):
    """A switch that only an administrator may throw."""

    code = "administrators_only"

    def __init__(self) -> None:
        super().__init__("Only an administrator may do this.")


def set_kill_switch(
    *, on: bool, actor: Any, portfolio_id: int | None = None, reason: str = "", now: datetime
) -> None:
    """Stop new orders (``on``), or take them again: of one account (its owner, or an administrator), or with no
    ``portfolio_id`` of the whole site (administrators only).

    Raises ``AdministratorsOnlyError``, ``PortfolioUnknownError``, ``ReadOnlyError``, ``AccountRefusedError``.
    """
    _check_reason(reason)
    if portfolio_id is None:
        if not is_administrator(actor):
            raise AdministratorsOnlyError
        SiteControl.objects.update_or_create(
            pk=1,
            defaults={
                "is_halted": on,
                "reason": reason if on else "",
                "changed_at": now,
                "changed_by": actor,
            },
        )
        return
    with transaction.atomic():
        if is_administrator(actor):
            desk = open_desk(portfolio_id=portfolio_id, actor=actor, now=now)
        else:
            desk = own_desk(portfolio_id, actor, now=now, for_new_orders=False)
        TradingAccount.objects.filter(pk=desk.account.pk).update(
            trading_blocked=on,
            blocked_reason=reason if on else "",
            blocked_at=now if on else None,
            blocked_by=actor if on else None,
            updated_at=now,
        )
        announce(portfolio_id, desk.portfolio.owner_id, what="kill_switch", now=now)


def set_instrument_status(*, instrument_id: int, status: str, actor: Any, reason: str = "") -> None:
    """Halt an instrument, restrict it to closing orders, or set it free again. Administrators only.

    Raises ``AdministratorsOnlyError``, ``AccountRefusedError`` for an unknown status.
    """
    if not is_administrator(actor):
        raise AdministratorsOnlyError
    _check_reason(reason)
    if status not in TradingStatus.values:
        raise AccountRefusedError("Choose normal, close_only or halted.", field="status")
    InstrumentTerms.objects.update_or_create(
        instrument_id=instrument_id, defaults={"status": status, "reason": reason}
    )


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON or "\x00" in reason:
        raise AccountRefusedError(f"A reason has at most {MAX_REASON} characters.", field="reason")
