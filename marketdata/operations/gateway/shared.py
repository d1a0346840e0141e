"""Market data operations: bucket and breaker of each provider in Valkey. By its clock, which all processes share."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, Final

from django.conf import settings

from marketdata.operations.gateway.limits import Quota
from marketdata.operations.gateway.refusals import Reason
from marketdata.operations.gateway.states import (
    FAILURES_TO_OPEN,
    PROBE_SECONDS,
    Admission,
    Known,
    Outcome,
    Standing,
    open_seconds,
    rest_seconds,
)
from marketdata.queries.provider_state import LATENCY_CLASSES, day_key, state_key
from portfolio_site.kernel import valkey

_DAY_SECONDS: Final = 86_400
#: Numbers of a day are kept for a week; a bucket that nobody asks is forgotten after two days.
_KEEP_NUMBERS: Final = 8 * _DAY_SECONDS
_KEEP_STATE: Final = 2 * _DAY_SECONDS

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local key = KEYS[1]
local function field(name) return tonumber(redis.call('HGET', key, name) or '0') end
"""

# ARGV: capacity, refill a minute, calls a day, cost, probe ms, keep s. Answers {verdict, ms, is probe}.
_ADMIT = (
    _NOW
    + """
if redis.call('HEXISTS', key, 'seeded') == 0 then return {'seed', 0, 0} end
local capacity, refill, per_day = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost, probe_ms = tonumber(ARGV[4]), tonumber(ARGV[5])

local rest = field('rests_until')
if rest > now then return {'resting', rest - now, 0} end

local opened, is_probe = field('open_until'), 0
if opened > now then return {'open', opened - now, 0} end
if opened > 0 then
  local probe = field('probe_until')
  if probe > now then return {'open', probe - now, 0} end
  is_probe = 1
end

local day = math.floor(now / 86400000)
local spent = field('day') == day and field('day_calls') or 0
if per_day > 0 and spent + cost > per_day then return {'day', (day + 1) * 86400000 - now, 0} end

if capacity > 0 then
  local tokens = tonumber(redis.call('HGET', key, 'tokens') or capacity)
  local at = tonumber(redis.call('HGET', key, 'tokens_at') or now)
  tokens = math.min(capacity, tokens + math.max(0, now - at) * refill / 60000)
  -- What costs more than the bucket holds goes when it is full, and is paid off afterwards.
  local needed = math.min(cost, capacity)
  if tokens < needed then return {'minute', math.ceil((needed - tokens) * 60000 / refill), 0} end
  redis.call('HSET', key, 'tokens', tokens - cost, 'tokens_at', now)
end
redis.call('HSET', key, 'day', day, 'day_calls', spent + cost)
if is_probe == 1 then redis.call('HSET', key, 'probe_until', now + probe_ms) end
redis.call('EXPIRE', key, ARGV[6])
return {'go', 0, is_probe}
"""
)

# ARGV: was probe, open after, extra calls. Then per outcome. Answers {rests for ms, open for ms}.
_ANSWERED = (
    _NOW
    + """
redis.call('HSET', key, 'failures', 0, 'opened', 0, 'rested', 0)
redis.call('HDEL', key, 'open_until', 'probe_until')
return {math.max(0, field('rests_until') - now), 0}
"""
)

# ARGV: is probe, failures to open. Answers the number of openings in a row where it opens now, else 0.
_FAILED = (
    _NOW
    + """
local failures = redis.call('HINCRBY', key, 'failures', 1)
if ARGV[1] == '0' and failures < tonumber(ARGV[2]) then return {0, math.max(0, field('open_until') - now)} end
if field('open_until') > now then return {0, field('open_until') - now} end
return {redis.call('HINCRBY', key, 'opened', 1), 0}
"""
)

# ARGV: field, milliseconds. Sets an end that only ever moves away. Answers {rests for ms, open for ms}.
_UNTIL = (
    _NOW
    + """
local ends = math.max(field(ARGV[1]), now + tonumber(ARGV[2]))
redis.call('HSET', key, ARGV[1], ends)
redis.call('HDEL', key, 'probe_until')
redis.call('EXPIRE', key, math.max(tonumber(ARGV[3]), math.ceil((ends - now) / 1000)))
return {math.max(0, field('rests_until') - now), math.max(0, field('open_until') - now)}
"""
)

