"""What a person wants a portfolio to be made of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from holdings.models.portfolio import Portfolio


class TargetDimension(models.TextChoices):
    """What the parts of a target are."""

    INSTRUMENT = "instrument", "Holding"
    ASSET_CLASS = "asset_class", "Asset class"
    SECTOR = "sector", "Sector"
    CURRENCY = "currency", "Currency"
    COUNTRY = "country", "Country"


class TargetWeight(models.Model):
    """The part of the portfolio's value that one thing, class, sector, currency or country is meant to have."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    dimension = models.CharField(max_length=12, choices=TargetDimension.choices)
    key = models.CharField(
        max_length=100, help_text="The part: an instrument's number, or the name of a class."
    )
    weight = models.DecimalField(max_digits=7, decimal_places=6)

    objects: ClassVar[models.Manager[TargetWeight]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["portfolio", "dimension", "key"], name="holdings_target_once"),
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=1), name="holdings_target_is_a_part"
            ),
            models.CheckConstraint(
                condition=Q(dimension__in=TargetDimension.values), name="holdings_target_dimension_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_dimension_display()} {self.key}: {self.weight}"
