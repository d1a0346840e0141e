"""Market data: minutes of the last days."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet
from portfolio_site.kernel.fields import PriceField, QuantityField


class IntradayBar(models.Model):
    """One minute of one instrument, as traded, from the quotes that came in. Kept for `INTRADAY_DAYS`.

    The table is in parts by day, so that a day is thrown away in one step. It has no foreign key in the database:
    ten thousand checks a minute would buy nothing for rows that are gone after some days. `volume` is what was traded
    in the minute: `volume_to` − `volume_from`, the source's running total of the day at its end and its beginning.
    """

    pk = models.CompositePrimaryKey("instrument_id", "at")
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField(help_text="Where the minute begins.")
    open = PriceField()
    high = PriceField()
    low = PriceField()
    close = PriceField()
    volume = QuantityField(null=True)
    volume_from = QuantityField(null=True)
    volume_to = QuantityField(null=True)
    quoted_at = models.DateTimeField(help_text="Of the close, by its source.")
    seen_at = models.DateTimeField(help_text="When the source last said something about this minute.")
    source = models.CharField(max_length=60)
    is_simulated = models.BooleanField(default=False)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    open__gte=F("low"), open__lte=F("high"), close__gte=F("low"), close__lte=F("high")
                ),
                name="intradaybar_range_holds_open_and_close",
            ),
            models.CheckConstraint(condition=Q(low__gte=0), name="intradaybar_low_not_negative"),
            models.CheckConstraint(
                condition=Q(volume__isnull=True) | Q(volume__gte=0), name="intradaybar_volume_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.at.isoformat()}: {self.close}"
