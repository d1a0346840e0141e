"""The wire's limit of requests: a bucket of tokens for each key, in Redis, refilled all the time.

A bucket holds as many tokens as the key has requests a minute. When Redis is down, each server process counts by
itself for a while: requests go on, and a flood is still held back.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from portfolio_site.kernel.valkey import UNREACHABLE, Outage, Script

_MOST_LOCAL = 10_000

# Takes one token if there is one. Kept is the instant (in microseconds since 2023) at which the bucket is full again,
# which says how many are in it now; once that is past, the key is gone by itself. Time is Redis' own, so that all servers
# agree. Its arguments are the microseconds until one token has come back, and until all have. Answers whether one was
# taken, and the tokens left (in thousandths).
_TAKE = Script("""
local clock = redis.call('TIME')
local now = (clock[1] - 1700000000) * 1000000 + clock[2]
local one, all = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local left = math.max(0, all - (full - now))
local taken = 0
if left + 0.1 >= one then
    taken, left, full = 1, left - one, full + one
    redis.call('SET', KEYS[1], string.format('%.2f', full), 'PX', math.ceil((full - now) / 1000) + 1)
end
local thousandths = math.floor(left / one * 1000 + 0.5)
if taken == 0 then
    thousandths = math.min(thousandths, 999)  -- nearly one is none: who is refused has nothing left
end
return {taken, thousandths}
""")
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left of a limit: ``remaining`` requests at once, all of them again at ``reset`` (UNIX seconds).
    ``retry_after`` (seconds) is how long to wait when this request was one too many, else 0."""

    limit: int
    remaining: int
    reset: int
    retry_after: int

    @property
    def is_exceeded(self) -> bool:
        """Whether the request must not be answered."""
        return self.retry_after > 0


def take(bucket: str, limit: int) -> Allowance:
    """Count a request against ``bucket`` of ``limit`` requests a minute."""
    taken, tokens = _take(bucket, limit)
    per_second = limit / 60
    return Allowance(
        limit=limit,
        remaining=int(tokens),
        reset=math.ceil(time.time() + (limit - tokens) / per_second),
        retry_after=0 if taken else max(1, math.ceil((1 - tokens) / per_second)),
    )


_outage = Outage("wire limits")
_local: dict[str, tuple[float, float]] = {}
_lock = threading.Lock()


def _take(bucket: str, limit: int) -> tuple[bool, float]:
    if not _outage.is_on():
        try:
            taken, thousandths = _TAKE(f"hf:wire:bucket:{bucket}", _MINUTE / limit, _MINUTE)
        except UNREACHABLE as error:
            _outage.note(error)
        else:
            _outage.over()
            return bool(taken), thousandths / 1000
    return _take_here(bucket, limit)


def _take_here(bucket: str, limit: int) -> tuple[bool, float]:
    now = time.monotonic()
    with _lock:
        if len(_local) > _MOST_LOCAL:
            _local.clear()
        tokens, since = _local.get(bucket, (float(limit), now))
        tokens = min(limit, tokens + (now - since) * limit / 60)
        taken = tokens >= 1
        _local[bucket] = (tokens - taken, now)
    return taken, tokens - taken
