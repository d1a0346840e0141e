"""Market data: Django admin of how prices are doing: providers, instruments in trouble, prices that wait for a word."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from marketdata.admin_looking import ToLookAt
from marketdata.models import HeldQuote, InstrumentTrouble, ProviderHealth
from marketdata.operations import confirm_held_quote, dismiss_held_quote, reset_provider
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError


@admin.register(ProviderHealth)
class ProviderHealthAdmin(ToLookAt):
    """How each provider is doing: its state, its day in numbers, its last failure."""

    list_display = (
        "provider",
        "state",
        "since",
        "last_success_at",
        "last_failure_at",
        "last_failure",
        "calls",
        "failures",
        "refused",
        "closed_until",
        "open_until",
    )
    list_filter = ("state",)
    list_select_related = ()
    search_fields = ()
    ordering = ("provider",)
    actions = ("ask_again",)

    def has_ask_permission(self, request: HttpRequest) -> bool:
        """Who runs the site."""
        return bool(request.user.has_perm("marketdata.change_providerhealth"))

    @admin.action(description="Ask again: forget failures and waits", permissions=["ask"])
    def ask_again(self, request: HttpRequest, rows: QuerySet[ProviderHealth]) -> None:
        """Let the next question go out."""
        for row in rows:
            reset_provider(provider=row.pk, actor=request.user, now=clock.now())
        self.message_user(request, "The next question goes out.", messages.SUCCESS)


@admin.register(InstrumentTrouble)
class InstrumentTroubleAdmin(ToLookAt):
    """Instruments that no source had a good price of when it was asked last, and what each said."""

    list_display = ("instrument", "kind", "provider", "since", "last_at", "times")
    list_filter = ("kind", "provider")
    ordering = ("-since", "pk")


@admin.register(HeldQuote)
class HeldQuoteAdmin(ToLookAt):
    """Prices that jumped too far to be believed at once. They wait for another source, the next tick, or a person."""

    list_display = ("instrument", "known_last", "last", "source", "quoted_at", "held_at", "limit")
    list_filter = ("source",)
    ordering = ("-held_at", "pk")
    actions = ("confirm", "dismiss")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Who may change prices that everybody sees."""
        return bool(request.user.has_perm("marketdata.change_quote"))

    @admin.action(description="Believe: the new price counts from now on", permissions=["decide"])
    def confirm(self, request: HttpRequest, rows: QuerySet[HeldQuote]) -> None:
        """Store and announce the chosen prices."""
        self._decide(request, rows, confirm_held_quote, "believed")

    @admin.action(description="Do not believe: the old price stays", permissions=["decide"])
    def dismiss(self, request: HttpRequest, rows: QuerySet[HeldQuote]) -> None:
        """Forget the chosen prices; if their source says them again, they are held again."""
        self._decide(request, rows, dismiss_held_quote, "dismissed")

    def _decide(
        self, request: HttpRequest, rows: QuerySet[HeldQuote], decide: Callable[..., None], word: str
    ) -> None:
        done = 0
        for row in rows.select_related("instrument"):
            try:
                decide(instrument_id=row.instrument_id, actor=request.user, now=clock.now())
                done += 1
            except DomainError as error:
                self.message_user(request, f"{row.instrument}: {error.message}", messages.WARNING)
        self.message_user(request, f"Prices {word}: {done}.", messages.SUCCESS if done else messages.INFO)
