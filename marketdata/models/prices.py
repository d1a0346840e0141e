"""Market data: prices and rates, by day and of now."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet
from portfolio_site.kernel.fields import PriceField, QuantityField


class PriceBar(models.Model):
    """One trading day of one instrument, as traded (unadjusted), in the instrument's currency.

    The key is the day itself: half the indexes of a numbered table, and ready to be partitioned by date.
    Open, high and low are empty where only a close is known.
    """

    pk = models.CompositePrimaryKey("instrument_id", "date")
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    date = models.DateField()
    open = PriceField(null=True)
    high = PriceField(null=True)
    low = PriceField(null=True)
    close = PriceField()
    volume = QuantityField(null=True)
    source = models.CharField(max_length=60)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(close__gte=0), name="pricebar_close_not_negative"),
            models.CheckConstraint(
                condition=Q(
                    open__gte=F("low"), open__lte=F("high"), close__gte=F("low"), close__lte=F("high")
                )
                | Q(open__isnull=True, high__isnull=True, low__isnull=True),
                name="pricebar_range_holds_open_and_close",
            ),
            models.CheckConstraint(
                condition=Q(volume__isnull=True) | Q(volume__gte=0), name="pricebar_volume_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.date}: {self.close}"


class Quote(models.Model):
    """The latest known price of an instrument. One row each, overwritten in place."""

    instrument = models.OneToOneField(
        Instrument, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    bid = PriceField(null=True, blank=True)
    ask = PriceField(null=True, blank=True)
    bid_size = QuantityField(null=True, blank=True, help_text="Units wanted at the bid; empty: not told.")
    ask_size = QuantityField(null=True, blank=True, help_text="Units offered at the ask; empty: not told.")
    last = PriceField()
    previous_close = PriceField(null=True, blank=True)
    day_low = PriceField(null=True, blank=True, help_text="Lowest of the session so far; empty: not told.")
    day_high = PriceField(null=True, blank=True, help_text="Highest of the session so far; empty: not told.")
    volume = QuantityField(null=True, blank=True)
    quoted_at = models.DateTimeField(help_text="When the price was made, by its source.")
    received_at = models.DateTimeField(help_text="When it came in here.")
    source = models.CharField(max_length=60)
    is_simulated = models.BooleanField(default=False)
    is_held = models.BooleanField(
        default=False, help_text="Set by hand and not moved by refreshes until released."
    )

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=0), name="quote_last_not_negative"),
            models.CheckConstraint(
                condition=Q(bid__isnull=True) | Q(ask__isnull=True) | Q(bid__lte=F("ask")),
                name="quote_bid_below_ask",
            ),
            models.CheckConstraint(condition=Q(bid__isnull=True) | Q(bid__gt=0), name="quote_bid_positive"),
            models.CheckConstraint(
                condition=(Q(bid_size__isnull=True) | Q(bid_size__gte=0))
                & (Q(ask_size__isnull=True) | Q(ask_size__gte=0)),
                name="quote_sizes_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.last}"


class FxRate(models.Model):
    """One unit of `base` was worth `rate` units of `quote` on that day."""

    base = models.CharField(max_length=8)
    quote = models.CharField(max_length=8)
    date = models.DateField()
    rate = PriceField()
    source = models.CharField(max_length=60)

    class Meta:
        verbose_name = "exchange rate"
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "date"], name="fxrate_pair_day_unique"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="fxrate_positive"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="fxrate_two_currencies"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.date}: {self.rate}"
