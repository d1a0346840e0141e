"""The counter: accounts at a broker, and what is said to it and heard from it.

A trading account that is bound to a connection has its orders executed by that broker: the simulated exchange never looks
at them. What is to be said to the broker is a row (``BrokerInstruction``) that commits with the order, and is sent after.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.queries import is_auditor
from portfolio_site.kernel.fields import QuantityField

MAX_CONNECTION_NAME = 80


class Environment(models.TextChoices):
    """Whose money."""

    PAPER = "paper", "Paper (play money)"
    LIVE = "live", "Live (real money)"


class ConnectionState(models.TextChoices):
    """How a connection does."""

    NEW = "new", "Not used yet"
    CONNECTED = "connected", "Connected"
    FAILING = "failing", "Not reachable"
    REFUSED = "refused", "Keys refused"
    DISCONNECTED = "disconnected", "Disconnected"


class BrokerConnectionQuerySet(models.QuerySet["BrokerConnection"]):
    """Connections, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """The person's own; every one for an auditor; none for anybody else."""
        if not user.is_authenticated:
            return self.none()
        if is_auditor(user):
            return self
        return self.filter(owner_id=user.pk)

    def in_use(self) -> Self:
        """Those that an account is bound to and that were not disconnected: these are followed."""
        return self.exclude(state=ConnectionState.DISCONNECTED).filter(trading_account__isnull=False)


