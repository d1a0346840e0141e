"""Events: waking who delivers, after the commit of what was published.

The process that delivers listens on a channel: one small message, several of which it takes as one. Where no such process
listens, a task is sent to a worker instead. Lost messages cost a moment: the process looks by itself every second, and so does
the workers' sweep, more seldom.
"""

from __future__ import annotations

from portfolio_site.kernel.jobs import enqueue
from portfolio_site.kernel.valkey import UNREACHABLE, Outage
from portfolio_site.kernel.whispering import tell

_outage = Outage("event delivery")

#: Redis channel on which the deliverer hears that there is something in the outbox.
WAKE_CHANNEL = "hf:outbox"


def wake_deliverer() -> None:
    """Have the outbox looked at now. To be called after the commit."""
    from portfolio_site.kernel.tasks import drain_outbox

    if _outage.is_on():
        return
    try:
        listeners = tell(WAKE_CHANNEL, "")
    except UNREACHABLE as error:
        _outage.note(error)
        return
    _outage.over()
    if not listeners:
        enqueue(drain_outbox)
