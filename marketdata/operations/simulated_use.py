"""Market data operations: what was built on simulated prices, and would make no sense at real ones.

Rooms above know what was traded; they put a function into this registry when the site starts (`AppConfig.ready`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

Source = Callable[[Collection[int]], Iterable[int]]

_sources: dict[str, Source] = {}


def register_simulated_use(words: str, source: Source) -> None:
    """Put a function into the registry that returns which of some instruments something was traded in at the prices
    they have had, in one statement. `words` says by what ("orders of practice accounts")."""
    _sources[words] = source


def used_at_simulated_prices(ids: Collection[int]) -> dict[int, str]:
    """Return which of these instruments are bound to the prices they have, and by what."""
    found: dict[int, str] = {}
    for words, source in _sources.items() if ids else ():
        found.update(dict.fromkeys(source(ids), words))
    return found