_NOISE = [
    "credentials",
    "last_sync_at",
    "figures",
    "differences",
    "fills_after",
    "reconciled_at",
    "heard_at",
    "known_activities",
]


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(condition=pghistory.AnyChange(exclude=[name for name in _NOISE if name != "credentials"])),
    pghistory.DeleteEvent(),
    exclude=_NOISE,
    append_only=True,
    context_field=pghistory.ContextJSONField(),
)  # fmt: skip
class BrokerConnection(models.Model):
    """An account of ``owner`` at a broker.

    ``credentials`` are sealed (``kernel.secrets``) and emptied when the connection ends; ``key_hint`` is the end of the
    key id, for people to tell keys apart. ``remote_account`` is the broker's id of the account: it cannot be connected
    twice. ``live_enabled_at`` is when its owner said that real money may be traded; without it a live connection sends
    no order. ``paused_at`` is since when its owner lets no new order leave; what is open there is followed on.
    ``fills_after`` is the id of the last execution that was booked, ``known_activities`` the other entries
    of the broker's books that were dealt with, ``differences`` what the last comparison of positions and cash found.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=MAX_CONNECTION_NAME)
    broker = models.CharField(max_length=16, default="alpaca")
    environment = models.CharField(max_length=8, choices=Environment.choices)
    base_url = models.CharField(max_length=200, blank=True, default="")
    credentials = models.TextField(blank=True, default="", editable=False)
    key_hint = models.CharField(max_length=8, blank=True, default="")
    remote_account = models.CharField(max_length=64)
    remote_number = models.CharField(max_length=32, blank=True, default="")
    state = models.CharField(max_length=16, choices=ConnectionState.choices, default=ConnectionState.NEW)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    live_enabled_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    reconciled_at = models.DateTimeField(null=True, blank=True)
    figures = models.JSONField(default=dict)
    differences = models.JSONField(default=list)
    fills_after = models.CharField(max_length=80, blank=True, default="")
    known_activities = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField()
    disconnected_at = models.DateTimeField(null=True, blank=True)

    objects = BrokerConnectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(environment__in=sorted(Environment.values)),
                name="trading_broker_environment_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(ConnectionState.values)), name="trading_broker_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="disconnected", disconnected_at__isnull=False, credentials="")
                | (~Q(state="disconnected") & Q(disconnected_at__isnull=True) & ~Q(credentials="")),
                name="trading_broker_end_forgets_keys",
            ),
            models.CheckConstraint(
                condition=Q(environment="live") | Q(live_enabled_at__isnull=True),
                name="trading_broker_live_is_live",
            ),
            # Two connections of one account would book each execution twice.
            models.UniqueConstraint(
                fields=["broker", "remote_account"],
                condition=~Q(state="disconnected"),
                name="trading_broker_account_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner", "-created_at"], name="trading_broker_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"

    @property
    def is_live(self) -> bool:
        """Whether it is about real money."""
        return self.environment == Environment.LIVE

    @property
    def is_ended(self) -> bool:
        """Whether it was disconnected."""
        return self.state == ConnectionState.DISCONNECTED


class BrokerOrder(models.Model):
    """An order as the broker knows it. ``remote_id`` is empty until the broker has answered; ``status`` is the last it told.
    ``filled_before`` was done before the account was connected, and is among the positions it began with."""

    order = models.OneToOneField(
        "trading.Order", primary_key=True, on_delete=models.PROTECT, related_name="broker_order"
    )
    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    remote_id = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=32, blank=True, default="")
    filled_before = QuantityField(default=0, db_default=0)
    told_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[BrokerOrder]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["connection", "remote_id"],
                condition=~Q(remote_id=""),
                name="trading_broker_order_remote_once",
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id or "not sent"


class InstructionKind(models.TextChoices):
    """What is said."""

    SUBMIT = "submit", "Place"
    CANCEL = "cancel", "Cancel"
    REPLACE = "replace", "Replace"


class InstructionState(models.TextChoices):
    """How far an instruction has come."""

    WAITING = "waiting", "Waiting to be sent"
    SENDING = "sending", "On its way"
    DONE = "done", "Taken by the broker"
    REFUSED = "refused", "Refused by the broker"
    WITHDRAWN = "withdrawn", "Withdrawn"


class BrokerInstruction(models.Model):
    """One thing to be said to a broker. Kept in the order in which they were made; one order's are sent one after another.

    A row is claimed (``sending``, ``claimed_at``, ``attempts``) before anything leaves the house, in a transaction of its
    own: after a crash the row says that it may have arrived, and the broker is asked before it is sent again.
    ``successor`` is the order that a replacement makes, ``terms`` what it changes.
    """

    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    order = models.ForeignKey("trading.Order", on_delete=models.PROTECT, related_name="+")
    successor = models.OneToOneField(
        "trading.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    terms = models.JSONField(default=dict, db_default={})
    kind = models.CharField(max_length=8, choices=InstructionKind.choices)
    state = models.CharField(
        max_length=10, choices=InstructionState.choices, default=InstructionState.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    not_after = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")

    objects: ClassVar[models.Manager[BrokerInstruction]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending"], ended_at__isnull=True)
                | (~Q(state__in=["waiting", "sending"]) & Q(ended_at__isnull=False)),
                name="trading_broker_instruction_ends",
            ),
            models.CheckConstraint(
                condition=Q(kind="replace", successor__isnull=False)
                | (~Q(kind="replace") & Q(successor__isnull=True)),
                name="trading_broker_successor_iff_replace",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(kind="submit"), name="trading_broker_submit_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["connection", "due_at"],
                condition=Q(state__in=["waiting", "sending"]),
                name="trading_broker_to_say",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"


class BrokerExecution(models.Model):
    """An execution that the broker told, and the fill it became. An order's executions are told apart by how much of the
    order was done after each (``cum_quantity``): that is the same on the broker's stream and in its books."""

    fill = models.OneToOneField("trading.Fill", primary_key=True, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    order = models.ForeignKey("trading.Order", on_delete=models.PROTECT, related_name="+", db_index=False)
    remote_id = models.CharField(max_length=80)
    cum_quantity = QuantityField()
    told_at = models.DateTimeField()

    objects: ClassVar[models.Manager[BrokerExecution]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "remote_id"], name="trading_broker_execution_once"),
            models.UniqueConstraint(
                fields=["order", "cum_quantity"], name="trading_broker_execution_place_once"
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id
