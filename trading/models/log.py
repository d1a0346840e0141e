"""The counter: what happened to the orders of an account, numbered.

Programs follow their account by these numbers: each event once, in the order of the commits, and whoever comes back
with the last number they saw gets the rest.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from accounts.queries import is_auditor
from trading.models.orders import Order


class TradeEventQuerySet(models.QuerySet["TradeEvent"]):
    """Events, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of the person's own accounts; every one for an auditor."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(portfolio__owner_id=user.pk)


class TradeEvent(models.Model):
    """One thing that happened to an order. ``number`` rises by one per account, in commit order, without gaps.

    ``payload`` holds the order's columns right after it (``order``) and, for executions, what was executed
    (``execution``): what is told later is what was so then.
    """

    portfolio = models.ForeignKey(
        "holdings.Portfolio", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    number = models.BigIntegerField()
    event = models.CharField(max_length=24)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", db_index=False)
    payload = models.JSONField(encoder=DjangoJSONEncoder)
    at = models.DateTimeField()

    objects = TradeEventQuerySet.as_manager()

    class Meta:
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["portfolio", "number"], name="trading_tradeevent_number_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="trading_tradeevent_number_positive"),
            models.CheckConstraint(condition=~Q(event=""), name="trading_tradeevent_named"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.event}"
