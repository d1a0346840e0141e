"""Market data providers: the random numbers of the simulation.

Nothing is drawn from a stream: each number is a hash of the seed, a name and a place, so that any day and any
instant can be asked for by itself and every process gets the same answer.

A walk is a Brownian motion with a variance of 1 a day. Its value at the start of each day is a running sum;
within a day it is a Brownian bridge in Lévy's construction, whose midpoints are hashed level by level (17 of
them: finer than a second).
"""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

#: The walks begin here, at 0.
ORIGIN = date(2000, 1, 1)
#: 2**17 = 131 072 steps a day.
LEVELS = 17
_CHUNK_DAYS = 1024

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
_Words = np.ndarray[Any, np.dtype[np.uint64]]


@lru_cache(maxsize=4096)
def key(seed: int, name: str) -> int:
    """Return the 64-bit key of a named walk under a seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "little")


def _mix(words: _Words) -> _Words:
    """Splitmix64's finisher (Steele, Lea, Flood 2014): every bit of the input changes every bit of the
    output."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def normals(keys: Any, places: Any) -> Floats:
    """Return a standard normal number for each key and place (both broadcast, as unsigned 64-bit), by Box and
    Muller."""
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        spread = _mix(np.asarray(places, dtype=np.uint64) * step + step)
        words = _mix(np.bitwise_xor(np.asarray(keys, dtype=np.uint64), spread))
    first = ((words >> np.uint64(32)).astype(np.float64) + 0.5) / 2.0**32
    second = ((words & np.uint64(0xFFFFFFFF)).astype(np.float64) + 0.5) / 2.0**32
    result: Floats = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return result


def day_number(day: date) -> int:
    """Days since the origin."""
    return (day - ORIGIN).days


@lru_cache(maxsize=512)
def _walk(walk_key: int, chunks: int) -> Floats:
    steps = normals(walk_key, np.arange(chunks * _CHUNK_DAYS, dtype=np.uint64))
    path = np.concatenate(([0.0], np.cumsum(steps)))
    path.setflags(write=False)
    return path


def at_day_starts(walk_key: int, last_day: int) -> Floats:
    """Return the walk at the start of day 0, 1, … up to at least `last_day` (read-only)."""
    return _walk(walk_key, last_day // _CHUNK_DAYS + 1)


def _bridge_place(day: Any, level: int, cell: Any) -> Any:
    """A place for the midpoint of a cell of a level of a day that no step of the walk itself uses."""
    return (np.asarray(day, dtype=np.uint64) << np.uint64(20)) + np.uint64((1 << 60) + (1 << level)) + cell


def bridge(walk_keys: Any, day: int, fraction: float) -> Floats:
    """Return how far each walk is, at a fraction of a day (0 ≤ fraction ≤ 1), from the line between its
    ends."""
    keys = np.asarray(walk_keys, dtype=np.uint64)
    moved = np.zeros(keys.shape)
    for level in range(LEVELS):
        place = fraction * (1 << level)
        cell = int(place)
        tent = 1.0 - abs(2.0 * (place - cell) - 1.0)
        if tent:
            moved += normals(keys, _bridge_place(day, level, np.uint64(cell))) * (
                tent * 2.0 ** (-level / 2 - 1)
            )
    return moved


def bridge_at(walk_key: int, day: int, fractions: Floats) -> Floats:
    """Return how far one walk is from the line between the ends of a day, at many fractions of it (0 to 1)."""
    moved = np.zeros(fractions.shape)
    for level in range(LEVELS):
        places = fractions * (1 << level)
        cells = np.minimum(places.astype(np.uint64), np.uint64((1 << level) - 1))
        tents = 1.0 - np.abs(2.0 * (places - cells) - 1.0)
        moved += normals(walk_key, _bridge_place(day, level, cells)) * (tents * 2.0 ** (-level / 2 - 1))
    return moved


def bridge_grid(walk_key: int, days: Any, levels: int) -> Floats:
    """Return the bridge on a grid: one row a day, 2**levels − 1 inner points that agree with `bridge`
    there."""
    numbers = np.asarray(days, dtype=np.uint64)
    fractions = np.arange(1, 1 << levels) / (1 << levels)
    moved = np.zeros((len(numbers), len(fractions)))
    for level in range(levels):
        cells = (fractions * (1 << level)).astype(np.uint64)
        tents = 1.0 - np.abs(2.0 * (fractions * (1 << level) - cells.astype(np.float64)) - 1.0)
        unique = normals(
            walk_key, _bridge_place(numbers[:, None], level, np.arange(1 << level, dtype=np.uint64)[None, :])
        )
        moved += unique[:, cells.astype(np.int64)] * (tents * 2.0 ** (-level / 2 - 1))
    return moved
