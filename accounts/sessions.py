"""Accounts: where sessions are kept. The row in the database is the session; the cache saves reading it.

The cache may be away, restarted from an older snapshot, or cut off from this process only. None of that may revive a
session that was ended:

- a copy lives a minute in the cache, so what could not be replaced there is soon gone by itself;
- a session that is ended while its copy cannot be removed raises the person's `session_epoch`, which the hash
  in every session is made of: all sessions of that person end at once, everywhere, whatever the cache says later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import SessionStore as CachedDbStore
from django.core.cache import caches
from django.db.models import F
from django.utils.crypto import constant_time_compare

from accounts.models import User
from portfolio_site.kernel.cache import CacheUnreachable

log = structlog.get_logger(__name__)

#: A session is read from the database about once in this time.
COPY_SECONDS = 60


class SessionStore(CachedDbStore):
    """Django's cached, database-backed sessions with short-lived copies, and an end that is an end."""

    cache_key_prefix = "accounts.session:"

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache: Any = _Copies(caches[settings.SESSION_CACHE_ALIAS])
        self._is_renewing = False

    def delete(self, session_key: str | None = None) -> None:
        """End a session for good, also while the cache cannot be told."""
        key = session_key or self.session_key
        if key is None:
            return
        person = None if self._is_renewing else self._opens_for(key)
        try:
            super().delete(key)
        except CacheUnreachable:
            if person is not None:
                _end_all_of(person)

    async def adelete(self, session_key: str | None = None) -> None:
        """The same for asynchronous callers."""
        await sync_to_async(self.delete)(session_key)

    def cycle_key(self) -> None:
        """Go on under a new key. The old copy may stay for its minute: it opens nothing that the person could not."""
        with self._renewing():
            super().cycle_key()

    async def acycle_key(self) -> None:
        """The same for asynchronous callers."""
        with self._renewing():
            await super().acycle_key()

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        self._is_renewing = True
        try:
            yield
        finally:
            self._is_renewing = False

    def _opens_for(self, session_key: str) -> User | None:
        """The person whom this session lets in; None for a visitor's, and for one that was worthless already."""
        row = self.model.objects.filter(session_key=session_key).first()
        data = {} if row is None else self.decode(row.session_data)
        person = User.objects.filter(pk=data[SESSION_KEY]).first() if SESSION_KEY in data else None
        if person is None or not constant_time_compare(
            data.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash()
        ):
            return None
        return person


def _end_all_of(person: User) -> None:
    User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)
    log.warning("sessions_ended_without_cache", user_id=person.pk)


class _Copies:
    """The cache as sessions use it: nothing lives longer than a copy may, and what is deleted is gone or it raises."""

    def __init__(self, cache: Any) -> None:
        self._inner = cache

    def get(self, key: str) -> Any:
        return self._inner.get(key)

    async def aget(self, key: str) -> Any:
        return await self._inner.aget(key)

    def set(self, key: str, value: Any, timeout: float) -> None:
        self._inner.set(key, value, min(timeout, COPY_SECONDS))

    async def aset(self, key: str, value: Any, timeout: float) -> None:  # noqa: ASYNC109 - how long it is kept
        await self._inner.aset(key, value, min(timeout, COPY_SECONDS))

    def __contains__(self, key: str) -> bool:
        return key in self._inner

    def delete(self, key: str) -> None:
        """Remove a copy; raises `CacheUnreachable` where a cache can be away."""
        surely = getattr(self._inner, "delete_surely", self._inner.delete)
        surely(key)
