"""The ground floor: events. Publish inside the transaction in which it happened, deliver after it has committed.

`publish` writes an outbox row; the commit wakes the process that delivers. It hands all that wait to the subscribers, each
registered under a name of its own, in a transaction together with receipts, so that each handles each event exactly once
whatever crashes. A periodic sweep delivers what a crash left behind. Events of one stream are delivered in the order of
their publication, as long as publishers of a stream hold a lock in common (for portfolios: the portfolio row). What people
and the market wait for comes first (`Lane`).
"""

from .dispatcher import dispatch_pending
from .publishing import publish, publish_within
from .registry import Delivery, Envelope, Event, Lane, event, subscribe, subscribe_batch

__all__ = [
    "Delivery",
    "Envelope",
    "Event",
    "Lane",
    "dispatch_pending",
    "event",
    "publish",
    "publish_within",
    "subscribe",
    "subscribe_batch",
]
