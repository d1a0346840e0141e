"""Market data operations: one question to a provider, with everything that keeps it from going wrong for others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from marketdata.operations.gateway import flight, gate, records
from marketdata.operations.gateway.limits import Quota, quota_of
from marketdata.operations.gateway.refusals import NotAsked, Reason
from marketdata.operations.gateway.states import Admission, Outcome, Standing
from marketdata.providers.base import (
    BadAnswer,
    NotAuthorised,
    NotOffered,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    SymbolUnknown,
    WrongCurrency,
)
from marketdata.queries.provider_state import day_numbers
from portfolio_site.kernel import clock

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Tries of a question that can be asked again without harm; every question to a provider can.
TRIES: Final = 3
#: No new try once this much time has gone: whoever waits wants the stale answer rather than a later one.
PATIENCE_SECONDS: Final = 20.0
#: The longest pause before the second and third try; the real one is anything up to it, so that processes that
#: failed together do not come back together.
_PAUSES: Final = (0.5, 2.0)
#: A Retry-After as short as this is waited for.
_SHORT_REST_SECONDS: Final = 1.5


def call(
    provider_name: str,
    what: str,
    fn: Callable[[], T],
    *,
    key: str | None = None,
    cost: int = 1,
    wait: float = 3.0,
    tries: int = TRIES,
) -> T:
    """Ask a provider: `fn` puts the question and returns the answer. Not to be called inside a transaction.

    `what` names the kind of question in records. `key`: who asks with the same provider, kind and key at a time,
    in whatever process, shares one answer, waiting for it up to `wait` seconds. `cost`: requests to the vendor that the
    call makes; an answer with a `calls` attribute corrects it.

    Tried again, after a pause with jitter, are failures to reach the provider, time-outs and errors of its own
    (`ProviderUnavailable`), and a 429 that asks for a moment's rest; nothing else. Raises `ProviderError` only: those of
    the provider, and `NotAsked` when limits, its own wish or the circuit breaker keep the question from being put.
    """
    if key is None:
        return _with_tries(provider_name, what, fn, cost=cost, tries=tries)
    try:
        return flight.fly(
            f"{provider_name}:{what}:{key}",
            lambda: _with_tries(provider_name, what, fn, cost=cost, tries=tries),
            wait=wait,
        )
    except flight.StillFlying as error:
        raise NotAsked(provider_name, Reason.BUSY, retry_in=1.0) from error


def _with_tries(provider: str, what: str, fn: Callable[[], T], *, cost: int, tries: int) -> T:
    quota, begun = quota_of(provider), time.monotonic()
    for pause in (*_PAUSES[: tries - 1], None):
        try:
            return _once(provider, what, fn, quota=quota, cost=cost)
        except NotAsked:
            raise
        except (ProviderUnavailable, RateLimited) as error:
            rest = _pause_before_another_try(error, pause)
            if rest is None or time.monotonic() - begun + rest > PATIENCE_SECONDS:
                raise
        _sleep(rest)
    raise AssertionError("the last try returns or raises")


def _pause_before_another_try(error: ProviderError, longest: float | None) -> float | None:
    """How long to pause before trying again; None: do not."""
    if longest is None:
        return None
    if isinstance(error, RateLimited):
        asked = error.retry_after
        return asked + 0.01 if asked is not None and 0 <= asked <= _SHORT_REST_SECONDS else None
    return random.uniform(longest / 10, longest)  # noqa: S311 - a pause, not a secret


def _once(provider: str, what: str, fn: Callable[[], T], *, quota: Quota, cost: int) -> T:
    admission = gate.admit(provider, quota, cost, now=clock.now())
    if admission.reason is not None:
        _record_refusal(provider, admission)
        raise NotAsked(provider, admission.reason, admission.retry_in)
    begun = time.monotonic()
    try:
        answer = fn()
    except ProviderError as error:
        _settle_error(provider, what, error, admission, begun, cost)
        raise
    except Exception as error:
        # An adapter that lets another error through has a fault; the page that asked must not suffer for it.
        log.exception("provider_adapter_fault", provider=provider, what=what)
        wrapped = BadAnswer(f"could not be read ({type(error).__name__})")
        _settle_error(provider, what, wrapped, admission, begun, cost)
        raise wrapped from error
    calls = max(cost, int(getattr(answer, "calls", cost)))
    standing = gate.settle(provider, Outcome.ANSWERED, was_probe=admission.is_probe, extra_calls=calls - cost)
    _record(provider, standing, calls=calls, ms=_ms(begun))
    return answer


def _settle_error(
    provider: str, what: str, error: ProviderError, admission: Admission, begun: float, cost: int
) -> None:
    kind = kind_of(error)
    if isinstance(error, RateLimited):
        outcome, retry_after = Outcome.LIMITED, error.retry_after
    else:
        # Not knowing a symbol, or not offering this, is an answer; the provider is well.
        is_answer = isinstance(error, (SymbolUnknown, NotOffered))
        outcome, retry_after = (Outcome.ANSWERED if is_answer else Outcome.FAILED), None
    standing = gate.settle(provider, outcome, was_probe=admission.is_probe, retry_after=retry_after)
    if outcome is Outcome.ANSWERED:
        _record(provider, standing, calls=cost, ms=_ms(begun))
        return
    log.warning("provider_failed", provider=provider, what=what, kind=kind, error=str(error)[:200])
    _record(provider, standing, calls=cost, ms=_ms(begun), kind=kind, failure=str(error))


def kind_of(error: ProviderError) -> str:
    """A short name for what went wrong, for records and for choosing what would help."""
    if isinstance(error, NotAsked):
        return "unavailable" if error.reason is Reason.OPEN else "limited"
    for kind, errors in _KINDS.items():
        if isinstance(error, errors):
            return kind
    return "unavailable"


_KINDS: dict[str, type[ProviderError]] = {
    "limited": RateLimited,
    "unknown_symbol": SymbolUnknown,
    "wrong_currency": WrongCurrency,
    "bad_answer": BadAnswer,
    "not_authorised": NotAuthorised,
    "unavailable": ProviderUnavailable,
}


def _record(
    provider: str, standing: Standing, *, calls: int, ms: int, kind: str = "", failure: str = ""
) -> None:
    now, failures = clock.now(), int(bool(kind))
    if not gate.count(provider, now.date(), calls=calls, failures=failures, refused=0, kind=kind, ms=ms):
        records.tally(provider, calls=calls, failures=failures)
    if records.is_due(provider, records.state_of(standing, failed=bool(kind)).value):
        records.write(
            provider,
            standing,
            now=now,
            numbers=day_numbers([provider], now.date()).get(provider),
            failure_kind=kind,
            failure=failure,
        )


def _record_refusal(provider: str, admission: Admission) -> None:
    assert admission.reason is not None
    if not gate.count(
        provider, clock.now().date(), calls=0, failures=0, refused=1, kind=admission.reason.value, ms=0
    ):
        records.tally(provider, refused=1)


def _ms(begun: float) -> int:
    return int((time.monotonic() - begun) * 1000)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)
