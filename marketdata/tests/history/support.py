"""What the tests share about an instrument's history."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from marketdata import operations
from marketdata.models import (
    HistoryJob,
    Instrument,
    PriceBar,
)
from marketdata.tests.conftest import NOW
from portfolio_site.kernel.events import Event
from portfolio_site.kernel.events.registry import name_of
from portfolio_site.kernel.models import OutboxEvent

D = Decimal


TODAY = NOW.date()


YESTERDAY = TODAY - timedelta(days=1)


TEN_YEARS = date(2016, 1, 1)


def closes(instrument: Instrument) -> dict[str, Decimal]:
    rows = PriceBar.objects.filter(instrument=instrument).order_by("date")
    return {day.isoformat(): close for day, close in rows.values_list("date", "close")}


def announced(kind: type[Event]) -> list[dict[str, Any]]:
    return [row.payload for row in OutboxEvent.objects.filter(name=name_of(kind)).order_by("pk")]


def fetch(instrument: Instrument, **options: Any) -> HistoryJob:
    job = operations.request_history(instrument_id=instrument.pk, reason="opened", now=NOW, **options)
    assert job is not None
    done = operations.fetch_history(job_id=job.pk, now=NOW)
    assert done is not None
    return done


def watch(owner: Any, *instruments: Instrument) -> None:
    """What somebody watches is kept up to date; no job is left waiting."""
    operations.create_watchlist(
        owner=owner, name="Mine", now=NOW, instrument_ids=[instrument.pk for instrument in instruments]
    )
    HistoryJob.objects.all().delete()


MISSING = ("2026-11-06", "2026-11-09", "2026-11-12")


US_HOLIDAYS = (
    "2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19",
    "2026-07-03", "2026-09-07",
)  # fmt: skip
