"""Market data operations: single flight. Of several who want the same at a time one asks; the others get its answer."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar

from django.core.cache import cache

from marketdata.operations.gateway.gate import outage
from marketdata.operations.gateway.refusals import NotAsked
from marketdata.providers.base import BadAnswer, ProviderError, ProviderUnavailable, WrongCurrency
from portfolio_site.kernel import valkey

T = TypeVar("T")

#: A flight that has not landed by then has crashed with its process.
_LONGEST_SECONDS: Final = 90
#: How long an answer lies ready for those who waited in other processes.
_READY_SECONDS: Final = 10
_LOOK_EVERY_SECONDS: Final = 0.05

# Remove the lock only if it is still ours.
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class StillFlying(Exception):
    """Somebody else is asking, and has not come back in time."""


@dataclass(frozen=True)
class _Landed:
    """An answer, or the error that came instead, for other processes."""

    answer: Any = None
    error: ProviderError | None = None


_here: dict[str, Future[Any]] = {}
_lock = Lock()


def fly(key: str, ask: Callable[[], T], *, wait: float) -> T:
    """Ask, or wait up to `wait` seconds for the answer of who is asking the same already.

    Raises what `ask` raises (also where another one asked), and `StillFlying`.
    """
    with _lock:
        leader = _here.get(key)
        mine: Future[T] | None = None
        if leader is None:
            _here[key] = mine = Future()
    if mine is None:
        assert leader is not None
        try:
            answer: T = leader.result(timeout=wait)
        except NotInTime as error:
            raise StillFlying from error
        return answer
    try:
        result = _fly_among_processes(key, ask, wait=wait)
    except BaseException as error:
        mine.set_exception(error if isinstance(error, (ProviderError, StillFlying)) else StillFlying())
        # Nobody may be waiting; an exception that is never looked at is no news.
        mine.exception()
        raise
    else:
        mine.set_result(result)
        return result
    finally:
        with _lock:
            del _here[key]


def _fly_among_processes(key: str, ask: Callable[[], T], *, wait: float) -> T:
    deadline = time.monotonic() + wait
    while True:
        with _only_one(key) as is_ours:
            if is_ours:
                return _ask_and_leave_ready(key, ask)
        landed: _Landed | None = cache.get(_ready(key))
        if landed is not None:
            if landed.error is not None:
                raise landed.error
            found: T = landed.answer
            return found
        if time.monotonic() >= deadline:
            raise StillFlying
        time.sleep(_LOOK_EVERY_SECONDS)


def _ask_and_leave_ready(key: str, ask: Callable[[], T]) -> T:
    cache.delete(_ready(key))
    try:
        answer = ask()
    except ProviderError as error:
        cache.set(_ready(key), _Landed(error=_portable(error)), timeout=_READY_SECONDS)
        raise
    cache.set(_ready(key), _Landed(answer=answer), timeout=_READY_SECONDS)
    return answer


def _portable(error: ProviderError) -> ProviderError:
    """An error as other processes can read it: those that are made of more than a text become their nearest of kin."""
    if isinstance(error, NotAsked):
        return ProviderUnavailable(str(error))
    return BadAnswer(str(error)) if isinstance(error, WrongCurrency) else error


@contextmanager
def _only_one(key: str) -> Iterator[bool]:
    """Hold the lock that all processes share. Without Valkey everybody holds it: asking twice beats not asking."""
    name, token = f"hf:gateway:flight:{key}", secrets.token_hex(8)
    if outage.is_on():
        yield True
        return
    try:
        is_ours = bool(valkey.client().set(name, token, nx=True, ex=_LONGEST_SECONDS))
    except valkey.UNREACHABLE as error:
        outage.note(error)
        yield True
        return
    try:
        yield is_ours
    finally:
        if is_ours:
            try:
                valkey.client().eval(_UNLOCK, 1, name, token)
            except valkey.UNREACHABLE as error:
                # It runs out by itself.
                outage.note(error)


def _ready(key: str) -> str:
    # What people type is part of the key of a search, and not every character may be part of a cache's.
    return f"marketdata:landed:{hashlib.sha256(key.encode()).hexdigest()}"
