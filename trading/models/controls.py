"""The counter: what halts trading, for the whole site or for one instrument."""

from __future__ import annotations

from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from portfolio_site.kernel.fields import PriceField


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
)
class SiteControl(models.Model):
    """The site's kill switch: one row. While ``is_halted`` no new order is taken; cancels still work."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    is_halted = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects: ClassVar[models.Manager[SiteControl]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(id=1), name="trading_site_control_one_row"),
        ]

    def __str__(self) -> str:
        return "halted" if self.is_halted else "trading"


class TradingStatus(models.TextChoices):
    """What may be done with an instrument."""

    NORMAL = "normal", "Normal"
    CLOSE_ONLY = "close_only", "Closing orders only"
    HALTED = "halted", "Halted: no orders, no fills"


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
)
class InstrumentTerms(models.Model):
    """Where the terms of one instrument differ from those of its class; an empty field: as its class has it.

    Rates are fractions: ``borrow_rate`` a year, ``maintenance_rate`` of the position's value.
    """

    instrument = models.OneToOneField(
        "marketdata.Instrument", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    status = models.CharField(max_length=12, choices=TradingStatus.choices, default=TradingStatus.NORMAL)
    reason = models.CharField(max_length=300, blank=True, default="")
    is_marginable = models.BooleanField(null=True, blank=True)
    is_shortable = models.BooleanField(null=True, blank=True)
    is_easy_to_borrow = models.BooleanField(null=True, blank=True)
    borrow_rate = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    maintenance_rate = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True)
    price_increment = PriceField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[InstrumentTerms]] = models.Manager()

    class Meta:
        verbose_name_plural = "instrument terms"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=TradingStatus.values), name="trading_terms_status_known"
            ),
            models.CheckConstraint(
                condition=(Q(borrow_rate__isnull=True) | Q(borrow_rate__gte=0, borrow_rate__lte=10))
                & (Q(maintenance_rate__isnull=True) | Q(maintenance_rate__gt=0, maintenance_rate__lte=2))
                & (Q(price_increment__isnull=True) | Q(price_increment__gt=0)),
                name="trading_terms_rates_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.status}"
