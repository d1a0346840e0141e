"""The ground floor: a cache that may be away.

Pages ask the cache often and must not fall over when Valkey is restarted. A call that cannot be answered counts as
a miss, is counted and logged, and for a moment nobody asks again, so that a server that hangs costs one time-out and
not one for each call. What guards against too many tries (`LOCAL_WHEN_AWAY`) is meanwhile kept in this
process's memory: limits hold per process instead of not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

from .valkey import UNREACHABLE, Outage, connection_options

T = TypeVar("T")

#: So many that nobody makes a limit forgotten by filling the memory with others.
LOCAL_ENTRIES = 20_000


class CacheUnreachable(Exception):
    """The cache could not be told something that matters; it may still say the old thing when it is back."""


_outages: dict[str, Outage] = {}


class TolerantRedisCache(RedisCache):
    """Django's Redis cache whose failures are misses. Option `LOCAL_WHEN_AWAY`: prefixes of keys that are kept in
    this process while the server is away."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = dict(params.get("OPTIONS", {}))
        self._local_prefixes = tuple(options.pop("LOCAL_WHEN_AWAY", ()))
        super().__init__(server, {**params, "OPTIONS": {**connection_options(), **options}})
        location = server if isinstance(server, str) else ",".join(server)
        self.outage = _outages.setdefault(location, Outage("cache", server=location))
        # One memory for all threads of the process: Django makes a cache object for each.
        self._local: BaseCache = LocMemCache(
            f"tolerant:{location}", {**params, "OPTIONS": {"MAX_ENTRIES": LOCAL_ENTRIES}}
        )

    # -- the calls -----------------------------------------------------------------------------------------------

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or `default` when there is none or nobody to ask."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).get(key, default, version),
            lambda: self._local.get(key, default, version) if self._is_local(key) else default,
        )

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return what is there of `keys`; nothing when there is nobody to ask."""
        wanted = list(keys)
        if not wanted:
            return {}
        return self._ask(lambda: super(TolerantRedisCache, self).get_many(wanted, version), dict)

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Store a value, if there is somebody to tell."""
        self._ask(
            lambda: super(TolerantRedisCache, self).set(key, value, timeout, version),
            lambda: self._local.set(key, value, timeout, version) if self._is_local(key) else None,
        )

    def set_many(
        self,
        data: Mapping[Any, Any],
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        """Store values; returns the keys that could not be stored."""
        if not data:
            return []
        return self._ask(
            lambda: super(TolerantRedisCache, self).set_many(dict(data), timeout, version), lambda: list(data)
        )

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value unless there is one. While the server is away, being first in this process has to do."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).add(key, value, timeout, version),
            lambda: self._local.add(key, value, timeout, version),
        )

    def touch(self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Give a value more time; False when it is not there."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).touch(key, timeout, version),
            lambda: self._local.touch(key, timeout, version),
        )

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget a value. Where it matters that it is gone, use `delete_surely`."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).delete(key, version),
            lambda: self._local.delete(key, version),
        )

    def delete_surely(self, key: Any, version: int | None = None) -> None:
        """Forget a value, or raise `CacheUnreachable`: it may be there again when the server is back."""
        self._local.delete(key, version)
        try:
            super().delete(key, version)
        except UNREACHABLE as error:
            self.outage.note(error)
            raise CacheUnreachable(str(error)) from error

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Forget values."""
        unwanted = list(keys)
        if unwanted:
            self._ask(
                lambda: super(TolerantRedisCache, self).delete_many(unwanted, version),
                lambda: self._local.delete_many(unwanted, version),
            )

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether there is a value."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).has_key(key, version),
            lambda: self._is_local(key) and self._local.has_key(key, version),
        )

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count up; `ValueError` when there is nothing to count from."""
        return self._ask(
            lambda: super(TolerantRedisCache, self).incr(key, delta, version),
            lambda: self._local.incr(key, delta, version),
        )

    def clear(self) -> bool:  # type: ignore[override]
        """Forget everything."""
        self._local.clear()
        return self._ask(lambda: bool(super(TolerantRedisCache, self).clear()), lambda: False)

    # -- how -----------------------------------------------------------------------------------------------------

    def _is_local(self, key: Any) -> bool:
        return str(key).startswith(self._local_prefixes)

    def _ask(self, server: Callable[[], T], otherwise: Callable[[], T]) -> T:
        if self.outage.is_on():
            return otherwise()
        try:
            answer = server()
        except UNREACHABLE as error:
            self.outage.note(error)
            return otherwise()
        self.outage.over()
        return answer
