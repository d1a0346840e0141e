"""Market data operations: filling in daily history from providers that have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q

from marketdata.models import ActionKind, CorporateAction, FxRate, Instrument
from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.providers.base import BarData, Capability, ProviderError
from marketdata.providers.starter import simulated_currencies, starter_instruments

log = structlog.get_logger(__name__)

HISTORY_YEARS = 10
SIMULATED = "simulated"

_NEWEST = """
SELECT i.id, (SELECT max(date) FROM marketdata_pricebar b WHERE b.instrument_id = i.id)
FROM unnest(%s::bigint[]) AS i(id)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillSummary:
    """How much was added."""

    bars: int
    actions: int
    rates: int


def backfill_history(
    *, now: datetime, instrument_ids: Iterable[int] | None = None, years: int = HISTORY_YEARS
) -> BackfillSummary:
    """Add the daily bars, dividends and exchange rates that providers have and we have not, up to yesterday
    (UTC).

    Each instrument continues after its newest bar, or starts in January `years` years ago. Without
    `instrument_ids`: all active ones that have a history or belong to the core of the starter list (the others get
    theirs when somebody wants it), and exchange rates too. Safe to repeat. One transaction per instrument;
    providers are asked outside of it.
    """
    first = date(now.astimezone(UTC).year - years, 1, 1)
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    wanted = Instrument.objects.shared().active().filter(provider__in=names_with(Capability.HISTORY))
    if instrument_ids is not None:
        wanted = wanted.filter(pk__in=list(instrument_ids))
    instruments = list(wanted)
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [[instrument.pk for instrument in instruments]])
        newest: dict[int, date | None] = dict(cursor.fetchall())
    if instrument_ids is None:
        core = {line.symbol for line in starter_instruments().values() if line.is_core}
        instruments = [one for one in instruments if newest[one.pk] or one.symbol in core]
    bars = actions = 0
    for instrument in instruments:
        last = newest[instrument.pk]
        start = last + timedelta(days=1) if last else first
        if start > yesterday:
            continue
        added = _fill(instrument, start, yesterday)
        bars, actions = bars + added[0], actions + added[1]
    rates = _fill_rates(first, yesterday) if instrument_ids is None else 0
    return BackfillSummary(bars=bars, actions=actions, rates=rates)


def _fill(instrument: Instrument, start: date, end: date) -> tuple[int, int]:
    provider, ref = provider_named(instrument.provider), ref_of(instrument)
    try:
        bars = provider.bars(ref, start, end)
        facts = provider.actions(ref, start, end)
    except ProviderError as error:
        log.warning(
            "history_failed", provider=instrument.provider, symbol=instrument.symbol, error=str(error)
        )
        return 0, 0
    with transaction.atomic():
        store_bars(instrument.pk, bars, source=instrument.provider)
        made = CorporateAction.objects.bulk_create(
            (
                CorporateAction(
                    instrument=instrument,
                    ex_date=fact.ex_date,
                    kind=fact.kind,
                    value=fact.value,
                    source=instrument.provider,
                )
                for fact in facts
                if fact.kind in ActionKind.values
            ),
            ignore_conflicts=True,
        )
    return len(bars), len(made)


def store_bars(instrument_id: int, bars: Iterable[BarData], *, source: str) -> None:
    """Copy bars into the table; a day that is there already is left as it is. Inside the caller's
    transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS new_bars"
            " (date date, open numeric, high numeric, low numeric, close numeric, volume numeric) ON COMMIT DROP"
        )
        cursor.execute("TRUNCATE new_bars")
        with raw_cursor(cursor).copy("COPY new_bars FROM STDIN") as copy:
            for bar in bars:
                copy.write_row((bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume))
        cursor.execute(
            "INSERT INTO marketdata_pricebar (instrument_id, date, open, high, low, close, volume, source)"
            " SELECT %s, date, open, high, low, close, volume, %s FROM new_bars ON CONFLICT DO NOTHING",
            [instrument_id, source],
        )


def raw_cursor(cursor: Any) -> Any:
    """Return the driver's cursor behind Django's, for COPY."""
    return cursor.cursor


def _fill_rates(first: date, end: date) -> int:
    """Simulate euro rates of the currencies nobody gave real ones for."""
    real = set(
        FxRate.objects.filter(Q(base__in=["EUR", "USD"]) | Q(quote__in=["EUR", "USD"]))
        .exclude(source=SIMULATED)
        .values_list("base", "quote")
        .distinct()
    )
    with_real = simulated_currencies_replaced(real)
    newest = FxRate.objects.filter(source=SIMULATED).order_by("-date").values_list("date", flat=True).first()
    start = newest + timedelta(days=1) if newest else first
    if start > end:
        return 0
    codes = [code for code in simulated_currencies() if code not in with_real]
    rates = provider_named(SIMULATED).rates(codes, start, end)
    FxRate.objects.bulk_create(
        (
            FxRate(base=rate.base, quote=rate.quote, date=rate.date, rate=rate.rate, source=SIMULATED)
            for rate in rates
        ),
        batch_size=5000,
        ignore_conflicts=True,
    )
    return len(rates)


def simulated_currencies_replaced(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the currencies whose simulated euro rate real rates of these pairs make needless.

    A pair with the euro replaces it outright; a pair with the dollar replaces the other currency's, the cross
    being better.
    """
    replaced: set[str] = set()
    for pair in pairs:
        if "EUR" in pair:
            replaced |= set(pair) - {"EUR"}
        elif "USD" in pair:
            replaced |= set(pair) - {"USD"}
    return replaced
