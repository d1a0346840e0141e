"""The ground floor: speaking to Valkey or Redis so that its absence costs moments, not minutes."""

from __future__ import annotations

import os
import time
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1
from threading import Lock
from typing import Any
from weakref import WeakSet

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

log = structlog.get_logger(__name__)

#: Valkey answers within a millisecond. What takes this long is not there.
ANSWER_SECONDS = 1.0
CONNECT_SECONDS = 0.5

#: What may come out of a call when the server is away, restarts, is full or is still loading.
UNREACHABLE = (redis.RedisError, OSError)

#: How long nobody asks again after a connection failed; twice as long each time it fails again, up to the longest.
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
#: At most one line in the log in this time, with the number of calls that failed since the last.
LOG_SECONDS = 10.0


def connection_options() -> dict[str, Any]:
    """Options for a connection pool: short time-outs, and one new try for a connection that the server has closed.

    The library's own default is to try again with pauses that add up to many seconds, in the middle of a page.
    """
    return {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }


def client() -> redis.Redis:
    """Return this process's client for what is shared between processes (not for the cache, which has its own).

    Every call may raise one of `UNREACHABLE`.
    """
    return _client(settings.REDIS_LOCATION)


@lru_cache(maxsize=4)
def _client(location: str) -> redis.Redis:
    made: redis.Redis = redis.Redis.from_url(location, **connection_options())
    return made


def own_connection() -> Any:
    """Return a connection, not yet opened, for one who keeps it and closes it himself.

    It does not come from the pool of `client`: what the pool makes counts as one of its hundred until it is given back.
    """
    pool = client().connection_pool
    return pool.connection_class(**pool.connection_kwargs)


@dataclass(slots=True)
class _Absence:
    """How long nobody asks a server that one of them found away."""

    away_until: float = 0.0
    pause: float = 0.0

    def begin(self, instant: float) -> None:
        """It was found away; by whoever asked at the same time as well, which makes it no longer."""
        if instant >= self.away_until:
            self.pause = min(self.pause * 2 or PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            self.away_until = instant + self.pause

    def end(self) -> None:
        """It answered."""
        if self.pause:
            self.away_until = self.pause = 0.0


_absences: defaultdict[str, _Absence] = defaultdict(_Absence)


@dataclass(eq=False)
class Outage:
    """What the threads of a process know of the server's absence, as far as one use of it goes (`what`).

    For a moment after a failure nobody asks again, so that a server that hangs costs one time-out and not one for
    each call. What one use found away is away for the others, too; all but those that are ``alone``, whose skipped call
    would be missed. ``server`` is its address where that is not `REDIS_LOCATION`.
    """

    what: str
    server: str = ""
    alone: bool = False
    failures: int = 0
    since: float | None = None
    last_error: str = ""
    _away_until: float = 0.0
    _pause: float = 0.0
    _untold: int = 0
    _told_at: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        _outages.add(self)

    def is_on(self) -> bool:
        """Whether the server was found away a moment ago."""
        instant = time.monotonic()
        return instant < self._away_until or (not self.alone and instant < self._shared.away_until)

    @property
    def _shared(self) -> _Absence:
        return _absences[self.server or settings.REDIS_LOCATION]

    def note(self, error: Exception) -> None:
        """Count a failed call; a lost connection makes everybody wait a moment before the next try."""
        instant = time.monotonic()
        with self._lock:
            self.failures += 1
            self._untold += 1
            self.last_error = f"{type(error).__name__}: {error}"[:200]
            if not isinstance(error, redis.ResponseError):
                self._pause = min(self._pause * 2 or PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                self._away_until = instant + self._pause
                self._shared.begin(instant)
                self.since = self.since or time.time()
            if instant - self._told_at < LOG_SECONDS:
                return
            failed, self._untold, self._told_at = self._untold, 0, instant
        log.warning("valkey_away", what=self.what, failed_calls=failed, error=self.last_error)

    def over(self) -> None:
        """Note that a call was answered."""
        self._shared.end()
        if self.since is None:
            return
        with self._lock:
            away, self.since = self.since, None
            self._pause = self._away_until = 0.0
        if away is not None:
            log.warning("valkey_back", what=self.what, away_seconds=round(time.time() - away, 1))

    def forget(self) -> None:
        """Begin anew, as in a new process."""
        with self._lock:
            self.failures, self.since, self.last_error = 0, None, ""
            self._away_until = self._pause = 0.0
            self._untold, self._told_at = 0, float("-inf")
        self._shared.end()


_outages: WeakSet[Outage] = WeakSet()


def forget_outages() -> None:
    """Let every use of the server be tried at once again."""
    for outage in list(_outages):
        outage.forget()


class Script:
    """A Lua script that works on one key, in one round trip and without the client's own ceremony: what is asked with
    every request of a program is worth a connection that is taken and given back without looking at it twice.

    ``script(key, *arguments)`` returns its answer, or raises one of `UNREACHABLE`. A connection that the server closed
    meanwhile is opened anew, once.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, key: str, *arguments: float) -> Any:
        """Run it."""
        try:
            return _exchange("EVALSHA", self._digest, 1, key, *arguments)
        except NoScriptError:
            # New to this server, or it was restarted.
            return _exchange("EVAL", self._text, 1, key, *arguments)


#: Connections that nobody uses at the moment, the last used first; as many as ever were used at once.
_idle: dict[str, deque[Any]] = {}
# A forked process opens its own.
os.register_at_fork(after_in_child=_idle.clear)


def _exchange(*command: Any) -> Any:
    location = settings.REDIS_LOCATION
    idle = _idle.setdefault(location, deque())
    connection = answer = None
    with suppress(IndexError):
        connection = idle.pop()
    if connection is not None:
        try:
            answer = _ask(connection, command)
        except redis.ConnectionError:
            # The server was restarted since: all that were opened before are gone as well.
            idle.clear()
            connection = None
    if connection is None:
        connection = own_connection()
        answer = _ask(connection, command)
    idle.append(connection)
    if isinstance(answer, redis.RedisError):
        raise answer
    return answer


def _ask(connection: Any, command: tuple[Any, ...]) -> Any:
    """The answer, or the server's own refusal of the command; raises when the connection failed."""
    try:
        connection.send_command(*command)
        return connection.read_response()
    except redis.ResponseError as refusal:
        return refusal
    except BaseException:
        # What it would say next belongs to this question.
        connection.disconnect()
        raise
