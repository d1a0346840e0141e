"""Whose books, in which currency, by which method: portfolios and their accounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.queries import is_auditor

ZERO = Decimal(0)


class PortfolioKind(models.TextChoices):
    """Who writes the journal: the person, the simulated exchange, or a broker by way of trading."""

    TRACKED = "tracked", "Tracked"
    PAPER = "paper", "Paper trading"
    BROKER = "broker", "At a broker"


class CostBasisMethod(models.TextChoices):
    """Which lots a sale closes."""

    FIFO = "fifo", "First in, first out"
    LIFO = "lifo", "Last in, first out"
    HIFO = "hifo", "Highest cost first"
    AVERAGE = "average", "Average cost"
    SECTION104 = "section104", "UK Section 104 pool"


class AccountKind(models.TextChoices):
    """What an account holds."""

    SECURITIES = "securities", "Securities"
    CASH = "cash", "Cash"


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose portfolios somebody sees: everybody's, or those of one owner."""

    everybody: bool
    owner_id: int


def whose_portfolios(user: Any) -> Sight | None:
    """Whose portfolios `user` may see: their own, everybody's for an auditor, nobody's (None) before they sign in.

    The one rule: `visible_to` and the statements that are written by hand follow it.
    """
    if not user.is_authenticated:
        return None
    return Sight(everybody=is_auditor(user), owner_id=user.pk)


class PortfolioQuerySet(models.QuerySet["Portfolio"]):
    """Portfolios, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """Those that `user` owns; every one for an auditor; none for anybody else."""
        sight = whose_portfolios(user)
        if sight is None:
            return self.none()
        return self if sight.everybody else self.filter(owner_id=sight.owner_id)

    def active(self) -> Self:
        """Those that are not archived."""
        return self.filter(archived_at__isnull=True)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(
        condition=pghistory.AnyChange(exclude=["revision", "last_sequence"]),
    ),
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="audit_events"),
)
class Portfolio(models.Model):
    """A set of accounts whose entries, lots and figures belong together.

    `revision` grows by one with every change to what the figures follow from: a cache keyed by it is never stale.
    The row is also the lock under which everything in the portfolio changes.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="portfolios")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=PortfolioKind.choices, default=PortfolioKind.TRACKED)
    base_currency = models.CharField(max_length=8)
    cost_basis_method = models.CharField(
        max_length=12, choices=CostBasisMethod.choices, default=CostBasisMethod.FIFO
    )
    allow_short = models.BooleanField(default=False)
    allow_negative_cash = models.BooleanField(
        default=False, help_text="A margin account: a purchase may borrow, instead of being a contribution."
    )
    tax_country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    risk_free_rate = models.DecimalField(
        max_digits=7,
        decimal_places=6,
        default=ZERO,
        db_default=ZERO,
        help_text="A rate a year as a fraction, which Sharpe, Sortino and alpha are measured against.",
    )
    automatic_actions = models.BooleanField(
        "book dividends and splits by itself",
        default=False,
        db_default=False,
        help_text="Dividends and splits of what is held are booked on their ex-date without asking.",
    )
    revision = models.PositiveBigIntegerField(default=0)
    last_sequence = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Portfolio]] = PortfolioQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind__in=PortfolioKind.values), name="holdings_portfolio_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(cost_basis_method__in=CostBasisMethod.values),
                name="holdings_portfolio_method_known",
            ),
            models.CheckConstraint(
                condition=Q(base_currency__regex=r"^[A-Z0-9]{3,8}$"), name="holdings_portfolio_currency_code"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="holdings_portfolio_has_name"),
            models.CheckConstraint(
                condition=Q(risk_free_rate__gt=-1, risk_free_rate__lt=1),
                name="holdings_portfolio_risk_free_is_a_rate",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paper(self) -> bool:
        """Whether the simulated exchange writes the journal."""
        return self.kind == PortfolioKind.PAPER

    @property
    def is_traded(self) -> bool:
        """Whether orders are placed in it: trading alone writes the journal, from simulated fills or a broker's."""
        return self.kind in (PortfolioKind.PAPER, PortfolioKind.BROKER)


class Account(models.Model):
    """A place in a portfolio where securities or cash lie.

    A securities account settles in `cash_account`. Cash is kept per account and currency, so an account's own currency
    is only the one that entries take when they name none.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.PROTECT, related_name="accounts")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=AccountKind.choices)
    currency = models.CharField(max_length=8)
    cash_account = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    external_id = models.CharField(max_length=100, blank=True, help_text="Its id in the file it came from.")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Account]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["portfolio", "name"], name="holdings_account_name_once"),
            models.UniqueConstraint(
                fields=["portfolio", "external_id"],
                condition=~Q(external_id=""),
                name="holdings_account_external_id_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="holdings_account_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z0-9]{3,8}$"), name="holdings_account_currency_code"
            ),
            models.CheckConstraint(
                condition=Q(kind=AccountKind.SECURITIES) | Q(cash_account__isnull=True),
                name="holdings_account_cash_settles_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name
