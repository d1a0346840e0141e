"""Market data operations: who asks for which price. A refresh claims the instruments that are due, so that two refreshes
at a time do not ask for the same one; what was claimed is due again after its interval.

Kept in Valkey by its clock; while it is away each process claims for itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final

from portfolio_site.kernel import valkey
from portfolio_site.kernel.valkey import Outage

_KEY: Final = "hf:quotes:asked-at"
_AT_ONCE: Final = 1000

# ARGV: id and milliseconds in turns. Answers the ids that were last claimed longer ago than that.
_CLAIM = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local taken = {}
for n = 1, #ARGV, 2 do
  local last = tonumber(redis.call('HGET', KEYS[1], ARGV[n]) or '0')
  if now - last >= tonumber(ARGV[n + 1]) then
    redis.call('HSET', KEYS[1], ARGV[n], now)
    taken[#taken + 1] = ARGV[n]
  end
end
return taken
"""
_TOUCH = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for n = 1, #ARGV do redis.call('HSET', KEYS[1], ARGV[n], now) end
"""

_outage = Outage("claims")
_here: dict[int, float] = {}
_lock = Lock()


def claim(intervals: Mapping[int, float]) -> set[int]:
    """Claim those instruments whose last claim is at least as many seconds ago as their interval says."""
    pairs = list(intervals.items())
    if not _outage.is_on():
        try:
            taken: set[int] = set()
            for start in range(0, len(pairs), _AT_ONCE):
                arguments = [
                    text
                    for pk, seconds in pairs[start : start + _AT_ONCE]
                    for text in (str(pk), str(int(seconds * 1000)))
                ]
                taken.update(int(pk) for pk in valkey.client().eval(_CLAIM, 1, _KEY, *arguments))
        except valkey.UNREACHABLE as error:
            _outage.note(error)
        else:
            _outage.over()
            return taken
    now = time.monotonic()
    with _lock:
        mine = {pk for pk, seconds in pairs if now - _here.get(pk, float("-inf")) >= seconds}
        _here.update(dict.fromkeys(mine, now))
    return mine


def give_back(ids: Iterable[int]) -> None:
    """Let instruments be claimed again at once: they could not be asked for."""
    names = [str(pk) for pk in ids]
    with _lock:
        for pk in names:
            _here.pop(int(pk), None)
    if not names or _outage.is_on():
        return
    try:
        valkey.client().hdel(_KEY, *names)
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def touch(ids: Iterable[int]) -> None:
    """Claim instruments without asking: their prices have just come by another way, such as a stream."""
    names = [str(pk) for pk in ids]
    with _lock:
        _here.update(dict.fromkeys(map(int, names), time.monotonic()))
    if not names or _outage.is_on():
        return
    try:
        valkey.client().eval(_TOUCH, 1, _KEY, *names)
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def forget() -> None:
    """Begin anew, as in a new process."""
    with _lock:
        _here.clear()
