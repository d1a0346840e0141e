"""What the tests share about real prices that take over."""

from __future__ import annotations

from datetime import UTC, date, datetime

from marketdata.models import (
    CorporateAction,
    Instrument,
    PriceBar,
    Quote,
)

#: A Friday, an hour and a half before New York closes.
NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)


YESTERDAY = date(2026, 11, 19)


def state_of(instrument: Instrument) -> tuple:
    instrument.refresh_from_db()
    return (
        instrument.provider,
        list(
            PriceBar.objects.filter(instrument=instrument)
            .order_by("date")
            .values_list("date", "close", "source")
        ),
        list(
            CorporateAction.objects.filter(instrument=instrument)
            .order_by("ex_date", "kind")
            .values_list("ex_date", "value")
        ),
        list(Quote.objects.filter(instrument=instrument).values_list("last", "quoted_at", "source")),
    )
