"""Market data operations: the instruments that matter now: held, watched, in open orders or alerts, looked at.

They are refreshed often, everything else rarely. Rooms above know what is held or ordered; they put a function
into this registry when the site starts (`AppConfig.ready`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from marketdata.models import WatchlistItem
from marketdata.queries import attention, watched_by
from marketdata.queries.personal import register_concern

Source = Callable[[], Iterable[int]]

_sources: dict[str, Source] = {}


def register_interest(
    name: str, source: Source, *, of_person: Callable[[Any], Iterable[int]] | None = None, word: str = ""
) -> None:
    """Put a source of interest into the registry: a function that returns ids of instruments, in one statement. A
    second one of the same name replaces the first.

    `of_person` returns those of one person, and `word` says in a word why: for the page that tells people which of
    their prices are old.
    """
    _sources[name] = source
    if of_person is not None:
        register_concern(word or name, of_person)


def instruments_that_matter() -> set[int]:
    """Return the ids of everything that somebody has an interest in now."""
    found = attention.recently_looked_at()
    for source in _sources.values():
        found.update(source())
    return found


def _watched() -> Iterable[int]:
    return WatchlistItem.objects.values_list("instrument_id", flat=True).distinct()


register_interest("watchlists", _watched, of_person=watched_by, word="watched")
