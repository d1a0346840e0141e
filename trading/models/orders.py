"""The counter: orders and their fills.

An order's row is what stands now; its ``trail`` tells in sentences how it came to that, and every version
of the row is kept by database triggers (``OrderEvent``). Fills are facts: inserted once, never changed.
What people may see starts with ``visible_to``.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from accounts.queries import is_auditor
from portfolio_site.kernel.fields import MoneyField, PriceField, QuantityField
from trading.engine.states import OPEN, TERMINAL, OrderStatus
from trading.engine.types import OrderType, Side, TimeInForce

#: Sorted, because constraints and partial indexes are written into migrations.
OPEN_STATUSES = sorted(status.value for status in OPEN)
TERMINAL_STATUSES = sorted(status.value for status in TERMINAL)

STATUS_CHOICES = [(status.value, status.value.replace("_", " ").capitalize()) for status in OrderStatus]
SIDE_CHOICES = [(Side.BUY.value, "Buy"), (Side.SELL.value, "Sell")]
TYPE_CHOICES = [(OrderType.MARKET.value, "Market"), (OrderType.LIMIT.value, "Limit")]
TIME_IN_FORCE_CHOICES = [
    (TimeInForce.DAY.value, "Day"),
    (TimeInForce.GTC.value, "Good till cancelled"),
]


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of the person's own portfolios; every one for an auditor; none for anybody else."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(portfolio__owner_id=user.pk)

    def open(self) -> Self:
        """Those that can still trade or be canceled."""
        return self.filter(status__in=OPEN_STATUSES)

    def closed(self) -> Self:
        """Those that have come to their end."""
        return self.filter(status__in=TERMINAL_STATUSES)


class FillQuerySet(models.QuerySet["Fill"]):
    """Fills, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of orders that ``user`` may see."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(order__portfolio__owner_id=user.pk)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    exclude=["trail"],
    append_only=True,
    context_field=pghistory.ContextJSONField(),
)
class Order(models.Model):
    """A wish to buy or sell, and what has become of it.

    ``reserved_cash`` (buys, in ``currency``) and ``reserved_quantity`` (sells) are what the open part still
    holds; both are zero at the end. ``client_order_id`` is the sender's name for the order, unique in the
    portfolio for good.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    portfolio = models.ForeignKey(
        "holdings.Portfolio", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    instrument = models.ForeignKey(
        "marketdata.Instrument", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    client_order_id = models.CharField(max_length=128)
    side = models.CharField(max_length=4, choices=SIDE_CHOICES)
    type = models.CharField(max_length=16, choices=TYPE_CHOICES)
    time_in_force = models.CharField(max_length=3, choices=TIME_IN_FORCE_CHOICES)
    quantity = QuantityField()
    limit_price = PriceField(null=True, blank=True)
    currency = models.CharField(max_length=8)
    status = models.CharField(max_length=16, choices=STATUS_CHOICES)
    filled_quantity = QuantityField(default=0)
    filled_avg_price = PriceField(null=True, blank=True)
    reserved_cash = MoneyField(default=0)
    reserved_quantity = QuantityField(default=0)
    reason_code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    trail = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    submitted_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "client_order_id"], name="trading_order_client_id_once"
            ),
            models.CheckConstraint(condition=~Q(client_order_id=""), name="trading_order_client_id_given"),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="trading_order_side_known"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN_STATUSES + TERMINAL_STATUSES)),
                name="trading_order_status_known",
            ),
            models.CheckConstraint(
                condition=Q(time_in_force__in=["day", "gtc"]), name="trading_order_tif_known"
            ),
            models.CheckConstraint(
                condition=Q(type="market", limit_price__isnull=True)
                | Q(type="limit", limit_price__isnull=False, limit_price__gt=0),
                name="trading_order_limit_iff_limit",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_order_quantity_positive"),
            models.CheckConstraint(
                condition=Q(filled_quantity__gte=0, filled_quantity__lte=F("quantity")),
                name="trading_order_filled_within",
            ),
            models.CheckConstraint(
                condition=Q(status="filled", filled_quantity=F("quantity"))
                | (~Q(status="filled") & Q(filled_quantity__lt=F("quantity"))),
                name="trading_order_filled_iff_all",
            ),
            models.CheckConstraint(
                condition=Q(filled_quantity=0, filled_avg_price__isnull=True)
                | Q(filled_quantity__gt=0, filled_avg_price__isnull=False, filled_avg_price__gt=0),
                name="trading_order_average_iff_filled",
            ),
            models.CheckConstraint(
                condition=Q(side="buy", reserved_cash__gte=0, reserved_quantity=0)
                | Q(
                    side="sell",
                    reserved_cash=0,
                    reserved_quantity__gte=0,
                    reserved_quantity__lte=F("quantity") - F("filled_quantity"),
                ),
                name="trading_order_reserves_its_side",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_STATUSES) | Q(reserved_cash=0, reserved_quantity=0),
                name="trading_order_end_releases_all",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["portfolio", "instrument"],
                condition=Q(status__in=OPEN_STATUSES),
                name="trading_order_open_portfolio",
            ),
            models.Index(
                fields=["instrument", "side", "limit_price"],
                condition=Q(status__in=OPEN_STATUSES),
                name="trading_order_open_book",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(status__in=OPEN_STATUSES), name="trading_order_open_expiry"
            ),
            models.Index(fields=["portfolio", "-submitted_at", "id"], name="trading_order_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} ({self.status})"

    @property
    def remaining(self) -> Any:
        """Units not filled yet."""
        return self.quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        """Whether it can still trade or be canceled."""
        return self.status in OPEN_STATUSES


class Fill(models.Model):
    """One execution. ``id`` is the execution id; ``number`` counts the fills of its order from 1.

    ``amount`` is quantity x price as booked (rounded to the currency's minor unit), without ``fees``;
    ``position_quantity`` is the portfolio's position in the instrument right after it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills", db_index=False)
    number = models.PositiveSmallIntegerField()
    quantity = QuantityField()
    price = PriceField()
    amount = MoneyField()
    fees = MoneyField()
    position_quantity = QuantityField()
    executed_at = models.DateTimeField()
    transaction = models.OneToOneField("holdings.Transaction", on_delete=models.PROTECT, related_name="+")

    objects = FillQuerySet.as_manager()

    class Meta:
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["order", "number"], name="trading_fill_number_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="trading_fill_number_positive"),
            models.CheckConstraint(condition=Q(quantity__gt=0, price__gt=0), name="trading_fill_positive"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, fees__gte=0), name="trading_fill_money_not_negative"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-executed_at", "id"], name="trading_fill_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} at {self.price}"
