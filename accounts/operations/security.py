"""Accounts: the security log is written here."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.events import SecurityNoticed
from accounts.models import SecurityEvent, User
from accounts.origin import NOWHERE, Origin
from portfolio_site.kernel.events import publish

#: What a person hears about wherever they are signed in; the rest is only written down.
NOTICED = frozenset(
    {
        SecurityEvent.Kind.EMAIL_CHANGED,
        SecurityEvent.Kind.PASSWORD_CHANGED,
        SecurityEvent.Kind.PASSWORD_RESET,
        SecurityEvent.Kind.FACTOR_ADDED,
        SecurityEvent.Kind.FACTOR_REMOVED,
        SecurityEvent.Kind.FACTORS_RESET,
        SecurityEvent.Kind.TOKEN_CREATED,
        SecurityEvent.Kind.ROLES_CHANGED,
    }
)


def record(
    *,
    user_id: int,
    kind: SecurityEvent.Kind,
    now: datetime,
    actor_id: int | None = None,
    detail: str = "",
    origin: Origin = NOWHERE,
) -> SecurityEvent:
    """Write one line of a person's security log and, for what matters at once, tell the other rooms."""
    with transaction.atomic():
        entry: SecurityEvent = SecurityEvent.objects.create(
            user_id=user_id,
            actor_id=actor_id,
            kind=kind,
            detail=detail[:300],
            ip=origin.ip,
            user_agent=origin.user_agent[:300],
            request_id=origin.request_id[:64],
            created_at=now,
        )
        if kind in NOTICED:
            publish(
                SecurityNoticed(user_id=user_id, kind=kind.value, title=str(kind.label), detail=entry.detail),
                stream=f"user:{user_id}",
            )
    return entry


def note_export(*, user: User, now: datetime, origin: Origin = NOWHERE) -> None:
    """Write down that a person took their data away."""
    record(user_id=user.pk, kind=SecurityEvent.Kind.DATA_EXPORTED, now=now, actor_id=user.pk, origin=origin)
