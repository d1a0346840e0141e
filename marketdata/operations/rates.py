"""Market data operations: real exchange rates. The ECB's for the currencies it publishes; for the others whoever has
them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

from marketdata.models import FxRate, Instrument
from marketdata.operations import gateway
from marketdata.operations.gateway.calling import TRIES
from marketdata.operations.history import SIMULATED, raw_cursor, simulated_currencies_replaced
from marketdata.operations.providing import names_with, provider_named
from marketdata.providers.base import Capability, ProviderError, RateData
from marketdata.providers.starter import simulated_currencies
from portfolio_site.kernel.money import ISO_CURRENCIES

log = structlog.get_logger(__name__)

ECB: Final = "ecb"
EARLIEST: Final = date(1999, 1, 4)
#: When the ECB has published its rates of the day, where it is.
PUBLISHED: Final = time(16, 15)
FRANKFURT: Final = ZoneInfo("Europe/Berlin")
#: Days that are asked for again, for rates that came late or were put right.
OVERLAP: Final = timedelta(days=7)
#: A currency whose newest rate is older than this is no longer published.
GIVEN_UP: Final = timedelta(days=14)
#: Of so many currencies that the ECB does not publish are rates fetched in one go.
AT_ONCE: Final = 12
YEARS: Final = 10
#: Whose answer is the rate of now, and of no day before.
_OF_NOW: Final = frozenset({"alpha_vantage"})

_NEW_RATES = "CREATE TEMP TABLE new_rates (base text, quote text, date date, rate numeric) ON COMMIT DROP"
# Rates from elsewhere (a file, a person) stay; a source may put its own right, and the ECB those of who stood in.
_STORE = """
WITH stored AS (
    INSERT INTO marketdata_fxrate AS f (base, quote, date, rate, source)
    SELECT DISTINCT ON (base, quote, date) base, quote, date, round(rate, 12), %s::text
    FROM new_rates ORDER BY base, quote, date
    ON CONFLICT (base, quote, date) DO UPDATE SET rate = EXCLUDED.rate, source = EXCLUDED.source
    WHERE f.source = 'simulated' OR (f.source = EXCLUDED.source AND f.rate <> EXCLUDED.rate)
       OR (EXCLUDED.source = 'ecb' AND f.source = ANY(%s::text[]))
    RETURNING (xmax = 0) AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored
"""
_NEWEST = """
SELECT c.code, max(f.date)
FROM unnest(%s::text[]) AS c(code)
JOIN marketdata_fxrate f
  ON ((f.base IN ('EUR', 'USD') AND f.quote = c.code) OR (f.base = c.code AND f.quote IN ('EUR', 'USD')))
WHERE f.source <> 'simulated' AND (f.source = %s OR %s)
GROUP BY c.code
"""


@dataclass(slots=True, kw_only=True)
class RatesRefreshed:
    """How many rates were stored, by source; and why there are none, by source and for currencies that nobody has."""

    stored: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)


def refresh_fx_rates(*, now: datetime, is_probe: bool = False) -> RatesRefreshed:
    """Fetch the rates that have been published and are not here yet: those of the ECB, and of currencies in use that
    it does not publish from Yahoo or who else has them.

    `is_probe`: whoever does not answer at once is not asked a second time, and nobody stands in. Simulated rates of a
    currency that gets real ones go for good. With `MARKET_DATA=simulated` nothing is asked. Not to
    be called inside a transaction.
    """
    result = RatesRefreshed()
    if settings.MARKET_DATA == SIMULATED:
        return result
    newest = (
        FxRate.objects.filter(base="EUR", quote="USD").exclude(source=SIMULATED).order_by("-date").first()
    )
    if newest is None or newest.date < published_through(now):
        _refresh_from_ecb(newest.date if newest else None, result, now=now, tries=1 if is_probe else TRIES)
    if not (is_probe and result.failed):
        _refresh_others(result, now=now)
    return result


def published_through(now: datetime) -> date:
    """Return the last day whose rates the ECB has published by now, its holidays apart."""
    there = now.astimezone(FRANKFURT)
    day = there.date() if there.time() >= PUBLISHED else there.date() - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day


def _refresh_from_ecb(newest: date | None, result: RatesRefreshed, *, now: datetime, tries: int) -> None:
    start = newest - OVERLAP if newest else EARLIEST
    today = now.astimezone(FRANKFURT).date()
    provider = provider_named(ECB)
    try:
        rates = gateway.call(
            ECB,
            "rates",
            lambda: provider.rates(ISO_CURRENCIES, start, today),
            key=f"{start}:{today}",
            wait=20,
            tries=tries,
        )
    except ProviderError as error:
        result.failed[ECB] = str(error)
        return
    result.stored[ECB] = store_rates(rates, source=ECB, now=now)


def _refresh_others(result: RatesRefreshed, *, now: datetime) -> None:
    """Ask the others for currencies in use that the ECB has no rates of; the first that has some is enough."""
    today = now.astimezone(UTC).date()
    wanted = currencies_in_use()
    # What the ECB publishes is left to it while it answers.
    published = {} if ECB in result.failed else _newest(wanted, source=ECB)
    current = {code for code, day in published.items() if day > today - GIVEN_UP}
    known = _newest(wanted)
    others = _stand_ins()
    yesterday = published_through(now - timedelta(days=1))
    due = [code for code in sorted(wanted - current) if known.get(code, date.min) < yesterday]
    for code in due[:AT_ONCE]:
        if not any(_ask_for(code, name, known.get(code), result, now=now) for name in others):
            result.lacking.append(code)


def _ask_for(code: str, name: str, newest: date | None, result: RatesRefreshed, *, now: datetime) -> bool:
    """Ask one provider for one currency; whether there is now something new. Who has nothing is asked again in a
    day."""
    if name in result.failed or not cache.add(f"marketdata:fx-asked:{name}:{code}", 1, timeout=86_400):
        return False
    today = now.astimezone(UTC).date()
    start = newest - OVERLAP if newest else today.replace(year=today.year - YEARS, month=1, day=1)
    # A day that is not over has no rate yet, but for who knows nothing else.
    end = today if name in _OF_NOW else today - timedelta(days=1)
    provider = provider_named(name)
    try:
        rates = gateway.call(name, "rates", lambda: provider.rates([code], start, end), key=f"{code}:{start}")
    except ProviderError as error:
        result.failed[name] = str(error)
        cache.delete(f"marketdata:fx-asked:{name}:{code}")
        return False
    if not any(newest is None or rate.date > newest for rate in rates):
        return False
    result.stored[name] = result.stored.get(name, 0) + store_rates(rates, source=name, now=now)
    cache.delete(f"marketdata:fx-asked:{name}:{code}")
    return True


def currencies_in_use() -> set[str]:
    """Return the currencies that rates are wanted of: those of instruments, and the larger ones of the world."""
    used = set(Instrument.objects.active().order_by().values_list("currency", flat=True).distinct())
    return ((used & ISO_CURRENCIES) | set(simulated_currencies())) - {"EUR"}


def store_rates(rates: Iterable[RateData], *, source: str, now: datetime) -> int:
    """Store rates and return how many are new or put right; those from other sources stay as they are.

    The simulated rates of a currency go as soon as it has real ones up to these days.
    """
    rows = list(rates)
    if not rows:
        return 0
    recent = now.astimezone(UTC).date() - GIVEN_UP
    fresh = {(rate.base, rate.quote) for rate in rows if rate.date > recent}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.new_rates")
        cursor.execute(_NEW_RATES)
        with raw_cursor(cursor).copy("COPY new_rates FROM STDIN") as copy:
            for rate in rows:
                copy.write_row((rate.base, rate.quote, rate.date, rate.rate))
        removed = forget_simulated_rates(sorted(simulated_currencies_replaced(fresh)))
        cursor.execute(_STORE, [source, _stand_ins()])
        added, changed = cursor.fetchone()
    log.info("fx_rates_stored", source=source, added=added, changed=changed, simulated_removed=removed)
    return int(added + changed)


def forget_simulated_rates(currencies: Sequence[str]) -> int:
    """Remove the simulated euro rates of currencies that have real ones; return how many."""
    removed, _ = FxRate.objects.filter(source=SIMULATED, base="EUR", quote__in=currencies).delete()
    return removed


def _stand_ins() -> list[str]:
    """The names of who has rates besides the ECB, in the order in which they are asked."""
    return [name for name in names_with(Capability.FX) if name not in (ECB, SIMULATED)]


def _newest(codes: Iterable[str], *, source: str = "") -> dict[str, date]:
    """The day of the newest real rate of each currency, of one source or of any."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [sorted(codes), source, not source])
        return dict(cursor.fetchall())
