"""The counter: orders and their fills.

An order's row is what stands now; its ``trail`` tells in sentences how it came to that, and every version
of the row is kept by database triggers (``OrderEvent``). Fills are facts: inserted once, never changed.
What people may see starts with ``visible_to``.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
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
from trading.engine.types import (
    Liquidity,
    OrderClass,
    OrderType,
    PositionIntent,
    Role,
    Side,
    TimeInForce,
    Watch,
)

#: Sorted, because constraints and partial indexes are written into migrations.
OPEN_STATUSES = sorted(status.value for status in OPEN)
TERMINAL_STATUSES = sorted(status.value for status in TERMINAL)

STATUS_CHOICES = [(status.value, status.value.replace("_", " ").capitalize()) for status in OrderStatus]
SIDE_CHOICES = [(Side.BUY.value, "Buy"), (Side.SELL.value, "Sell")]
TYPE_CHOICES = [
    (OrderType.MARKET.value, "Market"),
    (OrderType.LIMIT.value, "Limit"),
    (OrderType.STOP.value, "Stop"),
    (OrderType.STOP_LIMIT.value, "Stop limit"),
    (OrderType.TRAILING_STOP.value, "Trailing stop"),
]
TIME_IN_FORCE_CHOICES = [
    (TimeInForce.DAY.value, "Day"),
    (TimeInForce.GTC.value, "Good till cancelled"),
    (TimeInForce.IOC.value, "Immediate or cancel"),
    (TimeInForce.FOK.value, "Fill or kill"),
    (TimeInForce.OPG.value, "At the opening auction"),
    (TimeInForce.CLS.value, "At the closing auction"),
]
CLASS_CHOICES = [
    (OrderClass.SIMPLE.value, "Simple"),
    (OrderClass.BRACKET.value, "Bracket"),
    (OrderClass.OCO.value, "One cancels the other"),
    (OrderClass.OTO.value, "One triggers the other"),
]
ROLE_CHOICES = [
    (Role.ENTRY.value, "Entry"),
    (Role.TAKE_PROFIT.value, "Take profit"),
    (Role.STOP_LOSS.value, "Stop loss"),
]
INTENT_CHOICES = [(intent.value, intent.value.replace("_", " ").capitalize()) for intent in PositionIntent]
_OPENING = sorted(intent.value for intent in PositionIntent if intent.opens)
_CLOSING = sorted(intent.value for intent in PositionIntent if not intent.opens)


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
        return self.filter(portfolio__owner_id=user.pk)


def _version_of(model: str, *, is_optional: bool = False) -> Any:
    """A reference in a kept version, without an index: versions are looked up by their order, and written with every order."""
    return models.ForeignKey(
        model,
        on_delete=models.DO_NOTHING,
        null=is_optional,
        blank=is_optional,
        db_constraint=False,
        db_index=False,
        related_name="+",
        related_query_name="+",
    )


@pghistory.track(
    pghistory.InsertEvent(),
    # A trailing stop moves with the market many times a day: that is no change anybody made.
    pghistory.UpdateEvent(
        condition=pghistory.AnyChange(exclude=["trail", "hwm", "stop_price", "watch_price", "updated_at"])
    ),
    exclude=["trail", "hwm", "watch", "watch_price"],
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    attrs={
        "portfolio": _version_of("holdings.Portfolio"),
        "instrument": _version_of("marketdata.Instrument"),
        "placed_by": _version_of(settings.AUTH_USER_MODEL),
        "parent": _version_of("trading.Order", is_optional=True),
        "replaces": _version_of("trading.Order", is_optional=True),
        "replaced_by": _version_of("trading.Order", is_optional=True),
    },
)
class Order(models.Model):
    """A wish to buy or sell, and what has become of it.

    ``reserved_cash`` (orders that open or add to a position, in ``currency``) and ``reserved_quantity`` (orders that
    close one) are what the open part still holds; both are zero at the end. ``reserves_margin`` says whether the
    money is held of the buying power or of the cash alone. The exits of a group share one reservation, which its
    take-profit carries. ``client_order_id`` is the sender's name for the order, unique in the portfolio for good.

    An order by amount has a ``notional``; its ``quantity`` is what that buys at the price last looked at, and what it
    bought in the end. ``cap_price`` is the collar of a buy without a limit. The ``stop_price`` of a trailing stop
    follows ``hwm``. ``watch`` and ``watch_price`` are where the book looks for it.
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
    order_class = models.CharField(max_length=8, choices=CLASS_CHOICES, default=OrderClass.SIMPLE.value)
    role = models.CharField(max_length=12, choices=ROLE_CHOICES, blank=True, default="")
    position_intent = models.CharField(max_length=16, choices=INTENT_CHOICES)
    quantity = QuantityField()
    notional = MoneyField(null=True, blank=True)
    limit_price = PriceField(null=True, blank=True)
    stop_price = PriceField(null=True, blank=True)
    trail_price = PriceField(null=True, blank=True)
    trail_percent = PriceField(null=True, blank=True)
    hwm = PriceField(null=True, blank=True)
    cap_price = PriceField(null=True, blank=True)
    extended_hours = models.BooleanField(default=False)
    currency = models.CharField(max_length=8)
    status = models.CharField(max_length=20, choices=STATUS_CHOICES)
    watch = models.CharField(max_length=5, blank=True, default="")
    watch_price = PriceField(null=True, blank=True)
    filled_quantity = QuantityField(default=0)
    filled_avg_price = PriceField(null=True, blank=True)
    filled_amount = MoneyField(default=0)
    reserved_cash = MoneyField(default=0)
    reserved_quantity = QuantityField(default=0)
    reserves_margin = models.BooleanField(default=True)
    reason_code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    trail = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    origin = models.CharField(
        max_length=20, blank=True, default="", help_text="What made it: close, liquidation, split."
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="legs", db_index=False
    )
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    replaced_by = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    submitted_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    eligible_at = models.DateTimeField(null=True, blank=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True)

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
                condition=Q(time_in_force__in=sorted(tif.value for tif in TimeInForce)),
                name="trading_order_tif_known",
            ),
            models.CheckConstraint(
                condition=Q(order_class__in=sorted(kind.value for kind in OrderClass))
                & Q(role__in=sorted(role.value for role in Role))
                & Q(watch__in=sorted(watch.value for watch in Watch)),
                name="trading_order_class_known",
            ),
            models.CheckConstraint(
                condition=Q(side="buy", position_intent__startswith="buy_")
                | Q(side="sell", position_intent__startswith="sell_"),
                name="trading_order_intent_fits_side",
            ),
            models.CheckConstraint(
                condition=Q(type__in=["market", "stop", "trailing_stop"], limit_price__isnull=True)
                | Q(type__in=["limit", "stop_limit"], limit_price__isnull=False, limit_price__gt=0),
                name="trading_order_limit_iff_limit",
            ),
            models.CheckConstraint(
                condition=Q(type__in=["market", "limit"], stop_price__isnull=True)
                | Q(type__in=["stop", "stop_limit"], stop_price__isnull=False, stop_price__gt=0)
                | Q(type="trailing_stop"),
                name="trading_order_stop_iff_stop",
            ),
            models.CheckConstraint(
                condition=Q(type="trailing_stop", trail_price__isnull=False, trail_percent__isnull=True)
                | Q(type="trailing_stop", trail_price__isnull=True, trail_percent__isnull=False)
                | (~Q(type="trailing_stop") & Q(trail_price__isnull=True, trail_percent__isnull=True)),
                name="trading_order_trail_iff_trailing",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_order_quantity_positive"),
            models.CheckConstraint(
                condition=Q(notional__isnull=True) | Q(notional__gt=0), name="trading_order_notional_positive"
            ),
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
                condition=Q(position_intent__in=_OPENING, reserved_cash__gte=0, reserved_quantity=0)
                | Q(
                    position_intent__in=_CLOSING,
                    reserved_cash=0,
                    reserved_quantity__gte=0,
                )
                # Of an order by amount the quantity is what the amount would trade at the price of the moment: it holds
                # somewhat more, for the price that it may get.
                & (
                    Q(notional__isnull=False) | Q(reserved_quantity__lte=F("quantity") - F("filled_quantity"))
                ),
                name="trading_order_reserves_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_STATUSES) | Q(reserved_cash=0, reserved_quantity=0, watch=""),
                name="trading_order_end_releases_all",
            ),
            models.CheckConstraint(
                condition=Q(status="replaced", replaced_by__isnull=False)
                | (~Q(status="replaced") & Q(replaced_by__isnull=True)),
                name="trading_order_replaced_by_one",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["portfolio", "instrument"],
                condition=Q(status__in=OPEN_STATUSES),
                name="trading_order_open_portfolio",
            ),
            # One way down and one way up: an order watches for a price that falls to its own, or rises to it.
            models.Index(
                fields=["instrument", "watch_price"],
                condition=Q(side="buy", watch="limit") | Q(side="sell", watch__in=["stop", "trail"]),
                name="trading_order_falls_to",
            ),
            models.Index(
                fields=["instrument", "watch_price"],
                condition=Q(side="sell", watch="limit") | Q(side="buy", watch__in=["stop", "trail"]),
                name="trading_order_rises_to",
            ),
            models.Index(fields=["instrument"], condition=Q(watch="now"), name="trading_order_any_price"),
            models.Index(
                fields=["instrument", "side", "hwm"],
                condition=Q(watch="trail"),
                name="trading_order_trailing",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(status__in=OPEN_STATUSES), name="trading_order_open_expiry"
            ),
            models.Index(fields=["portfolio", "-submitted_at", "id"], name="trading_order_newest"),
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="trading_order_legs"),
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

    @property
    def opens_position(self) -> bool:
        """Whether it makes or enlarges a position, and so holds money; else it holds units."""
        return self.position_intent in _OPENING


