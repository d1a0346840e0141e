"""What follows from the journal: lots, positions, cash, realised trades. Derived, exact, and rebuildable at any time.

Numbers here are kept to their last digit (a share of a cost has up to 18 decimals), so that a replay of the journal can
be compared with them as equal, not as close.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models

from holdings.models.checks import bounded
from holdings.models.fields import ExactField
from holdings.models.journal import Transaction
from holdings.models.portfolio import Account, Portfolio

ZERO = Decimal(0)


class LedgerState(models.Model):
    """How far the derived tables of a portfolio have come, and the sums over its whole journal in base currency.

    `net_contributions` is what came in from outside less what went out; `interest` is less interest charges, `fees` and
    `taxes` less refunds. `cash_cost` is every movement of cash at the rate of its own day.
    """

    portfolio = models.OneToOneField(
        Portfolio, on_delete=models.CASCADE, primary_key=True, related_name="ledger_state"
    )
    last_occurred_at = models.DateTimeField(null=True)
    lot_order = models.BigIntegerField(default=0)
    realised_gain = ExactField(default=ZERO)
    dividends = ExactField(default=ZERO)
    interest = ExactField(default=ZERO)
    fees = ExactField(default=ZERO)
    taxes = ExactField(default=ZERO)
    net_contributions = ExactField(default=ZERO)
    cash_cost = ExactField(default=ZERO)

    objects: ClassVar[models.Manager[LedgerState]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            bounded(
                "ledger_state",
                "realised_gain",
                "dividends",
                "interest",
                "fees",
                "taxes",
                "net_contributions",
                "cash_cost",
            ),
        ]

    def __str__(self) -> str:
        return f"Books of {self.portfolio_id}"


class LedgerCheckpoint(models.Model):
    """What followed from the entries before a day, kept so that a change after it need not replay them.

    A copy that may be deleted at any time: the next full replay makes it anew. `holdings.queries.checkpoints` reads it.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    before_date = models.DateField(help_text="Holds the entries of earlier days, and none of this one.")
    content = models.BinaryField()

    objects: ClassVar[models.Manager[LedgerCheckpoint]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["portfolio", "before_date"], name="holdings_checkpoint_once"),
        ]

    def __str__(self) -> str:
        return f"Books of {self.portfolio_id} before {self.before_date.isoformat()}"


class Lot(models.Model):
    """An open parcel, or with a pooled method the pool of an instrument (without an account).

    `key` is the id of the entry that opened it (with a suffix where one entry opened several). A short lot has negative
    quantity and cost. `position` ranks lots by age; `held_since` differs from `opened_date` where a wash sale carried a
    holding period over.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=80)
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, related_name="+")
    is_pool = models.BooleanField(default=False)
    opened_date = models.DateField()
    held_since = models.DateField()
    position = models.BigIntegerField()
    quantity = ExactField()
    cost = ExactField()
    cost_base = ExactField()
    basis_base = ExactField()
    fees = ExactField(default=ZERO)
    fees_base = ExactField(default=ZERO)
    is_purchase = models.BooleanField(default=True)
    is_washed = models.BooleanField(default=False)
    unit_cost = ExactField(null=True)

    objects: ClassVar[models.Manager[Lot]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["portfolio", "instrument", "account", "position"], name="holdings_lot_by_age"
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            bounded("lot", "quantity", "cost", "cost_base", "basis_base"),
        ]

    def __str__(self) -> str:
        return f"Lot {self.key}"


class Position(models.Model):
    """What an account holds of an instrument, and what it has brought. Stays, with quantity 0, once closed.

    Unsuffixed money is in the instrument's currency, `…_base` in the portfolio's.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.PROTECT, related_name="+")
    quantity = ExactField(default=ZERO)
    cost_basis = ExactField(default=ZERO)
    cost_basis_base = ExactField(default=ZERO)
    realised_gain = ExactField(default=ZERO)
    realised_gain_base = ExactField(default=ZERO)
    income = ExactField(default=ZERO)
    income_base = ExactField(default=ZERO)
    fees = ExactField(default=ZERO)
    fees_base = ExactField(default=ZERO)
    taxes = ExactField(default=ZERO)
    taxes_base = ExactField(default=ZERO)

    objects: ClassVar[models.Manager[Position]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "instrument", "account"], name="holdings_position_once"
            ),
            bounded("position", "quantity", "cost_basis", "cost_basis_base", "realised_gain_base"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.instrument_id}"


class CashBalance(models.Model):
    """Cash of one account in one currency."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=8)
    balance = ExactField(default=ZERO)

    objects: ClassVar[models.Manager[CashBalance]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "account", "currency"], name="holdings_cash_balance_once"
            ),
            bounded("cash_balance", "balance"),
        ]

    def __str__(self) -> str:
        return f"{self.balance} {self.currency}"


class Liability(models.Model):
    """What is owed in one currency."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    currency = models.CharField(max_length=8)
    amount = ExactField(default=ZERO)

    objects: ClassVar[models.Manager[Liability]] = models.Manager()

    class Meta:
        verbose_name_plural = "liabilities"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["portfolio", "currency"], name="holdings_liability_once"),
            bounded("liability", "amount"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class RealisedTrade(models.Model):
    """A closed parcel: one row for each lot that a sale closed (or for each Section 104 match)."""

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField(help_text="Among those of its transaction.")
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=8)
    direction = models.CharField(max_length=5)
    opened_date = models.DateField()
    closed_date = models.DateField()
    held_since = models.DateField()
    quantity = ExactField()
    proceeds = ExactField()
    proceeds_base = ExactField()
    cost = ExactField()
    cost_base = ExactField()
    fees = ExactField()
    fees_base = ExactField()
    statement_gain = ExactField()
    lot_key = models.CharField(max_length=80, blank=True)
    match = models.CharField(max_length=8, blank=True)
    wash_sale_adjustment = ExactField(default=ZERO)
    wash_sale_adjustment_base = ExactField(default=ZERO)

    objects: ClassVar[models.Manager[RealisedTrade]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["portfolio", "closed_date"], name="holdings_realised_by_day"),
            models.Index(fields=["portfolio", "instrument"], name="holdings_realised_by_thing"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "transaction", "number"], name="holdings_realised_once"
            ),
            bounded("realised", "quantity", "proceeds_base", "cost_base", "fees_base"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.instrument_id} closed on {self.closed_date.isoformat()}"
