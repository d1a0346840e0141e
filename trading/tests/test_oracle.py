"""Any days of any accounts come to what a second, plain way of reckoning makes of their executions (see ``oracle``).

Several accounts (cash, margin, another currency, their own tariffs) trade the same instruments for days: every order type,
groups, replacements, partial fills, splits, dividends, interest, margin calls, resets. After every step the books, the
orders and the figures have to agree with the oracle to the last cent, and every execution with the market it met.
"""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from trading.tests.oracle_world import World
from trading.tests.test_random_walks import Undone


def walk(seed: int, steps: int) -> World:
    """A world after so many steps; what it wrote is taken back."""
    world = None
    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - the block is what is undone
        world = World(seed)
        world.run(steps)
        raise Undone
    assert world is not None
    return world


@pytest.mark.django_db
class TestAnyDaysOfTrading:
    @settings(
        max_examples=3,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(seed=st.integers(0, 2**32))
    def test_come_to_what_a_plain_reckoning_makes_of_them(self, db, seed):
        walk(seed, 25)
