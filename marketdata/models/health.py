"""Market data: how its sources are doing. What the health page shows after a restart, when counters in memory are gone."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import OfInstrumentQuerySet
from portfolio_site.kernel.fields import PriceField, QuantityField


class ProviderState(models.TextChoices):
    """How a provider is doing, in one word."""

    UNKNOWN = "unknown", "Not asked yet"
    OK = "ok", "Answers"
    FAILING = "failing", "Fails"
    RESTING = "resting", "Wants to be left alone"
    OPEN = "open", "Not asked for a while, because it kept failing"


class ProviderHealth(models.Model):
    """One row for each provider that was ever asked. Written when its state changes, and now and then in between."""

    provider = models.CharField(max_length=20, primary_key=True)
    state = models.CharField(max_length=10, choices=ProviderState, default=ProviderState.UNKNOWN)
    since = models.DateTimeField(help_text="Since when it is in this state.")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_failure_kind = models.CharField(max_length=24, blank=True)
    last_failure = models.CharField(max_length=300, blank=True)
    closed_until = models.DateTimeField(
        null=True, blank=True, help_text="The provider asked not to be asked before then."
    )
    open_until = models.DateTimeField(
        null=True, blank=True, help_text="The next try after it kept failing: the circuit breaker."
    )
    day = models.DateField(help_text="The UTC day that the numbers are of.")
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(
        default=0, help_text="Calls that were not made to keep within limits."
    )
    latency_ms = models.PositiveIntegerField(null=True, blank=True, help_text="Mean of the day.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "provider"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ProviderState.values), name="providerhealth_state_known"
            ),
            models.CheckConstraint(
                condition=Q(failures__lte=F("calls")), name="providerhealth_failures_within_calls"
            ),
        ]

    def __str__(self) -> str:
        return self.provider


class TroubleKind(models.TextChoices):
    """Why an instrument gets no new price; decides what would help."""

    UNAVAILABLE = "unavailable", "Its source cannot be reached"
    LIMITED = "limited", "Its source wants to be left alone for now"
    UNKNOWN_SYMBOL = "unknown_symbol", "Its source does not know the symbol"
    WRONG_CURRENCY = "wrong_currency", "Its source quotes in another currency"
    BAD_ANSWER = "bad_answer", "Its source answers with nothing usable"
    NOT_AUTHORISED = "not_authorised", "Its source refuses us"
    REFUSED = "refused", "The price that came cannot be right"
    NO_PROVIDER = "no_provider", "No source is set up that could serve it"


class InstrumentTrouble(models.Model):
    """An instrument whose last refresh brought no price from any of its sources. Gone with the next good price."""

    instrument = models.OneToOneField(
        Instrument, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    kind = models.CharField(max_length=16, choices=TroubleKind)
    provider = models.CharField(max_length=20, help_text="The first of its sources.")
    message = models.CharField(max_length=300)
    faults = models.JSONField(default=dict, help_text='What each source said: {"yahoo": "…"}.')
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=TroubleKind.values), name="instrumenttrouble_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.kind}"


class HeldQuote(models.Model):
    """A price that jumped too far to be believed at once. The stored quote stays until this one is confirmed: by another
    source, by the next tick of its own, or by a person. One that goes back to where it was is dropped."""

    instrument = models.OneToOneField(
        Instrument, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    bid = PriceField(null=True)
    ask = PriceField(null=True)
    bid_size = QuantityField(null=True)
    ask_size = QuantityField(null=True)
    last = PriceField()
    previous_close = PriceField(null=True)
    volume = QuantityField(null=True)
    quoted_at = models.DateTimeField()
    source = models.CharField(max_length=60)
    known_last = PriceField(help_text="The stored price that it jumped from.")
    known_at = models.DateTimeField()
    limit = models.DecimalField(
        max_digits=7, decimal_places=4, help_text="How far was too far, as a fraction."
    )
    held_at = models.DateTimeField(help_text="When the first such price came.")
    seen_at = models.DateTimeField(help_text="When the latest such price came.")

    objects = OfInstrumentQuerySet.as_manager()

    class Meta:
        verbose_name = "held price"
        constraints = [
            models.CheckConstraint(
                condition=Q(last__gt=0, known_last__gt=0), name="heldquote_prices_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id}: {self.last} instead of {self.known_last}"
