"""The bell: what it listens to. Each event makes at most one message for one person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.signals import user_logged_out

from accounts.events import AccessEnded, SecurityNoticed
from holdings.events import ImportFinished, TransactionsPosted
from marketdata.events import PricesRefreshed, WatchlistChanged
from notifications import operations, prices
from notifications.messages import Message
from notifications.sources import orders, others
from portfolio_site.kernel.events import Envelope, Event, subscribe
from reports.events import ReportFailed, ReportProgressed, ReportReady
from trading.events import (
    AccountChanged,
    MarginCalled,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderReplaced,
    OrderRouted,
    OrderTriggered,
)

_MESSAGES: list[tuple[type[Event], Callable[[Any], Message]]] = [
    (OrderAccepted, orders.accepted),
    (OrderPartiallyFilled, orders.partially_filled),
    (OrderFilled, orders.filled),
    (OrderCanceled, orders.canceled),
    (OrderRejected, orders.rejected),
    (OrderExpired, orders.expired),
    (OrderRouted, orders.routed),
    (OrderTriggered, orders.triggered),
    (OrderReplaced, orders.replaced),
    (MarginCalled, orders.margin_called),
    (ImportFinished, others.import_finished),
    (ReportReady, others.report_ready),
    (ReportFailed, others.report_failed),
    (SecurityNoticed, others.security_noticed),
]


def register() -> None:
    """Register every subscriber of this room."""
    for kind, make in _MESSAGES:
        subscribe("notifications.inbox", kind, _teller(make))
    subscribe("notifications.live", ReportProgressed, _report_progressed)
    subscribe("notifications.live", TransactionsPosted, _books_changed)
    subscribe("notifications.live", AccountChanged, _books_changed)
    subscribe("notifications.live", WatchlistChanged, _watchlist_changed)
    subscribe("notifications.live", AccessEnded, _access_ended)
    subscribe("notifications.prices", PricesRefreshed, _prices_refreshed)
    user_logged_out.connect(_logged_out, dispatch_uid="notifications.logged_out")


def _teller(make: Callable[[Any], Message]) -> Callable[[Any, Envelope], None]:
    def tell(event: Any, envelope: Envelope) -> None:
        operations.notify(message=make(event), event_id=envelope.id, now=envelope.created_at)

    return tell


def _report_progressed(event: ReportProgressed, _envelope: Envelope) -> None:
    operations.refresh(user_id=event.user_id, regions=["reports"])


def _books_changed(event: TransactionsPosted | AccountChanged, _envelope: Envelope) -> None:
    operations.refresh(user_id=event.user_id, regions=[f"positions:{event.portfolio_id}"])


def _watchlist_changed(event: WatchlistChanged, _envelope: Envelope) -> None:
    operations.refresh(user_id=event.user_id, regions=["watchlists"])


def _access_ended(event: AccessEnded, _envelope: Envelope) -> None:
    operations.check_access(user_id=event.user_id)


def _prices_refreshed(event: PricesRefreshed, _envelope: Envelope) -> None:
    prices.publish_quotes(event.instrument_ids)


def _logged_out(sender: Any, user: Any = None, **_: Any) -> None:
    """End the sockets of the session that a person just left (others of theirs stay)."""
    if user is not None:
        operations.check_access(user_id=user.pk)
