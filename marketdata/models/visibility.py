"""Market data: who may see an instrument, and with it what belongs to it."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, Q

AUDITOR_GROUP = "Auditor"


def may_see(user: Any, *, prefix: str = "") -> Q:
    """Shared instruments, one's own, and for auditors all; `prefix` is the way to the instrument."""
    if user.pk is None:
        return Q(pk__in=[])
    auditor = Exists(Group.objects.filter(name=AUDITOR_GROUP, user=user.pk))
    return Q(**{f"{prefix}owner__isnull": True}) | Q(**{f"{prefix}owner": user.pk}) | Q(auditor)


def may_see_sql(alias: str) -> str:
    """The same for statements written by hand: a condition on the instrument `alias`, with the parameters `%(user)s`
    and `%(auditors)s` (`AUDITOR_GROUP`)."""
    groups = get_user_model().groups.through._meta.db_table
    return (
        f"({alias}.owner_id IS NULL OR {alias}.owner_id = %(user)s OR EXISTS (SELECT 1 FROM {groups} m"  # noqa: S608
        " JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = %(user)s AND g.name = %(auditors)s))"
    )


class OfInstrumentQuerySet(models.QuerySet[Any]):
    """For rows that belong to an instrument."""

    def visible_to(self, user: Any) -> Self:
        """Rows of the instruments this person may see."""
        return self.filter(may_see(user, prefix="instrument__"))
