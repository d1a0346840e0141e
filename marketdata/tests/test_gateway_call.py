"""Asking a provider: tries, single flight, what is written down, and what happens while Valkey is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone

from marketdata.models import ProviderHealth, ProviderState
from marketdata.operations import gateway
from marketdata.operations.gateway import calling, gate, local, records, states
from marketdata.operations.gateway.refusals import NotAsked, Reason
from marketdata.providers.base import (
    BadAnswer,
    NotAuthorised,
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    RateLimited,
    SymbolUnknown,
)
from marketdata.queries.provider_state import day_numbers
from marketdata.tests.scripted import forget_gateway, install
from portfolio_site.kernel.errors import ForbiddenError
from tests.support.own_valkey import OwnValkey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    forget_gateway()
    install(monkeypatch, "vendor")
    pauses: list[float] = []
    monkeypatch.setattr(calling, "_sleep", pauses.append)
    monkeypatch.setattr(records, "EVERY_SECONDS", 0.0)
    return pauses


class Asked:
    """A question whose answers are a list: an exception is raised, anything else returned."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.times = 0

    def __call__(self) -> Any:
        self.times += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def ask(question: Callable[[], Any], **options: Any) -> Any:
    return gateway.call("vendor", "quotes", question, **options)


def health() -> ProviderHealth:
    return ProviderHealth.objects.get(provider="vendor")


class TestTries:
    def test_an_answer_is_an_answer(self) -> None:
        assert ask(Asked("fine")) == "fine"

    def test_what_cannot_be_reached_is_tried_three_times_with_growing_pauses(
        self, slept: list[float]
    ) -> None:
        question = Asked(ProviderUnavailable("timed out"), ProviderUnavailable("502"), "fine")
        assert ask(question) == "fine"
        assert question.times == 3
        assert 0 < slept[0] <= 0.5
        assert 0 < slept[1] <= 2.0

    def test_and_then_given_up(self) -> None:
        question = Asked(ProviderUnavailable("down"))
        with pytest.raises(ProviderUnavailable):
            ask(question)
        assert question.times == 3

    @pytest.mark.parametrize(
        "error", [BadAnswer("html"), NotAuthorised("401"), SymbolUnknown("?"), RateLimited("429")]
    )
    def test_what_asking_again_does_not_mend_is_asked_once(self, error: ProviderError) -> None:
        question = Asked(error)
        with pytest.raises(type(error)):
            ask(question)
        assert question.times == 1

    def test_a_short_rest_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calling, "_sleep", time.sleep)
        question = Asked(RateLimited("429", retry_after=0.2), "fine")
        assert ask(question) == "fine"

    def test_no_more_tries_when_time_is_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calling, "PATIENCE_SECONDS", 0.0)
        question = Asked(ProviderUnavailable("hung"))
        with pytest.raises(ProviderUnavailable):
            ask(question)
        assert question.times == 1

    def test_a_fault_of_the_adapter_is_an_error_of_the_provider(self) -> None:
        with pytest.raises(BadAnswer, match="KeyError"):
            ask(Asked(KeyError("price")))


class TestLeftAlone:
    def test_after_429_nobody_asks_until_the_time_is_over(self) -> None:
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("429", retry_after=300)))
        question = Asked("fine")
        with pytest.raises(NotAsked) as refusal:
            ask(question)
        assert (refusal.value.reason, question.times) == (Reason.RESTING, 0)
        assert 295 < refusal.value.retry_in <= 300

    def test_what_keeps_failing_is_left_alone_and_probed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(2):
            with pytest.raises(ProviderUnavailable):
                ask(Asked(ProviderUnavailable("down")), tries=2)
        question = Asked("fine")
        with pytest.raises(NotAsked) as refusal:
            ask(question)
        assert refusal.value.reason is Reason.OPEN
        assert question.times == 0
        gate.reset("vendor")
        assert ask(question) == "fine"

    def test_tries_end_when_the_breaker_opens(self) -> None:
        with pytest.raises(ProviderUnavailable):
            ask(Asked(ProviderUnavailable("down")))
        question = Asked(ProviderUnavailable("down"))
        with pytest.raises((ProviderUnavailable, NotAsked)):
            ask(question)
        assert question.times == 1, "the fourth failure opened it"

    def test_not_knowing_a_symbol_is_no_failure(self) -> None:
        for _ in range(states.FAILURES_TO_OPEN + 1):
            with pytest.raises(SymbolUnknown):
                ask(Asked(SymbolUnknown("?")))
        assert health().state == ProviderState.OK

    def test_requests_that_an_answer_took_count(self, settings: Any) -> None:
        settings.PROVIDER_LIMITS = {"vendor": (None, 5)}
        ask(Asked(QuoteBatch(calls=4)))
        ask(Asked("fine"))
        with pytest.raises(NotAsked) as refusal:
            ask(Asked("fine"))
        assert refusal.value.reason is Reason.DAY


