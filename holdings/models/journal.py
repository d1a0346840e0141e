"""The journal: what happened, in the words of the portfolio file. Posted rows never change.

A row is taken back by a `TransactionVoid` that says who did it, when and why; a correction adds a row that names the
one it `replaces`. What counts is what is not voided. Triggers in the database refuse UPDATE, DELETE and TRUNCATE on
both tables, whoever asks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Exists, OuterRef, Q

from holdings.models.checks import finite, not_negative, positive
from holdings.models.imports import ImportBatch
from holdings.models.portfolio import Account, Portfolio
from portfolio_site.kernel.fields import MoneyField, PriceField, QuantityField


class TransactionType(models.TextChoices):
    """What can happen in a portfolio."""

    BUY = "buy", "Buy"
    SELL = "sell", "Sell"
    DEPOSIT = "deposit", "Deposit"
    WITHDRAWAL = "withdrawal", "Withdrawal"
    DELIVERY_IN = "delivery_in", "Delivery in"
    DELIVERY_OUT = "delivery_out", "Delivery out"
    TRANSFER = "transfer", "Transfer"
    DIVIDEND = "dividend", "Dividend"
    DISTRIBUTION = "distribution", "Distribution"
    INTEREST = "interest", "Interest"
    STAKING = "staking", "Staking reward"
    INTEREST_CHARGE = "interest_charge", "Interest charge"
    FEE = "fee", "Fee"
    FEE_REFUND = "fee_refund", "Fee refund"
    TAX = "tax", "Tax"
    TAX_REFUND = "tax_refund", "Tax refund"
    SPLIT = "split", "Split"
    SPIN_OFF = "spin_off", "Spin-off"
    MERGER = "merger", "Merger"
    SYMBOL_CHANGE = "symbol_change", "Symbol change"
    RETURN_OF_CAPITAL = "return_of_capital", "Return of capital"
    LIABILITY = "liability", "Liability"


class TransactionQuerySet(models.QuerySet["Transaction"]):
    """Journal rows."""

    def visible_to(self, user: Any) -> Self:
        """Those of portfolios that `user` may see."""
        return self.filter(portfolio__in=Portfolio.objects.visible_to(user))

    def counting(self) -> Self:
        """Those that are not voided."""
        return self.filter(~Exists(TransactionVoid.objects.filter(transaction=OuterRef("pk"))))

    def in_order(self) -> Self:
        """As they happened; equal instants as they were posted."""
        return self.order_by("occurred_at", "sequence")


def _append_only() -> list[pgtrigger.Trigger]:
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'pgtrigger: Cannot truncate rows from % table', TG_TABLE_NAME;",
        ),
    ]


class Transaction(models.Model):
    """One entry of a journal, as it was posted. Never changed, never deleted.

    `amount`, `fees` and `taxes` are not negative (a liability aside): the type gives the sign. They, `price` and the
    cash that moves are in `currency`. `occurred_at` of an entry that has only a day is that day's midnight in the
    portfolio's time zone; `occurred_date` is the day there.
    """

    # What has no index of its own here stands first in one below, or is empty in most rows and has one of the others.
    portfolio = models.ForeignKey(
        Portfolio, on_delete=models.PROTECT, related_name="transactions", db_index=False
    )
    sequence = models.PositiveBigIntegerField(help_text="Position in the order of posting.")
    occurred_at = models.DateTimeField()
    occurred_date = models.DateField()
    is_date_only = models.BooleanField(default=True)
    type = models.CharField(max_length=20, choices=TransactionType.choices)
    account = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty for a corporate action on every account.",
    )
    to_account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    cash_account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    instrument = models.ForeignKey(
        "marketdata.Instrument", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    to_instrument = models.ForeignKey(
        "marketdata.Instrument",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    quantity = QuantityField(null=True, blank=True)
    price = PriceField(null=True, blank=True)
    amount = MoneyField(null=True, blank=True)
    fees = MoneyField(default=0)
    taxes = MoneyField(default=0)
    currency = models.CharField(max_length=8)
    fx_rate = PriceField(null=True, blank=True)
    instrument_rate = PriceField(null=True, blank=True)
    ratio = models.CharField(max_length=60, blank=True)
    cost = MoneyField(null=True, blank=True)
    lots = ArrayField(models.BigIntegerField(), default=list, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source = models.CharField(max_length=40, default="manual")
    external_id = models.CharField(max_length=200, blank=True)
    import_batch = models.ForeignKey(
        ImportBatch,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="transactions",
        db_index=False,
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    posted_at = models.DateTimeField()
    posted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects: ClassVar[models.Manager[Transaction]] = TransactionQuerySet.as_manager()

    class Meta:
        triggers: ClassVar[list[pgtrigger.Trigger]] = _append_only()
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["portfolio", "occurred_at", "sequence"], name="holdings_transaction_in_order"
            ),
            models.Index(
                fields=["portfolio", "instrument", "occurred_at"], name="holdings_transaction_by_thing"
            ),
            GinIndex(fields=["tags"], name="holdings_transaction_tags"),
            models.Index(
                fields=["to_account"],
                condition=Q(to_account__isnull=False),
                name="holdings_transaction_goal",
            ),
            models.Index(
                fields=["to_instrument"],
                condition=Q(to_instrument__isnull=False),
                name="holdings_transaction_new_thing",
            ),
            models.Index(
                fields=["import_batch"],
                condition=Q(import_batch__isnull=False),
                name="holdings_transaction_batch",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "sequence"], name="holdings_transaction_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["replaces"],
                condition=Q(replaces__isnull=False),
                name="holdings_transaction_replaced_once",
            ),
            models.CheckConstraint(
                condition=Q(type__in=TransactionType.values), name="holdings_transaction_type_known"
            ),
            finite(
                "transaction",
                "quantity",
                "price",
                "amount",
                "fees",
                "taxes",
                "fx_rate",
                "instrument_rate",
                "cost",
            ),
            not_negative("transaction", "quantity", "price", "fees", "taxes", "cost"),
            positive("transaction", "fx_rate", "instrument_rate"),
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gte=0) | Q(type=TransactionType.LIABILITY),
                name="holdings_transaction_amount_sign",
            ),
            models.CheckConstraint(
                condition=Q(occurred_date__gte="1900-01-01") & Q(occurred_date__lt="2200-01-01"),
                name="holdings_transaction_day_sane",
            ),
            models.CheckConstraint(
                condition=~Q(type__in=["buy", "sell"]) | Q(instrument__isnull=False, quantity__gt=0),
                name="holdings_transaction_trade_has_thing",
            ),
            models.CheckConstraint(
                condition=~Q(type="transfer") | Q(to_account__isnull=False),
                name="holdings_transaction_transfer_has_goal",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} on {self.occurred_date.isoformat()}"


class VoidKind(models.TextChoices):
    """Why an entry no longer counts."""

    REMOVED = "removed", "Removed"
    CORRECTED = "corrected", "Corrected"
    UNDONE = "undone", "Import undone"


class TransactionVoid(models.Model):
    """An entry that no longer counts: who took it back, when and why. Never changed, never deleted."""

    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, related_name="void")
    kind = models.CharField(max_length=10, choices=VoidKind.choices, default=VoidKind.REMOVED)
    reason = models.CharField(max_length=300, blank=True)
    voided_at = models.DateTimeField()
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects: ClassVar[models.Manager[TransactionVoid]] = models.Manager()

    class Meta:
        triggers: ClassVar[list[pgtrigger.Trigger]] = _append_only()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(kind__in=VoidKind.values), name="holdings_void_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.transaction_id}"


class EntryKey(models.Model):
    """The outside name of an entry that counts: an id from its source, or a fingerprint with an occurrence number.

    The unique constraint is what keeps one thing from being booked twice. A void frees the key, a correction hands it
    to the row that replaces.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=200)
    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, related_name="entry_key")

    objects: ClassVar[models.Manager[EntryKey]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "source", "external_id"], name="holdings_entry_key_once"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="holdings_entry_key_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class DraftTransaction(models.Model):
    """An entry dated in the future: kept aside, and posted by itself when its day has come."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="drafts")
    occurred_at = models.DateTimeField()
    occurred_date = models.DateField()
    entry = models.JSONField(help_text="The entry, its fields as text.")
    source = models.CharField(max_length=40, default="manual")
    external_id = models.CharField(max_length=200, blank=True)
    import_batch = models.ForeignKey(
        ImportBatch, null=True, blank=True, on_delete=models.PROTECT, related_name="drafts"
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    refused_at = models.DateTimeField(null=True, blank=True)
    refusal = models.CharField(max_length=300, blank=True, help_text="Why it could not be posted on its day.")

    objects: ClassVar[models.Manager[DraftTransaction]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["occurred_at"], name="holdings_draft_due"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "source", "external_id"],
                condition=~Q(external_id=""),
                name="holdings_draft_key_once",
            ),
        ]

    def __str__(self) -> str:
        return f"Draft for {self.occurred_date.isoformat()}"
