"""Market data: corporate actions, the facts that change what a past price means."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet
from portfolio_site.kernel.fields import PriceField


class ActionKind(models.TextChoices):
    """Corporate actions that change what a past price means."""

    DIVIDEND = "dividend", "Dividend"
    SPLIT = "split", "Split"


class CorporateAction(models.Model):
    """A split (`value` = new shares per old share) or a dividend (`value` = cash per share as paid then)."""

    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+", db_index=False)
    ex_date = models.DateField("ex-date")
    kind = models.CharField(max_length=10, choices=ActionKind)
    value = PriceField()
    source = models.CharField(max_length=60)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "ex_date", "kind"], name="corporateaction_unique"),
            models.CheckConstraint(condition=Q(value__gt=0), name="corporateaction_value_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=ActionKind.values), name="corporateaction_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.ex_date} {self.kind} {self.value}"
