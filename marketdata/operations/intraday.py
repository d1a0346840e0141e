"""Market data operations: minutes from the quotes that came in, and from providers that keep them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from marketdata.models import Instrument
from marketdata.providers.base import IntradayBarData
from marketdata.queries.hours import just_opened

log = structlog.get_logger(__name__)

#: A source that was silent for longer than this may have missed trades: their volume belongs to no minute.
SILENCE = timedelta(minutes=5)
#: A quote that is older than this when it comes in is no live price.
LIVE = timedelta(days=1)

# Only the first quote of a minute looks at the minute before it, for the running total that it began with. Rows are
# written in the order of their keys, so that two refreshes cannot wait for each other.
_RECORD = """
WITH ticks AS (
    SELECT q.instrument_id, date_trunc('minute', q.quoted_at, 'UTC') AS at, q.last, q.quoted_at, q.received_at,
           q.source, q.is_simulated, i.exchange = ANY(%(opened)s::text[]) AND NOT q.is_simulated AS has_opened,
           -- Coins are told by the sum of the last 24 hours: no running total, so no volume of a minute.
           CASE WHEN q.is_simulated OR i.asset_class <> 'crypto' THEN q.volume END AS told
    FROM marketdata_quote q JOIN marketdata_instrument i ON i.id = q.instrument_id
    WHERE q.instrument_id = ANY(%(ids)s::bigint[]) AND q.quoted_at >= %(since)s::timestamptz
          AND (i.provider <> 'manual' OR q.is_held)
)
INSERT INTO marketdata_intradaybar AS b (instrument_id, at, open, high, low, close, volume, volume_from, volume_to,
                                         quoted_at, seen_at, source, is_simulated)
SELECT t.instrument_id, t.at, t.last, t.last, t.last, t.last,
       t.told - CASE WHEN known.yes THEN t.told ELSE start.total END,
       CASE WHEN known.yes THEN t.told ELSE start.total END, t.told,
       t.quoted_at, t.received_at, t.source, t.is_simulated
FROM ticks t
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT 1 FROM marketdata_intradaybar c
        WHERE c.instrument_id = t.instrument_id AND c.at = t.at
              AND c.at >= %(day)s::timestamptz AND c.at < %(end)s::timestamptz
    ) AS yes
) known
LEFT JOIN LATERAL (
    SELECT p.volume_to, p.seen_at FROM marketdata_intradaybar p
    WHERE NOT known.yes AND p.instrument_id = t.instrument_id AND p.at < t.at
          AND p.at >= %(day)s::timestamptz AND p.at < %(end)s::timestamptz
    ORDER BY p.at DESC LIMIT 1
) before ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN t.told IS NULL THEN NULL
        WHEN before.seen_at >= t.received_at - %(silence)s::interval AND before.volume_to IS NOT NULL
            THEN CASE WHEN t.told < before.volume_to THEN 0 ELSE before.volume_to END
        WHEN t.has_opened THEN 0
        ELSE t.told
    END AS total
) start
ORDER BY t.instrument_id
ON CONFLICT (instrument_id, at) DO UPDATE SET
    high = greatest(b.high, EXCLUDED.close), low = least(b.low, EXCLUDED.close),
    close = CASE WHEN EXCLUDED.quoted_at >= b.quoted_at THEN EXCLUDED.close ELSE b.close END,
    quoted_at = greatest(b.quoted_at, EXCLUDED.quoted_at), seen_at = greatest(b.seen_at, EXCLUDED.seen_at),
    volume_from = CASE WHEN EXCLUDED.volume_to < b.volume_from THEN 0
                       ELSE COALESCE(b.volume_from, EXCLUDED.volume_to) END,
    volume_to = COALESCE(EXCLUDED.volume_to, b.volume_to),
    volume = COALESCE(EXCLUDED.volume_to - CASE WHEN EXCLUDED.volume_to < b.volume_from THEN 0
                                                ELSE COALESCE(b.volume_from, EXCLUDED.volume_to) END, b.volume),
    source = EXCLUDED.source, is_simulated = EXCLUDED.is_simulated
