"""The ground floor: what each running event loop has one of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OfLoop(Generic[T]):
    """Called, the thing of the running event loop, made when it is first asked for; those of loops that ended are forgotten."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}

    def __call__(self) -> T:
        """Raises ``RuntimeError`` outside of an event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            for ended in [other for other in self._made if other.is_closed()]:
                del self._made[ended]
            self._made[loop] = self._make()
        return self._made[loop]