# ARGV: rests ms, open ms, calls today, tokens ('' for a full bucket), keep s.
_SEED = (
    _NOW
    + """
if redis.call('HSETNX', key, 'seeded', 1) == 0 then return 0 end
if tonumber(ARGV[1]) > 0 then redis.call('HSET', key, 'rests_until', now + ARGV[1]) end
if tonumber(ARGV[2]) > 0 then redis.call('HSET', key, 'open_until', now + ARGV[2]) end
redis.call('HSET', key, 'day', math.floor(now / 86400000), 'day_calls', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', key, 'tokens', ARGV[4], 'tokens_at', now) end
redis.call('EXPIRE', key, ARGV[5])
return 1
"""
)


def admit(provider: str, quota: Quota, cost: int) -> Admission | None:
    """Take what a call costs from the bucket, or say why not. None: nothing is known of it, `seed` it first."""
    answer = _run(
        _ADMIT,
        provider,
        quota.capacity,
        quota.refill_per_minute,
        quota.per_day or 0,
        cost,
        int(PROBE_SECONDS * 1000),
        _KEEP_STATE,
    )
    verdict, wait, is_probe = answer[0].decode(), answer[1] / 1000, bool(answer[2])
    if verdict == "seed":
        return None
    if verdict == "go":
        return Admission(is_probe=is_probe)
    return Admission(reason=Reason(verdict), retry_in=wait)


def seed(provider: str, known: Known) -> None:
    """Start a bucket and a breaker from what outlived the last ones. Of several processes the first one does."""
    _run(
        _SEED,
        provider,
        int(known.rests_for * 1000),
        int(known.open_for * 1000),
        known.calls_today,
        "0" if known.was_asked_just_now else "",
        _KEEP_STATE,
    )


def settle(
    provider: str, outcome: Outcome, *, was_probe: bool, retry_after: float | None, extra_calls: int
) -> Standing:
    """Take in how a call ended, and the calls that it took beyond what it was admitted for."""
    if extra_calls:
        with valkey.client().pipeline() as pipe:
            pipe.hincrbyfloat(state_key(provider), "tokens", -extra_calls)
            pipe.hincrby(state_key(provider), "day_calls", extra_calls)
            pipe.execute()
    if outcome is Outcome.ANSWERED:
        return _standing(_run(_ANSWERED, provider))
    if outcome is Outcome.LIMITED:
        times = valkey.client().hincrby(state_key(provider), "rested", 1)
        return _until(provider, "rests_until", rest_seconds(retry_after, int(times)))
    opened, still = _run(_FAILED, provider, int(was_probe), FAILURES_TO_OPEN)
    if not opened:
        return Standing(open_for=still / 1000)
    return _until(provider, "open_until", open_seconds(int(opened)))


def reset(provider: str) -> None:
    """Forget failures and rests: the next call goes out."""
    valkey.client().hdel(
        state_key(provider), "open_until", "probe_until", "rests_until", "failures", "opened", "rested"
    )


def count(
    provider: str,
    day: date,
    *,
    calls: int = 0,
    failures: int = 0,
    refused: int = 0,
    kind: str = "",
    ms: int = 0,
) -> None:
    """Add to the numbers of a day."""
    key = day_key(provider, day)
    with valkey.client().pipeline(transaction=False) as pipe:
        for name, by in (("calls", calls), ("failures", failures), ("refused", refused), ("ms", ms)):
            if by:
                pipe.hincrby(key, name, by)
        if kind:
            pipe.hincrby(key, f"kind:{kind}", 1)
        if calls:
            upper = next((edge for edge in LATENCY_CLASSES if ms <= edge), LATENCY_CLASSES[-1])
            pipe.hincrby(key, f"le:{upper}", 1)
        pipe.expire(key, _KEEP_NUMBERS)
        pipe.execute()


def start_numbers(provider: str, day: date, *, calls: int, failures: int, refused: int, ms: int) -> None:
    """Let the numbers of a day go on from what is on record, where Valkey has none."""
    key = day_key(provider, day)
    with valkey.client().pipeline(transaction=False) as pipe:
        for name, value in (("calls", calls), ("failures", failures), ("refused", refused), ("ms", ms)):
            pipe.hsetnx(key, name, value)
        pipe.expire(key, _KEEP_NUMBERS)
        pipe.execute()


def _until(provider: str, field: str, seconds: float) -> Standing:
    return _standing(_run(_UNTIL, provider, field, int(seconds * 1000), _KEEP_STATE))


def _standing(answer: list[Any]) -> Standing:
    return Standing(rests_for=answer[0] / 1000, open_for=answer[1] / 1000)


def _run(script: str, provider: str, *arguments: Any) -> Any:
    return _registered(script, settings.REDIS_LOCATION)(keys=[state_key(provider)], args=list(arguments))


@lru_cache(maxsize=32)
def _registered(script: str, location: str) -> Any:
    return valkey.client().register_script(script)
