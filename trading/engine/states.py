"""The life of an order as one table: (status, trigger) -> status. Everything else is impossible and raises.

The statuses are those of the Alpaca wire (``docs/trading.md`` has the picture). Some are never reached on the simulated
exchange (``pending_review``, ``accepted_for_bidding``, ``stopped``, ``suspended``, ``calculated``, ``done_for_day``): they
are here for brokers that report them.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    PENDING_REVIEW = "pending_review"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding"
    HELD = "held"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    DONE_FOR_DAY = "done_for_day"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    CALCULATED = "calculated"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"


class Trigger(StrEnum):
    """What can happen to an order."""

    ROUTE = "route"  # it begins to work at the venue
    ARM = "arm"  # an exit leg whose entry has filled begins to work
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    REQUEST_CANCEL = "request_cancel"
    CONFIRM_CANCEL = "confirm_cancel"
    REFUSE_CANCEL = "refuse_cancel"
    REFUSE_CANCEL_OF_PART = "refuse_cancel_of_part"  # the same for one that is filled in part
    REQUEST_REPLACE = "request_replace"
    CONFIRM_REPLACE = "confirm_replace"
    REFUSE_REPLACE = "refuse_replace"
    REFUSE_REPLACE_OF_PART = "refuse_replace_of_part"  # the same for one that is filled in part
    EXPIRE = "expire"
    REJECT = "reject"
    FINISH_DAY = "finish_day"
    RESUME = "resume"
    STOP = "stop"
    SUSPEND = "suspend"
    CALCULATE = "calculate"
    QUEUE = "queue"  # a broker has it, and keeps it for the next session
    REVIEW = "review"  # a broker looks at it first
    BID = "bid"  # brokers bid for it


class ImpossibleTransitionError(Exception):
    """A trigger that the order's status does not allow. Always a fault of the caller, never of the person."""

    def __init__(self, status: OrderStatus, trigger: Trigger) -> None:
        super().__init__(f"An order that is {status} cannot {trigger}.")
        self.status = status
        self.trigger = trigger


_S, _T = OrderStatus, Trigger

TRANSITIONS: Final[Mapping[tuple[OrderStatus, Trigger], OrderStatus]] = MappingProxyType(
    {
        # Accepted by us, on its way to the venue.
        (_S.PENDING_NEW, _T.ROUTE): _S.NEW,
        (_S.PENDING_NEW, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.PENDING_NEW, _T.REJECT): _S.REJECTED,
        (_S.PENDING_NEW, _T.QUEUE): _S.ACCEPTED,
        (_S.PENDING_NEW, _T.REVIEW): _S.PENDING_REVIEW,
        (_S.PENDING_REVIEW, _T.ROUTE): _S.NEW,
        (_S.PENDING_REVIEW, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.PENDING_REVIEW, _T.REJECT): _S.REJECTED,
        # Accepted, waiting for the next session.
        (_S.ACCEPTED, _T.ROUTE): _S.NEW,
        (_S.ACCEPTED, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.ACCEPTED, _T.REJECT): _S.REJECTED,
        (_S.ACCEPTED, _T.BID): _S.ACCEPTED_FOR_BIDDING,
        (_S.ACCEPTED_FOR_BIDDING, _T.ROUTE): _S.NEW,
        (_S.ACCEPTED_FOR_BIDDING, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.ACCEPTED_FOR_BIDDING, _T.REJECT): _S.REJECTED,
        # An exit leg waiting for its entry or its sibling.
        (_S.HELD, _T.ARM): _S.NEW,
        (_S.HELD, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.HELD, _T.REQUEST_REPLACE): _S.PENDING_REPLACE,
        # Working.
        (_S.NEW, _T.PARTIAL_FILL): _S.PARTIALLY_FILLED,
        (_S.NEW, _T.FILL): _S.FILLED,
        (_S.NEW, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.NEW, _T.REQUEST_REPLACE): _S.PENDING_REPLACE,
        (_S.NEW, _T.EXPIRE): _S.EXPIRED,
        (_S.NEW, _T.FINISH_DAY): _S.DONE_FOR_DAY,
        (_S.NEW, _T.STOP): _S.STOPPED,
        (_S.NEW, _T.SUSPEND): _S.SUSPENDED,
        (_S.NEW, _T.CALCULATE): _S.CALCULATED,
        # Working, and in part done.
        (_S.PARTIALLY_FILLED, _T.PARTIAL_FILL): _S.PARTIALLY_FILLED,
        (_S.PARTIALLY_FILLED, _T.FILL): _S.FILLED,
        (_S.PARTIALLY_FILLED, _T.REQUEST_CANCEL): _S.PENDING_CANCEL,
        (_S.PARTIALLY_FILLED, _T.REQUEST_REPLACE): _S.PENDING_REPLACE,
        (_S.PARTIALLY_FILLED, _T.EXPIRE): _S.EXPIRED,
        # A cancel or a replacement is under way; the venue may still be quicker.
        (_S.PENDING_CANCEL, _T.CONFIRM_CANCEL): _S.CANCELED,
        (_S.PENDING_CANCEL, _T.PARTIAL_FILL): _S.PENDING_CANCEL,
        (_S.PENDING_CANCEL, _T.FILL): _S.FILLED,
        (_S.PENDING_CANCEL, _T.EXPIRE): _S.EXPIRED,
        (_S.PENDING_CANCEL, _T.REFUSE_CANCEL): _S.NEW,
        (_S.PENDING_CANCEL, _T.REFUSE_CANCEL_OF_PART): _S.PARTIALLY_FILLED,
        (_S.PENDING_REPLACE, _T.CONFIRM_REPLACE): _S.REPLACED,
        (_S.PENDING_REPLACE, _T.REFUSE_REPLACE): _S.NEW,
        (_S.PENDING_REPLACE, _T.REFUSE_REPLACE_OF_PART): _S.PARTIALLY_FILLED,
        (_S.PENDING_REPLACE, _T.PARTIAL_FILL): _S.PENDING_REPLACE,
        (_S.PENDING_REPLACE, _T.FILL): _S.FILLED,
        (_S.PENDING_REPLACE, _T.CONFIRM_CANCEL): _S.CANCELED,
        (_S.PENDING_REPLACE, _T.EXPIRE): _S.EXPIRED,
        # Rare pauses.
        (_S.DONE_FOR_DAY, _T.RESUME): _S.NEW,
        (_S.DONE_FOR_DAY, _T.EXPIRE): _S.EXPIRED,
        (_S.STOPPED, _T.RESUME): _S.NEW,
        (_S.SUSPENDED, _T.RESUME): _S.NEW,
        (_S.CALCULATED, _T.RESUME): _S.NEW,
    }
)