WHERE (b.close, b.volume_to) IS DISTINCT FROM (EXCLUDED.close, EXCLUDED.volume_to)
   OR b.seen_at < EXCLUDED.seen_at - interval '30 seconds'
"""
# What the source says about a whole minute is better than what was seen of it.
_STORE = """
INSERT INTO marketdata_intradaybar AS b (instrument_id, at, open, high, low, close, volume, quoted_at, seen_at, source,
                                         is_simulated)
SELECT %(id)s, n.at, n.open, n.high, n.low, n.close, n.volume, n.at + interval '59 seconds', %(now)s, %(source)s, false
FROM unnest(%(at)s::timestamptz[], %(open)s::numeric[], %(high)s::numeric[], %(low)s::numeric[], %(close)s::numeric[],
            %(volume)s::numeric[]) AS n(at, open, high, low, close, volume)
ORDER BY n.at
ON CONFLICT (instrument_id, at) DO UPDATE SET
    open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
    volume = COALESCE(EXCLUDED.volume, b.volume), source = EXCLUDED.source
WHERE NOT b.is_simulated
"""


def record_minutes(*, instrument_ids: Sequence[int], now: datetime) -> None:
    """Work the stored quotes of these instruments into the minute in which they were made. One statement.

    Called after each refresh has committed. High and low are those of the quotes that were seen. The volume of a
    minute is the difference of the source's running totals; where the total began anew (a new session) it counts
    from 0, and what was traded while nobody was listening (five minutes) belongs to no minute. Prices kept by hand
    make no minutes.
    """
    if not instrument_ids:
        return
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    exchanges = (
        Instrument.objects.filter(pk__in=instrument_ids, is_active=True)
        .exclude(exchange="")
        .exclude(provider="simulated")
        .values_list("exchange", flat=True)
        .distinct()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "ids": list(instrument_ids),
                "opened": [code for code in exchanges if just_opened(code, now)],
                "since": now - LIVE,
                # Bounds that are known beforehand leave the parts of other days out of the plan.
                "day": day - LIVE,
                "end": day + 2 * LIVE,
                "silence": f"{SILENCE.total_seconds():.0f} seconds",
            },
        )


def record_minutes_after_commit(instrument_ids: Sequence[int], *, now: datetime) -> None:
    """Do so once the surrounding transaction has committed. A failure is logged: quotes are worth more than minutes."""

    def record() -> None:
        try:
            record_minutes(instrument_ids=instrument_ids, now=now)
        except DatabaseError as error:
            log.warning("minutes_not_recorded", instruments=len(instrument_ids), error=str(error))

    transaction.on_commit(record)


def store_minutes(*, instrument_id: int, bars: Iterable[IntradayBarData], source: str, now: datetime) -> int:
    """Store whole minutes as a provider tells them; return how many.

    They replace what was seen of those minutes from a live feed, never a simulated one. Minutes that are not over,
    older than `INTRADAY_DAYS`, double (the later one counts) or impossible (low above high, a price of 0) are left out.
    """
    oldest = now - timedelta(days=settings.INTRADAY_DAYS)
    good: dict[datetime, IntradayBarData] = {}
    for bar in bars:
        minute = bar.at.astimezone(UTC).replace(second=0, microsecond=0)
        if oldest <= minute <= now - timedelta(minutes=1) and _is_possible(bar):
            good[minute] = bar
    if not good:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "id": instrument_id,
                "now": now,
                "source": source[:60],
                "at": list(good),
                "open": [bar.open for bar in good.values()],
                "high": [bar.high for bar in good.values()],
                "low": [bar.low for bar in good.values()],
                "close": [bar.close for bar in good.values()],
                "volume": [bar.volume for bar in good.values()],
            },
        )
    return len(good)


def _is_possible(bar: IntradayBarData) -> bool:
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not all(price.is_finite() for price in prices):
        return False
    if bar.volume is not None and not (bar.volume.is_finite() and bar.volume >= 0):
        return False
    return 0 < bar.low <= min(bar.open, bar.close) and max(bar.open, bar.close) <= bar.high
