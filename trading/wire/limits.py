"""The wire's limit of requests: a bucket of tokens for each key, in Redis, refilled all the time.

A bucket holds as many tokens as the key has requests a minute. When Redis is down, each server process counts by
itself for a while: requests go on, and a flood is still held back.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portfolio_site.kernel.valkey import UNREACHABLE, Outage, client

_MOST_LOCAL = 10_000

# Takes one token if there is one. Time is Redis' own, so that all servers agree. Answers the tokens left (in
# thousandths) and whether one was taken.
_TAKE = """
local limit = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local known = redis.call('HMGET', KEYS[1], 'n', 't')
local tokens = tonumber(known[1]) or limit
local since = tonumber(known[2]) or now
tokens = math.min(limit, tokens + math.max(0, now - since) * limit / 60)
local taken = 0
if tokens >= 1 then tokens = tokens - 1; taken = 1 end
redis.call('HSET', KEYS[1], 'n', tostring(tokens), 't', tostring(now))
redis.call('EXPIRE', KEYS[1], 120)
return {taken, math.floor(tokens * 1000)}
"""


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
            taken, thousandths = _script()(keys=[f"hf:wire:limit:{bucket}"], args=[limit])
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


@lru_cache(maxsize=1)
def _script() -> Any:
    return client().register_script(_TAKE)
