"""The counter: trading accounts. Each paper portfolio has one: how it may trade, and how it is treated."""

from __future__ import annotations

import secrets
import uuid
from decimal import Decimal
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.queries import is_auditor
from portfolio_site.kernel.fields import MoneyField, PriceField, QuantityField

MULTIPLIERS = (1, 2, 4)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_account_number() -> str:
    """``PA`` and ten signs that cannot be mistaken for one another."""
    return "PA" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def new_seed() -> int:
    """Where an account's chance begins; kept with it, so that its fills can be computed again."""
    return secrets.randbelow(1 << 31)


class TradingAccountQuerySet(models.QuerySet["TradingAccount"]):
    """Accounts, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those of the person's own portfolios; every one for an auditor; none for anybody else."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(portfolio__owner_id=user.pk)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(
        condition=pghistory.AnyChange(
            exclude=["last_equity", "last_maintenance_margin", "balance_date", "accrued_interest",
                     "accrued_borrow_fees", "accrued_until", "updated_at"]
        )
    ),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
)  # fmt: skip
class TradingAccount(models.Model):
    """How a portfolio trades.

    ``multiplier`` 1 is a cash account; 2 (Regulation T) and 4 may borrow, and sell short where
    ``shorting_enabled``. What the person chooses is the configuration (``max_margin_multiplier`` to
    ``disable_overnight_trading``); what they or the house limit are the ``max_…`` columns (empty: no limit).
    ``fee_schedule`` empty: the site's. Rates are fractions a year. ``trading_blocked`` is the account's kill
    switch: no new orders, cancels still work. With a ``broker_connection`` its orders are that broker's to execute, never the
    simulated exchange's. ``margin_call_amount`` is what is missing to the maintenance margin since
    ``margin_call_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    portfolio = models.OneToOneField("holdings.Portfolio", on_delete=models.PROTECT, related_name="+")
    account_number = models.CharField(max_length=20, unique=True, default=new_account_number, editable=False)
    currency = models.CharField(max_length=8)
    broker_connection = models.OneToOneField(
        "trading.BrokerConnection",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="trading_account",
    )
    multiplier = models.PositiveSmallIntegerField(default=1)
    shorting_enabled = models.BooleanField(default=False)

    fractional_trading = models.BooleanField(default=True)
    max_margin_multiplier = models.PositiveSmallIntegerField(default=4)
    no_shorting = models.BooleanField(default=False)
    suspend_trade = models.BooleanField(default=False)
    trade_confirm_email = models.CharField(max_length=4, default="all")
    ptp_no_exception_entry = models.BooleanField(default=False)
    max_options_trading_level = models.PositiveSmallIntegerField(null=True, blank=True)
    disable_overnight_trading = models.BooleanField(default=False)

    model_seed = models.BigIntegerField(default=new_seed)
    slippage_bps = models.DecimalField(max_digits=8, decimal_places=4, default=Decimal(0))
    latency_ms = models.PositiveIntegerField(default=0)
    participation = models.DecimalField(max_digits=7, decimal_places=6, null=True, blank=True)
    price_improvement = models.DecimalField(max_digits=7, decimal_places=6, default=Decimal(0))
    fee_schedule = models.CharField(max_length=120, blank=True, default="")
    margin_rate = models.DecimalField(max_digits=9, decimal_places=6, default=Decimal("0.0625"))
    borrow_rate = models.DecimalField(max_digits=9, decimal_places=6, default=Decimal("0.003"))

    max_order_notional = MoneyField(null=True, blank=True)
    max_order_quantity = QuantityField(null=True, blank=True)
    max_position_notional = MoneyField(null=True, blank=True)
    max_open_orders = models.PositiveIntegerField(null=True, blank=True)
    price_collar = PriceField(null=True, blank=True, default=Decimal("0.5"))

    trading_blocked = models.BooleanField(default=False)
    blocked_reason = models.CharField(max_length=300, blank=True, default="")
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    last_equity = MoneyField(default=Decimal(0))
    last_maintenance_margin = MoneyField(default=Decimal(0))
    balance_date = models.DateField(null=True, blank=True)
    accrued_interest = PriceField(default=Decimal(0))
    accrued_borrow_fees = PriceField(default=Decimal(0))
    accrued_until = models.DateField(null=True, blank=True)
    margin_call_at = models.DateTimeField(null=True, blank=True)
    margin_call_amount = MoneyField(default=Decimal(0))

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    reset_at = models.DateTimeField(null=True, blank=True)

    objects = TradingAccountQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(multiplier__in=MULTIPLIERS) & Q(max_margin_multiplier__in=MULTIPLIERS),
                name="trading_account_multiplier_known",
            ),
            models.CheckConstraint(
                condition=Q(trade_confirm_email__in=["all", "none"]), name="trading_account_email_known"
            ),
            models.CheckConstraint(
                condition=Q(shorting_enabled=False) | Q(multiplier__gt=1),
                name="trading_account_short_needs_margin",
            ),
            models.CheckConstraint(
                condition=Q(slippage_bps__gte=0, slippage_bps__lte=1000)
                & Q(latency_ms__lte=60_000)
                & (Q(participation__isnull=True) | Q(participation__gt=0, participation__lte=1))
                & Q(price_improvement__gte=0, price_improvement__lte=1),
                name="trading_account_models_sane",
            ),
            models.CheckConstraint(
                condition=Q(margin_rate__gte=0, margin_rate__lte=1, borrow_rate__gte=0, borrow_rate__lte=10),
                name="trading_account_rates_sane",
            ),
            models.CheckConstraint(
                condition=(Q(max_order_notional__isnull=True) | Q(max_order_notional__gt=0))
                & (Q(max_order_quantity__isnull=True) | Q(max_order_quantity__gt=0))
                & (Q(max_position_notional__isnull=True) | Q(max_position_notional__gt=0))
                & (Q(price_collar__isnull=True) | Q(price_collar__gt=0)),
                name="trading_account_limits_positive",
            ),
            models.CheckConstraint(
                condition=Q(margin_call_at__isnull=True, margin_call_amount=0)
                | Q(margin_call_at__isnull=False, margin_call_amount__gt=0),
                name="trading_account_call_has_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.account_number
