"""The counter: baskets. Orders that were reviewed and placed as one, and what became of each."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from accounts.queries import is_auditor
from portfolio_site.kernel.fields import MoneyField, PriceField, QuantityField


class BasketState(models.TextChoices):
    """``working`` while a line waits for cash or an order of it is open."""

    WORKING = "working", "Working"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


class LineState(models.TextChoices):
    """``waiting`` for the cash of the sales; ``placed`` as an order; ``refused`` when its turn came; ``dropped`` with the
    basket."""

    WAITING = "waiting", "Waiting for cash"
    PLACED = "placed", "Placed"
    REFUSED = "refused", "Not taken"
    DROPPED = "dropped", "Dropped"


class OrderBasketQuerySet(models.QuerySet["OrderBasket"]):
    """Baskets, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of the person's own portfolios; every one for an auditor; none for anybody else."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(portfolio__owner_id=user.pk)


class OrderBasket(models.Model):
    """Orders placed as one. ``id`` is made when the review is shown: sent again, the basket is there already.
    ``fingerprint`` is what its lines were; drifts are parts of the account as they were reckoned."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    portfolio = models.ForeignKey("holdings.Portfolio", on_delete=models.PROTECT, related_name="+")
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=BasketState.choices, default=BasketState.WORKING)
    fingerprint = models.CharField(max_length=64)
    drift_before = models.DecimalField(max_digits=9, decimal_places=6, default=Decimal(0))
    drift_after = models.DecimalField(max_digits=9, decimal_places=6, default=Decimal(0))
    weights = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OrderBasketQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=BasketState.values), name="trading_basket_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="working", ended_at__isnull=True)
                | (~Q(state="working") & Q(ended_at__isnull=False)),
                name="trading_basket_end_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Basket of {self.created_at:%Y-%m-%d %H:%M}"


class BasketLine(models.Model):
    """One order of a basket, in the order in which they are placed. ``limit_price`` is set for purchases."""

    basket = models.ForeignKey(OrderBasket, on_delete=models.PROTECT, related_name="lines", db_index=False)
    number = models.PositiveSmallIntegerField()
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=4, choices=[("buy", "Buy"), ("sell", "Sell")])
    quantity = QuantityField()
    limit_price = PriceField(null=True, blank=True)
    amount = MoneyField(help_text="What it was reckoned to cost or bring, in the instrument's currency.")
    fees = MoneyField(default=Decimal(0))
    state = models.CharField(max_length=8, choices=LineState.choices, default=LineState.WAITING)
    order = models.OneToOneField(
        "trading.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="basket_line"
    )
    reason = models.CharField(max_length=300, blank=True, default="")

    objects: ClassVar[models.Manager[BasketLine]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["basket", "number"], name="trading_basket_line_once"),
            models.CheckConstraint(
                condition=Q(side__in=["buy", "sell"]), name="trading_basket_line_side_known"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_basket_line_quantity"),
            models.CheckConstraint(
                condition=Q(state="placed", order__isnull=False)
                | (Q(state__in=["waiting", "refused", "dropped"]) & Q(order__isnull=True)),
                name="trading_basket_line_order_if_placed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} of {self.instrument_id}"
