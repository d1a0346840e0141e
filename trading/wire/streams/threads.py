"""The wire's streams: asking the database from the event loop, so that no socket waits for another's query."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async

P = ParamSpec("P")
T = TypeVar("T")


async def aside(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` in a worker thread with a database connection of its own."""
    return cast("T", await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs))
