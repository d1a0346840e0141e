"""Splits and dividends that a source told of, waiting to be booked."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from holdings.models.checks import finite, not_negative, positive
from holdings.models.portfolio import Portfolio
from portfolio_site.kernel.fields import MoneyField, PriceField, QuantityField


class ProposalKind(models.TextChoices):
    """What became known."""

    DIVIDEND = "dividend", "Dividend"
    SPLIT = "split", "Split"


class ProposalState(models.TextChoices):
    """What became of it."""

    OPEN = "open", "To be booked"
    BOOKED = "booked", "Booked"
    KNOWN = "known", "In the books already"
    DISMISSED = "dismissed", "Dismissed"
    VOID = "void", "Nothing was held"


class ActionProposalQuerySet(models.QuerySet["ActionProposal"]):
    """Proposals."""

    def visible_to(self, user: Any) -> Self:
        """Those of portfolios that `user` may see."""
        return self.filter(portfolio__in=Portfolio.objects.visible_to(user))

    def open(self) -> Self:
        """Those that wait for a decision."""
        return self.filter(state=ProposalState.OPEN)


class ActionProposal(models.Model):
    """A split or dividend of something that the portfolio held before its ex-date. One for each: nothing is booked twice.

    `quantity` is what was held when it took effect (negative: short, who owes the dividend), `amount` the gross dividend in
    `currency`, `taxes` what is thought to be withheld. They follow the books as long as the proposal is open.
    """

    portfolio = models.ForeignKey(Portfolio, on_delete=models.CASCADE, related_name="+", db_index=False)
    instrument = models.ForeignKey("marketdata.Instrument", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=ProposalKind.choices)
    ex_date = models.DateField()
    value = PriceField(help_text="Cash per share, or new shares per old one, as the source told it.")
    quantity = QuantityField(default=0)
    amount = MoneyField(null=True, blank=True)
    taxes = MoneyField(default=0)
    currency = models.CharField(max_length=8)
    ratio = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=9, choices=ProposalState.choices, default=ProposalState.OPEN)
    doubt = models.CharField(
        max_length=300, blank=True, help_text="Why it is not booked without a person looking at it."
    )
    entry_ids = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="The entries that book it."
    )
    is_automatic = models.BooleanField(default=False, help_text="Booked without being asked.")
    found_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects: ClassVar[models.Manager[ActionProposal]] = ActionProposalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["portfolio", "instrument", "ex_date", "kind"], name="holdings_proposal_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=ProposalKind.values), name="holdings_proposal_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ProposalState.values), name="holdings_proposal_state_known"
            ),
            finite("proposal", "value", "quantity", "amount", "taxes"),
            not_negative("proposal", "amount", "taxes"),
            positive("proposal", "value"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["portfolio", "ex_date"], name="holdings_proposal_open", condition=Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.ex_date.isoformat()}"

    @property
    def is_open(self) -> bool:
        """Whether somebody has to decide."""
        return self.state == ProposalState.OPEN
