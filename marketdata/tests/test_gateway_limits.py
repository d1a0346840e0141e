"""Buckets, rests and breakers: the same rules whether all processes keep them together or one by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from marketdata.operations.gateway import local, shared, states
from marketdata.operations.gateway.limits import Quota
from marketdata.operations.gateway.refusals import Reason
from marketdata.operations.gateway.states import Admission, Known, Outcome, Standing
from marketdata.queries.provider_state import state_key
from marketdata.tests.scripted import forget_gateway
from portfolio_site.kernel import valkey
from portfolio_site.settings import gateway as gateway_settings

FREE = Quota()


class Keeper:
    """One of the two keepers of the rules, with a clock that can be moved on."""

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self.shift = 0.0
        if kind == "local":
            monkeypatch.setattr(local, "PROCESSES", 1)
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() + self.shift)

    def admit(self, quota: Quota = FREE, cost: int = 1) -> Admission:
        if self.kind == "local":
            return local.admit("p", quota, cost)
        admission = shared.admit("p", quota, cost)
        if admission is None:
            shared.seed("p", Known())
            admission = shared.admit("p", quota, cost)
        assert admission is not None
        return admission

    def settle(
        self, outcome: Outcome, *, was_probe: bool = False, retry_after: float | None = None
    ) -> Standing:
        if self.kind == "local":
            return local.settle("p", outcome, was_probe=was_probe, retry_after=retry_after)
        return shared.settle("p", outcome, was_probe=was_probe, retry_after=retry_after, extra_calls=0)

    def reset(self) -> None:
        (local if self.kind == "local" else shared).reset("p")

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on: by moving it, or by moving every instant that is remembered."""
        self.shift += seconds
        if self.kind == "shared":
            client = valkey.client()
            for field in ("rests_until", "open_until", "probe_until", "tokens_at"):
                if client.hexists(state_key("p"), field):
                    client.hincrby(state_key("p"), field, -int(seconds * 1000))


@pytest.fixture(autouse=True)
def _anew() -> None:
    forget_gateway()


@pytest.fixture(params=["shared", "local"])
def keeper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    return Keeper(request.param, monkeypatch)


