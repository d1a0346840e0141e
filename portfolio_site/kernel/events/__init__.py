"""The ground floor: events. Publish inside the transaction in which it happened, deliver after it has committed.

`publish` writes an outbox row; the commit sends a task that delivers it to the subscribers registered under a name of
their own, each in a transaction together with a receipt, so that each handles each event exactly once whatever
crashes. A periodic sweep delivers what a crash left behind. Events of one stream are delivered in the order of
their publication, as long as publishers of a stream hold a lock in common (for portfolios: the portfolio row).
"""

from .dispatcher import dispatch_pending
from .publishing import publish, publish_within
from .registry import Envelope, Event, event, subscribe

__all__ = ["Envelope", "Event", "dispatch_pending", "event", "publish", "publish_within", "subscribe"]