class TestRecords:
    def test_say_what_happened(self) -> None:
        ask(Asked("fine"))
        row = health()
        assert (row.state, row.calls, row.failures) == (ProviderState.OK, 1, 0)
        assert row.last_success_at is not None
        with pytest.raises(ProviderUnavailable):
            ask(Asked(ProviderUnavailable("connection refused")), tries=1)
        row = health()
        assert (row.state, row.calls, row.failures) == (ProviderState.FAILING, 2, 1)
        assert (row.last_failure_kind, row.last_failure) == ("unavailable", "connection refused")
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("too many", retry_after=60)))
        row = health()
        assert row.state == ProviderState.RESTING
        assert row.closed_until is not None
        assert 55 < (row.closed_until - timezone.now()).total_seconds() <= 60

    def test_since_is_when_it_began(self, time_machine: Any) -> None:
        time_machine.move_to("2026-11-20T10:00:00Z", tick=False)
        ask(Asked("fine"))
        begun = health().since
        time_machine.shift(60)
        ask(Asked("fine"))
        assert health().since == begun
        time_machine.shift(60)
        with pytest.raises(BadAnswer):
            ask(Asked(BadAnswer("html")))
        assert health().since == begun + timedelta(minutes=2)

    def test_numbers_have_kinds_and_times(self) -> None:
        ask(Asked("fine"))
        with pytest.raises(BadAnswer):
            ask(Asked(BadAnswer("html")))
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("too many", retry_after=60)))
        with pytest.raises(NotAsked):
            ask(Asked("fine"))
        numbers = day_numbers(["vendor"], timezone.now().date())["vendor"]
        assert (numbers.calls, numbers.failures, numbers.refused) == (3, 2, 1)
        assert numbers.by_kind == {"bad_answer": 1, "limited": 1, "resting": 1}
        assert numbers.percentile_ms(0.95) == 100

    def test_the_row_is_written_now_and_then_only(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
    ) -> None:
        monkeypatch.setattr(records, "EVERY_SECONDS", 60.0)
        ask(Asked("fine"))
        with django_assert_num_queries(0):
            ask(Asked("fine"))


class TestSingleFlight:
    def test_threads_that_want_the_same_get_one_answer(self) -> None:
        released, entered = threading.Event(), threading.Event()
        times: list[int] = []

        def question() -> str:
            times.append(1)
            entered.set()
            released.wait(5)
            return "fine"

        # The first one holds the flight; the others only ever wait for it, so no thread touches the database.
        answers: list[str] = []

        def follow() -> None:
            answers.append(ask(question, key="AAPL", wait=5))
            connection.close()

        followers = [threading.Thread(target=follow) for _ in range(8)]

        def release() -> None:
            entered.wait(5)
            for thread in followers:
                thread.start()
            time.sleep(0.3)
            released.set()

        helper = threading.Thread(target=release)
        helper.start()
        answers.append(ask(question, key="AAPL"))
        helper.join()
        for thread in followers:
            thread.join()
        assert answers == ["fine"] * 9
        assert len(times) == 1

    def test_another_process_that_asks_is_waited_for(self) -> None:
        from django.core.cache import cache

        from marketdata.operations.gateway import flight
        from portfolio_site.kernel import valkey

        valkey.client().set("hf:gateway:flight:vendor:quotes:X", "theirs", ex=30)

        def land() -> None:
            time.sleep(0.2)
            cache.set(flight._ready("vendor:quotes:X"), flight._Landed(answer="from there"), timeout=5)

        thread = threading.Thread(target=land)
        thread.start()
        assert ask(Asked("from here"), key="X") == "from there"
        thread.join()

    def test_who_is_not_answered_in_time_is_told_so(self) -> None:
        from portfolio_site.kernel import valkey

        valkey.client().set("hf:gateway:flight:vendor:quotes:X", "theirs", ex=30)
        with pytest.raises(NotAsked) as refusal:
            ask(Asked("fine"), key="X", wait=0.1)
        assert refusal.value.reason is Reason.BUSY
        assert refusal.value.is_momentary

    def test_an_error_is_everybodys_error_and_the_next_may_ask(self) -> None:
        with pytest.raises(BadAnswer):
            ask(Asked(BadAnswer("html")), key="X")
        assert ask(Asked("fine"), key="X") == "fine"

    def test_different_questions_do_not_wait_for_each_other(self) -> None:
        assert ask(lambda: ask(Asked("inner"), key="Y"), key="X") == "inner"