class Fill(models.Model):
    """One execution. ``id`` is the execution id; ``number`` counts the fills of its order from 1.

    ``amount`` is quantity x price as booked (rounded to the currency's minor unit), without ``fees``, which are
    told apart in ``fee_details``. ``fee_quantity`` are coins that were taken as a fee of what was bought, worth
    ``fee_worth``, which is part of ``amount``. ``cum_quantity`` and ``leaves_quantity`` are what the order had done and still
    had to do, ``position_quantity`` the portfolio's position in the instrument, all right after it. ``quoted_at`` names
    the quote it traded on.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills", db_index=False)
    portfolio = models.ForeignKey(
        "holdings.Portfolio", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    instrument = models.ForeignKey(
        "marketdata.Instrument", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    side = models.CharField(max_length=4, choices=SIDE_CHOICES)
    number = models.PositiveSmallIntegerField()
    quantity = QuantityField()
    price = PriceField()
    amount = MoneyField()
    fees = MoneyField()
    fee_quantity = QuantityField(default=Decimal(0))
    fee_worth = MoneyField(default=Decimal(0))
    fee_details = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    liquidity = models.CharField(max_length=5, default=Liquidity.TAKER.value)
    cum_quantity = QuantityField()
    leaves_quantity = QuantityField()
    position_quantity = QuantityField()
    executed_at = models.DateTimeField()
    quoted_at = models.DateTimeField(null=True)
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
                condition=Q(amount__gte=0, fees__gte=0, fee_quantity__gte=0, fee_worth__gte=0),
                name="trading_fill_money_not_negative",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["portfolio", "-executed_at", "id"], name="trading_fill_newest"),
            models.Index(fields=["portfolio", "instrument", "quoted_at"], name="trading_fill_on_quote"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} at {self.price}"
