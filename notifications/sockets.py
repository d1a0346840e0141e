"""The bell: what a socket asks the site, from its event loop: in threads, so that no socket waits for another's query."""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any, Final, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user, get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.module_loading import import_string

from marketdata.models import Instrument
from notifications import queries
from notifications.queries import Missed

BEAT: Final = 25
"""Seconds between two signs of life."""
CHECK: Final = 30
"""Seconds between two looks at the session."""
HELLO_WITHIN: Final = 10
"""Seconds that a page has to say hello."""

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(function: Callable[P, T]) -> Any:
    """``function`` as a coroutine that runs in a worker thread with a database connection of its own."""
    return database_sync_to_async(function, thread_sensitive=False)


async def last_number(user_id: int) -> int:
    """The number of the person's latest event."""
    return cast("int", await in_thread(queries.last_number)(user_id))


async def missed_events(user_id: int, after: int) -> Missed:
    """The person's events after a number."""
    return cast("Missed", await in_thread(queries.missed_events)(user_id=user_id, after=after))


async def visible_instruments(user_id: int, ids: Collection[int]) -> frozenset[int]:
    """Those of ``ids`` that the person may see."""
    return cast("frozenset[int]", await in_thread(_visible)(user_id, ids))


async def last_number_if_allowed(user_id: int, session_key: str | None) -> int | None:
    """The number of the person's latest event; None when the session no longer is theirs.

    The session must exist, not have run out, belong to this person, fit the password, and the person must be active.
    """
    return cast("int | None", await in_thread(_last_number_if_allowed)(user_id, session_key))


def is_own_origin(scope: dict[str, Any]) -> bool:
    """Whether a socket was opened by a page of this site (or by a program, which sends no Origin)."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    trusted = {settings.SITE_URL, *settings.CSRF_TRUSTED_ORIGINS}
    return urlsplit(origin).netloc.lower() == host or origin in trusted


def _visible(user_id: int, ids: Collection[int]) -> frozenset[int]:
    if not ids:
        return frozenset()
    user = get_user_model().objects.get(pk=user_id)
    return frozenset(Instrument.objects.visible_to(user).filter(pk__in=set(ids)).values_list("pk", flat=True))


def _last_number_if_allowed(user_id: int, session_key: str | None) -> int | None:
    if not session_key:
        return None
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    session = store(session_key)
    if str(session.get(SESSION_KEY, "")) != str(user_id):
        return None
    # Django's own judgement of a session: backend, active person, hash of the password.
    user = get_user(cast("HttpRequest", SimpleNamespace(session=session)))
    if not user.is_authenticated or not user.is_active:
        return None
    return queries.last_number(user_id)
