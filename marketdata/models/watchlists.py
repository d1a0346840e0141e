"""Market data: watchlists, the instruments that a person keeps an eye on."""

from __future__ import annotations

import uuid
from typing import Any, Self

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, Q
from django.db.models.functions import Lower

from marketdata.models.instruments import Instrument
from marketdata.models.visibility import AUDITOR_GROUP

NAME_LENGTH = 64


class WatchlistQuerySet(models.QuerySet["Watchlist"]):
    """Watchlists, as people may see them."""

    def visible_to(self, user: Any) -> Self:
        """One's own; every one for an auditor."""
        if user.pk is None:
            return self.none()
        auditor = Exists(Group.objects.filter(name=AUDITOR_GROUP, user=user.pk))
        return self.filter(Q(owner=user.pk) | Q(auditor))

    def of(self, user: Any) -> Self:
        """The person's own, in the order they keep them in."""
        return self.filter(owner=user.pk).order_by("position", "created_at", "pk")


@pghistory.track(
    pghistory.InsertEvent("watchlist.created"),
    pghistory.UpdateEvent("watchlist.renamed", condition=pghistory.AnyChange("name")),
    pghistory.DeleteEvent("watchlist.deleted"),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="audit_events"),
)
class Watchlist(models.Model):
    """A named list of instruments of one person. The row is also the lock under which its items change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    position = models.PositiveIntegerField(default=0, help_text="Its place among the lists of the person.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(help_text="When its name or what is in it last changed.")

    objects = WatchlistQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="watchlist_name_unique",
                violation_error_message="You already have a watchlist with this name.",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="watchlist_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track(
    pghistory.InsertEvent("watchlist.added"),
    pghistory.DeleteEvent("watchlist.removed"),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="audit_events"),
)
class WatchlistItem(models.Model):
    """An instrument on a list; lists are read by `position`."""

    watchlist = models.ForeignKey(Watchlist, on_delete=models.CASCADE, related_name="items", db_index=False)
    instrument = models.ForeignKey(Instrument, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["watchlist", "instrument"], name="watchlistitem_once"),
        ]

    def __str__(self) -> str:
        return f"{self.watchlist_id}: {self.instrument_id}"
