"""The transition table: every pair of status and trigger is either in the picture below or impossible."""

import itertools

import pytest

from trading.engine.states import (
    CANCELABLE,
    MATCHABLE,
    OPEN,
    REPLACEABLE,
    TERMINAL,
    TRANSITIONS,
    ImpossibleTransitionError,
    OrderStatus,
    Trigger,
    advance,
    steps,
)

PICTURE = """
accepted,pending_new,pending_review,accepted_for_bidding route new
pending_new review pending_review
pending_new queue accepted
accepted bid accepted_for_bidding
held arm new
new,partially_filled partial_fill partially_filled
new,partially_filled,pending_cancel,pending_replace fill filled
pending_cancel partial_fill pending_cancel
pending_replace partial_fill pending_replace
new,partially_filled,accepted,pending_new,held,pending_review,accepted_for_bidding request_cancel pending_cancel
pending_cancel,pending_replace confirm_cancel canceled
pending_cancel refuse_cancel new
pending_cancel refuse_cancel_of_part partially_filled
new,partially_filled,done_for_day,pending_cancel,pending_replace expire expired
new,partially_filled,held request_replace pending_replace
pending_replace confirm_replace replaced
pending_replace refuse_replace new
pending_replace refuse_replace_of_part partially_filled
pending_new,accepted,pending_review,accepted_for_bidding reject rejected
new finish_day done_for_day
new stop stopped
new suspend suspended
new calculate calculated
done_for_day,stopped,suspended,calculated resume new
"""

ALLOWED = {
    (OrderStatus(status), Trigger(trigger)): OrderStatus(after)
    for statuses, trigger, after in (line.split() for line in PICTURE.strip().splitlines())
    for status in statuses.split(",")
}


class TestTransitionTable:
    @pytest.mark.parametrize(("status", "trigger"), list(itertools.product(OrderStatus, Trigger)))
    def test_every_pair_leads_where_the_picture_says_or_raises(self, status, trigger):
        if (status, trigger) in ALLOWED:
            assert advance(status, trigger) is ALLOWED[status, trigger]
        else:
            with pytest.raises(ImpossibleTransitionError, match=f"{status} cannot {trigger}"):
                advance(status, trigger)

    def test_nothing_leaves_a_terminal_status(self):
        assert not [pair for pair in TRANSITIONS if pair[0] in TERMINAL]

    def test_every_open_status_can_come_to_an_end(self):
        for start in OPEN:
            seen, edge = {start}, {start}
            while edge:
                edge = {TRANSITIONS[s, t] for s, t in TRANSITIONS if s in edge} - seen
                seen |= edge
            assert seen & TERMINAL, start

    def test_every_status_but_the_first_ones_can_be_reached(self):
        reached = set(TRANSITIONS.values())
        assert set(OrderStatus) - reached == {OrderStatus.PENDING_NEW, OrderStatus.HELD}

    def test_cancelable_and_matchable_are_open(self):
        assert CANCELABLE < OPEN
        assert MATCHABLE < OPEN
        assert OrderStatus.PENDING_REPLACE not in CANCELABLE
        assert REPLACEABLE < CANCELABLE


class TestSteps:
    """What a broker tells is reached by the table, too."""

    def test_leads_over_what_was_not_told(self):
        assert steps(OrderStatus.PENDING_NEW, OrderStatus.CANCELED) == (
            Trigger.REQUEST_CANCEL,
            Trigger.CONFIRM_CANCEL,
        )
        assert steps(OrderStatus.HELD, OrderStatus.EXPIRED) == (Trigger.ARM, Trigger.EXPIRE)

    def test_standing_there_already_takes_no_step(self):
        assert steps(OrderStatus.NEW, OrderStatus.NEW) == ()

    def test_never_by_an_execution(self):
        assert steps(OrderStatus.NEW, OrderStatus.FILLED) is None
        assert steps(OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED) is None

    def test_a_refused_cancel_leads_back_to_where_the_order_stood(self):
        assert steps(OrderStatus.PENDING_CANCEL, OrderStatus.NEW) == (Trigger.REFUSE_CANCEL,)
        assert steps(OrderStatus.PENDING_CANCEL, OrderStatus.PARTIALLY_FILLED, is_part_filled=True) == (
            Trigger.REFUSE_CANCEL_OF_PART,
        )

    def test_nothing_comes_back_from_an_end(self):
        assert steps(OrderStatus.FILLED, OrderStatus.CANCELED) is None

    @pytest.mark.parametrize(("status", "wanted"), list(itertools.product(OPEN, OrderStatus)))
    def test_every_way_is_one_of_the_table(self, status, wanted):
        way = steps(status, wanted)
        for trigger in way or ():
            status = advance(status, trigger)
        assert way is None or status is wanted
