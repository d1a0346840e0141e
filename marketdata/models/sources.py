"""Market data: which instrument got its prices from somebody else, and when."""

from __future__ import annotations

from django.db import models

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet


class PriceSourceChange(models.Model):
    """An instrument went over from one source of prices to another, its whole past with it: what was there before
    `changed_at` was other prices."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    changed_at = models.DateTimeField()
    from_provider = models.CharField(max_length=20)
    to_provider = models.CharField(max_length=20)
    history_source = models.CharField(
        max_length=60,
        blank=True,
        help_text="Whose daily bars took the place of the old ones; empty: none yet.",
    )
    bars_removed = models.PositiveIntegerField(default=0)
    bars_added = models.PositiveIntegerField(default=0)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["instrument", "-id"], name="pricesourcechange_latest")]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.from_provider} → {self.to_provider}"