class TestWithoutValkey:
    @pytest.fixture
    def server(self, own_valkey: OwnValkey, settings: Any) -> OwnValkey:
        settings.REDIS_LOCATION = own_valkey.url
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_valkey.url}}
        forget_gateway()
        return own_valkey

    def test_questions_go_on(self, server: OwnValkey) -> None:
        assert ask(Asked("fine")) == "fine"
        server.kill()
        assert ask(Asked("fine")) == "fine"
        assert ask(Asked("fine"), key="AAPL") == "fine"
        with pytest.raises(ProviderUnavailable):
            ask(Asked(ProviderUnavailable("down")), key="AAPL")

    def test_limits_hold_for_the_process(self, server: OwnValkey, settings: Any) -> None:
        settings.PROVIDER_LIMITS = {"vendor": (12, None)}
        server.kill()
        ask(Asked("fine"))
        with pytest.raises(NotAsked) as refusal:
            ask(Asked("fine"))
        assert refusal.value.reason is Reason.MINUTE

    def test_a_rest_asked_for_before_holds(self, server: OwnValkey) -> None:
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("429", retry_after=300)))
        server.kill()
        question = Asked("fine")
        with pytest.raises(NotAsked):
            ask(question)
        assert question.times == 0

    def test_a_restart_in_the_middle_loses_no_rest_and_no_count(
        self, server: OwnValkey, settings: Any
    ) -> None:
        settings.PROVIDER_LIMITS = {"vendor": (None, 3)}
        for _ in range(2):
            ask(Asked("fine"))
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("429", retry_after=300)))
        server.kill()
        server.start()
        time.sleep(0.1)
        # A new process, which knows only what is on record.
        local.forget()
        with pytest.raises(NotAsked) as refusal:
            ask(Asked("fine"))
        assert refusal.value.reason is Reason.RESTING
        gate.reset("vendor")
        with pytest.raises(NotAsked) as refusal:
            ask(Asked("fine"))
        assert refusal.value.reason is Reason.DAY, "three calls had gone out"

    def test_calls_made_meanwhile_are_counted(self, server: OwnValkey) -> None:
        server.kill()
        ask(Asked("fine"))
        ask(Asked("fine"))
        assert health().calls == 2

    def test_it_may_die_between_question_and_answer(self, server: OwnValkey) -> None:
        def question() -> str:
            server.kill()
            return "fine"

        assert ask(question, key="AAPL") == "fine"
        assert health().state == ProviderState.OK

    def test_a_hanging_one_holds_nobody_up_for_long(self, server: OwnValkey) -> None:
        ask(Asked("fine"))
        server.freeze()
        begun = time.monotonic()
        assert ask(Asked("fine"), key="AAPL") == "fine"
        assert time.monotonic() - begun < 6
        server.thaw()


class TestReset:
    def test_is_for_administrators(self, owner: Any) -> None:
        for person in (owner, AnonymousUser()):
            with pytest.raises(ForbiddenError):
                gateway.reset_provider(provider="vendor", actor=person, now=timezone.now())

    def test_lets_the_next_question_out(self, admin_user: Any) -> None:
        with pytest.raises(RateLimited):
            ask(Asked(RateLimited("429", retry_after=300)))
        gateway.reset_provider(provider="vendor", actor=admin_user, now=timezone.now())
        assert health().state == ProviderState.UNKNOWN
        assert ask(Asked("fine")) == "fine"
