"""Market data queries: the latest quotes in Valkey: one hash for all, an entry of some two hundred bytes for each.

An entry is the milliseconds at which it was written, a colon, and a JSON list that PostgreSQL makes where a quote is
stored (`ENTRY_SQL`) and this file makes where one was read. How long it is believed follows the hours of its market.
"""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from portfolio_site.kernel import valkey
from portfolio_site.kernel.valkey import Outage

if TYPE_CHECKING:
    from marketdata.queries.quotes import QuoteView

_KEY: Final = "hf:quotes:4"
#: Entries sent in one command; more would keep others waiting.
_AT_ONCE: Final = 2000
_MICROSECOND: Final = 1_000_000

#: Of a quote `q` and its instrument `i`. The order is that of `_view`.
ENTRY_SQL: Final = """
json_build_array(q.instrument_id, i.symbol, i.currency, q.bid::text, q.ask::text, q.last::text, q.previous_close::text,
    q.volume::text, (EXTRACT(EPOCH FROM q.quoted_at) * 1000000)::bigint, q.source, q.is_simulated, q.is_held,
    i.asset_class, i.exchange, i.provider, q.bid_size::text, q.ask_size::text,
    q.day_low::text, q.day_high::text)::text
"""

# Replace only what was written before the database was read: what came later knows better.
# KEYS: the hash. ARGV: since ms, then field and value in turns.
_REMEMBER = """
local since = tonumber(ARGV[1])
for n = 2, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[n])
  if not known or tonumber(string.match(known, '^%d+')) < since then redis.call('HSET', KEYS[1], ARGV[n], ARGV[n + 1]) end
end
"""

_outage = Outage("quotes")


def read(ids: Sequence[int]) -> list[tuple[QuoteView, float]]:
    """Return the cached quotes among `ids`, each with the seconds since it was cached. Nothing without Valkey."""
    if not ids or _outage.is_on():
        return []
    try:
        found: Any = valkey.client().hmget(_KEY, [str(pk) for pk in ids])
    except valkey.UNREACHABLE as error:
        _outage.note(error)
        return []
    _outage.over()
    now = time.time()
    result = []
    for value in found:
        if value is not None:
            written, _, entry = value.partition(b":")
            result.append((_decoded(entry), now - int(written) / 1000))
    return result


def write(entries: Sequence[tuple[int, str]]) -> None:
    """Replace entries, after the commit that stored the quotes: id and JSON list."""
    if not entries or _outage.is_on():
        return
    stamp = f"{int(time.time() * 1000)}:"
    try:
        with valkey.client().pipeline(transaction=False) as pipe:
            for start in range(0, len(entries), _AT_ONCE):
                part = entries[start : start + _AT_ONCE]
                pipe.hset(_KEY, mapping={str(pk): stamp + entry for pk, entry in part})
            pipe.execute()
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def write_read(views: Iterable[QuoteView], *, since: float) -> None:
    """Put quotes into the cache that were read from the database, beginning at `since` (`time.time()`)."""
    arguments: list[Any] = [int(since * 1000)]
    stamp = f"{int(time.time() * 1000)}:".encode()
    for view in views:
        arguments += [str(view.instrument_id), stamp + orjson.dumps(_entry(view))]
    if len(arguments) == 1 or _outage.is_on():
        return
    try:
        valkey.client().eval(_REMEMBER, 1, _KEY, *arguments)
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def remove(ids: Sequence[int]) -> None:
    """Take entries out: their instrument changed, or has no quote any more."""
    if not ids or _outage.is_on():
        return
    try:
        valkey.client().hdel(_KEY, *(str(pk) for pk in ids))
    except valkey.UNREACHABLE as error:
        _outage.note(error)


def _entry(view: QuoteView) -> list[Any]:
    return [
        view.instrument_id,
        view.symbol,
        view.currency,
        _text(view.bid),
        _text(view.ask),
        str(view.last),
        _text(view.previous_close),
        _text(view.volume),
        timegm(view.quoted_at.utctimetuple()) * _MICROSECOND + view.quoted_at.microsecond,
        view.source,
        view.is_simulated,
        view.is_held,
        view.asset_class,
        view.exchange,
        view.provider,
        _text(view.bid_size),
        _text(view.ask_size),
        _text(view.day_low),
        _text(view.day_high),
    ]


@lru_cache(maxsize=4096)
def _decoded(entry: bytes) -> QuoteView:
    """The quote of an entry. The same entry is read again and again until its instrument ticks."""
    return _view(orjson.loads(entry))


def _view(entry: list[Any]) -> QuoteView:
    from marketdata.queries.quotes import QuoteView

    seconds, micro = divmod(entry[8], _MICROSECOND)
    return QuoteView(
        instrument_id=entry[0],
        symbol=entry[1],
        currency=entry[2],
        bid=_decimal(entry[3]),
        ask=_decimal(entry[4]),
        last=Decimal(entry[5]),
        previous_close=_decimal(entry[6]),
        volume=_decimal(entry[7]),
        quoted_at=datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro),
        source=entry[9],
        is_simulated=entry[10],
        is_held=entry[11],
        asset_class=entry[12],
        exchange=entry[13],
        provider=entry[14],
        bid_size=_decimal(entry[15]),
        ask_size=_decimal(entry[16]),
        day_low=_decimal(entry[17]),
        day_high=_decimal(entry[18]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