class TestBucket:
    def test_gives_a_third_of_a_minute_at_once_and_the_rest_by_and_by(self, keeper: Keeper) -> None:
        quota = Quota(per_minute=30)
        verdicts = [keeper.admit(quota).reason for _ in range(11)]
        assert verdicts == [None] * 10 + [Reason.MINUTE]
        wait = keeper.admit(quota).retry_in
        assert 2.5 < wait <= 3.1
        keeper.pass_time(3.1)
        assert [keeper.admit(quota).reason for _ in range(2)] == [None, Reason.MINUTE]

    @given(per_minute=st.integers(1, 500))
    def test_no_minute_sees_more_than_it_may(self, per_minute: int) -> None:
        quota = Quota(per_minute=per_minute)
        assert quota.capacity + quota.refill_per_minute <= max(per_minute, 2)

    def test_a_call_of_many_requests_costs_as_many(self, keeper: Keeper) -> None:
        quota = Quota(per_minute=30)
        assert keeper.admit(quota, cost=8).reason is None
        assert keeper.admit(quota, cost=8).reason is Reason.MINUTE
        assert keeper.admit(quota, cost=2).reason is None

    def test_what_costs_more_than_the_bucket_holds_waits_for_a_full_one(self, keeper: Keeper) -> None:
        quota = Quota(per_minute=30)
        assert keeper.admit(quota, cost=25).reason is None
        assert keeper.admit(quota).reason is Reason.MINUTE
        keeper.pass_time(60)
        assert keeper.admit(quota).reason is None, "paid off, with a little to spare"
        assert keeper.admit(quota, cost=25).reason is Reason.MINUTE

    def test_the_day_has_an_end(self, keeper: Keeper) -> None:
        quota = Quota(per_day=3)
        assert [keeper.admit(quota).reason for _ in range(4)] == [None, None, None, Reason.DAY]
        assert 0 < keeper.admit(quota).retry_in <= 86_400

    def test_no_limit_is_no_limit(self, keeper: Keeper) -> None:
        assert all(keeper.admit().reason is None for _ in range(200))

    def test_threads_do_not_get_more_together_than_one_would(self, keeper: Keeper) -> None:
        quota, taken, gate = Quota(per_minute=60), [], threading.Barrier(10)

        def take() -> None:
            gate.wait()
            taken.extend(keeper.admit(quota).reason is None for _ in range(10))

        threads = [threading.Thread(target=take) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 20 <= sum(taken) <= 21, "the bucket, and what fills it meanwhile"


class TestRest:
    def test_lasts_as_long_as_was_asked_for(self, keeper: Keeper) -> None:
        keeper.admit()
        keeper.settle(Outcome.LIMITED, retry_after=120)
        refused = keeper.admit()
        assert refused.reason is Reason.RESTING
        assert 118 < refused.retry_in <= 120
        keeper.pass_time(121)
        assert keeper.admit().reason is None

    def test_grows_while_the_provider_says_so_without_a_time(self, keeper: Keeper) -> None:
        rests = []
        for _ in range(3):
            keeper.admit()
            rests.append(round(keeper.settle(Outcome.LIMITED).rests_for))
            keeper.pass_time(3600)
        assert rests == [10, 20, 40]
        keeper.settle(Outcome.ANSWERED)
        assert round(keeper.settle(Outcome.LIMITED).rests_for) == 10

    @pytest.mark.parametrize(("asked", "kept"), [(10**9, 86_400), (-5, 10), (0, 0)])
    def test_absurd_wishes_are_cut_to_size(self, keeper: Keeper, asked: float, kept: float) -> None:
        keeper.admit()
        assert round(keeper.settle(Outcome.LIMITED, retry_after=asked).rests_for) == kept

    def test_a_shorter_wish_does_not_cut_a_longer_one(self, keeper: Keeper) -> None:
        keeper.admit()
        keeper.settle(Outcome.LIMITED, retry_after=300)
        assert keeper.settle(Outcome.LIMITED, retry_after=1).rests_for > 290


class TestBreaker:
    def open_it(self, keeper: Keeper) -> None:
        for _ in range(states.FAILURES_TO_OPEN):
            assert keeper.admit().reason is None
            keeper.settle(Outcome.FAILED)

    def test_opens_after_some_failures_in_a_row(self, keeper: Keeper) -> None:
        for _ in range(states.FAILURES_TO_OPEN - 1):
            keeper.settle(Outcome.FAILED)
        keeper.settle(Outcome.ANSWERED)
        self.open_it(keeper)
        assert keeper.admit().reason is Reason.OPEN

    def test_lets_one_probe_through_and_closes_when_it_is_answered(self, keeper: Keeper) -> None:
        self.open_it(keeper)
        keeper.pass_time(states.FIRST_OPEN_SECONDS + 1)
        probe = keeper.admit()
        assert (probe.reason, probe.is_probe) == (None, True)
        assert keeper.admit().reason is Reason.OPEN, "others wait for the probe"
        keeper.settle(Outcome.ANSWERED, was_probe=True)
        assert [keeper.admit().is_probe for _ in range(3)] == [False] * 3

    def test_a_probe_that_fails_doubles_the_wait(self, keeper: Keeper) -> None:
        self.open_it(keeper)
        keeper.pass_time(states.FIRST_OPEN_SECONDS + 1)
        keeper.admit()
        standing = keeper.settle(Outcome.FAILED, was_probe=True)
        assert round(standing.open_for) == 2 * states.FIRST_OPEN_SECONDS
        assert keeper.admit().reason is Reason.OPEN

    def test_a_probe_that_never_comes_back_is_given_up(self, keeper: Keeper) -> None:
        self.open_it(keeper)
        keeper.pass_time(states.FIRST_OPEN_SECONDS + 1)
        assert keeper.admit().is_probe
        keeper.pass_time(states.PROBE_SECONDS + 1)
        assert keeper.admit().is_probe

    def test_can_be_reset(self, keeper: Keeper) -> None:
        self.open_it(keeper)
        keeper.settle(Outcome.LIMITED, retry_after=500)
        keeper.reset()
        assert keeper.admit().reason is None

    def test_of_many_threads_one_probes(self, keeper: Keeper) -> None:
        self.open_it(keeper)
        keeper.pass_time(states.FIRST_OPEN_SECONDS + 1)
        through: list[bool] = []
        threads = [
            threading.Thread(target=lambda: through.append(keeper.admit().reason is None)) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(through) == 1


class TestSeed:
    def test_goes_on_where_the_last_one_was(self) -> None:
        shared.seed("p", Known(rests_for=60, open_for=5, calls_today=3, was_asked_just_now=True))
        refused = shared.admit("p", FREE, 1)
        assert refused is not None
        assert refused.reason is Reason.RESTING
        shared.reset("p")
        spent = shared.admit("p", Quota(per_day=3), 1)
        assert spent is not None
        assert spent.reason is Reason.DAY
        empty = shared.admit("p", Quota(per_minute=30), 1)
        assert empty is not None
        assert empty.reason is Reason.MINUTE, "a new bucket is not a full one when calls went out just now"

    def test_counts_once(self) -> None:
        shared.seed("p", Known(calls_today=3))
        shared.seed("p", Known(calls_today=0))
        spent = shared.admit("p", Quota(per_day=3), 1)
        assert spent is not None
        assert spent.reason is Reason.DAY


class TestSettings:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("", {}),
            ("yahoo=60/min, 2000/day; ecb=none", {"yahoo": (60, 2000), "ecb": (None, None)}),
            ("coingecko=30/min", {"coingecko": (30, None)}),
        ],
    )
    def test_limits_are_read(self, text: str, read: dict[str, Any]) -> None:
        assert gateway_settings._limits(text) == read

    @pytest.mark.parametrize(
        ("reader", "text"),
        [
            (gateway_settings._limits, "yahoo=60"),
            (gateway_settings._limits, "yahoo=0/min"),
            (gateway_settings._jumps, "crypto=much"),
            (gateway_settings._jumps, "crypto=-4"),
        ],
    )
    def test_nonsense_stops_the_start(self, reader: Callable[[str], Any], text: str) -> None:
        with pytest.raises(ImproperlyConfigured):
            reader(text)

    def test_jumps_are_read_as_percent(self) -> None:
        assert str(gateway_settings._jumps("crypto=55")["crypto"]) == "0.55"
        assert "default" in django_settings.QUOTE_JUMP_LIMITS