TERMINAL: Final[frozenset[OrderStatus]] = frozenset(
    {_S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REPLACED, _S.REJECTED}
)
OPEN: Final[frozenset[OrderStatus]] = frozenset(OrderStatus) - TERMINAL
#: Statuses the simulated exchange may fill from (``accepted`` and ``pending_new`` are routed first).
MATCHABLE: Final[frozenset[OrderStatus]] = frozenset(
    {_S.PENDING_NEW, _S.ACCEPTED, _S.NEW, _S.PARTIALLY_FILLED}
)
#: What a replacement can be asked for. An exit leg that waits is replaced where it waits.
REPLACEABLE: Final[frozenset[OrderStatus]] = frozenset(
    status for status, trigger in TRANSITIONS if trigger is Trigger.REQUEST_REPLACE
)
CANCELABLE: Final[frozenset[OrderStatus]] = frozenset(
    status for status, trigger in TRANSITIONS if trigger is Trigger.REQUEST_CANCEL
)


def advance(status: OrderStatus, trigger: Trigger) -> OrderStatus:
    """The status after ``trigger``. Raises ``ImpossibleTransitionError`` when the table has no such row."""
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise ImpossibleTransitionError(status, trigger) from None


#: What only an execution does: never a step on the way to what a broker tells.
_TRADES: Final[frozenset[Trigger]] = frozenset(
    {Trigger.PARTIAL_FILL, Trigger.FILL, Trigger.REFUSE_REPLACE_OF_PART, Trigger.REFUSE_CANCEL_OF_PART}
)


def steps(
    status: OrderStatus, wanted: OrderStatus, *, is_part_filled: bool = False
) -> tuple[Trigger, ...] | None:
    """The fewest triggers that lead from ``status`` to ``wanted`` without an execution; None when none do.

    For brokers, which tell where an order stands and not always how it came there. ``is_part_filled``: a refused cancel
    or replacement leads back to partially filled instead of new.
    """
    barred = set(_TRADES)
    if is_part_filled:
        barred -= {Trigger.REFUSE_REPLACE_OF_PART, Trigger.REFUSE_CANCEL_OF_PART}
        barred |= {Trigger.REFUSE_REPLACE, Trigger.REFUSE_CANCEL}
    ways: dict[OrderStatus, tuple[Trigger, ...]] = {status: ()}
    edge = [status]
    while edge and wanted not in ways:
        further = []
        for (before, trigger), after in TRANSITIONS.items():
            if before in edge and trigger not in barred and after not in ways:
                ways[after] = (*ways[before], trigger)
                further.append(after)
        edge = further
    return ways.get(wanted)
