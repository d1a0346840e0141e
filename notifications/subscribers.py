"""The bell: what it listens to. Each event makes at most one message for one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_out

from accounts.events import AccessEnded, SecurityNoticed
from holdings.events import ImportFinished, TransactionsPosted
from marketdata.events import PricesRefreshed, WatchlistChanged
from notifications import operations, prices
from notifications.messages import Message
from notifications.sources import orders, others
from portfolio_site.kernel.events import Delivery, Envelope, Event, Lane, subscribe, subscribe_batch
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

_MESSAGES: list[tuple[type[Event], Callable[[Any, str], Message]]] = [
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


_MAKERS = dict(_MESSAGES)

#: Events of which nothing is said, and the regions of open pages that show something else since.
_REGIONS: dict[type[Event], Callable[[Any], str]] = {
    ReportProgressed: lambda _: "reports",
    TransactionsPosted: lambda event: f"positions:{event.portfolio_id}",
    AccountChanged: lambda event: f"positions:{event.portfolio_id}",
    WatchlistChanged: lambda _: "watchlists",
}


def register() -> None:
    """Register every subscriber of this room."""
    subscribe_batch("notifications.inbox", [*_MAKERS, *_REGIONS], tell, lane=Lane.PROMPT)
    subscribe("notifications.live", AccessEnded, _access_ended, lane=Lane.PROMPT)
    subscribe("notifications.prices", PricesRefreshed, _prices_refreshed)
    user_logged_out.connect(_logged_out, dispatch_uid="notifications.logged_out")


def tell(deliveries: Sequence[Delivery]) -> None:
    """Make one message of each event for the one person it concerns, and have open pages renewed. Two statements as a rule,
    for however many events."""
    news = [
        operations.News(
            user_id=each.item.user_id,
            event_id=each.envelope.id,
            at=each.envelope.created_at,
            make=partial(_MAKERS[type(each.item)], each.item),
        )
        for each in deliveries
        if type(each.item) in _MAKERS
    ]
    regions: dict[int, list[str]] = {}
    for each in deliveries:
        region = _REGIONS.get(type(each.item))
        if region is not None:
            regions.setdefault(each.item.user_id, []).append(region(each.item))
    operations.notify_all(news=news, regions=regions)


def _access_ended(event: AccessEnded, _envelope: Envelope) -> None:
    operations.check_access(user_id=event.user_id)


def _prices_refreshed(event: PricesRefreshed, _envelope: Envelope) -> None:
    prices.publish_quotes(event.instrument_ids)


def _logged_out(sender: Any, user: Any = None, **_: Any) -> None:
    """End the sockets of the session that a person just left (others of theirs stay)."""
    if user is not None:
        operations.check_access(user_id=user.pk)
