"""The counter: which corporate actions an account has lived through."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class AppliedAction(models.Model):
    """A split or dividend that was applied to an account's position and open orders. The unique key keeps it from being
    applied twice, whoever delivers the action how often."""

    portfolio = models.ForeignKey(
        "holdings.Portfolio", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10)
    ex_date = models.DateField()
    applied_at = models.DateTimeField()

    objects: ClassVar[models.Manager[AppliedAction]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "instrument", "kind", "ex_date"], name="trading_applied_action_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.ex_date.isoformat()}"
