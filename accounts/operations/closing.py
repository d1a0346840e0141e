"""Accounts: how somebody leaves. The journal and the audit trail stay: they are append-only by law of the house."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Q

from accounts.events import AccessEnded
from accounts.models import SecurityEvent, User
from accounts.operations.access import ERASED_DOMAIN, OwnAccess, drop_sessions, shut_out
from accounts.operations.security import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import forget_roles, is_administrator
from accounts.roles import Role
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish


class NotConfirmed(DomainError):
    """The person did not type their own address."""

    code = "not_confirmed"


def close_account(
    *, user: User, typed_email: str, erase: bool, now: datetime, origin: Origin = NOWHERE
) -> None:
    """Close one's own account; `erase` also removes name, address, second factors and preferences.

    Closed: sessions end, tokens are revoked, signing in is refused; an administrator can open it again.
    Erased: nobody can. Either way the books stay, under a number, and so does the audit trail.
    Raises `NotConfirmed` unless `typed_email` is the person's own, `OwnAccess` for the last administrator.
    """
    if typed_email.strip().lower() != user.email:
        raise NotConfirmed("This is not the address of your account.", field="typed_email")
    with transaction.atomic():
        locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        if is_administrator(locked) and not _another_administrator(locked):
            raise OwnAccess("You are the only administrator. Make somebody else one first.")
        reason = "Erased by the owner" if erase else "Closed by the owner"
        shut_out(user=locked, by=locked, reason=reason, now=now)
        record(
            user_id=locked.pk,
            kind=SecurityEvent.Kind.CLOSED,
            now=now,
            actor_id=locked.pk,
            detail=reason,
            origin=origin,
        )
        if erase:
            _erase(locked)
        publish(AccessEnded(user_id=locked.pk, reason="closed"), stream=f"user:{locked.pk}")


def _erase(user: User) -> None:
    Authenticator.objects.filter(user_id=user.pk).delete()
    EmailAddress.objects.filter(user_id=user.pk).delete()
    user.groups.clear()
    forget_roles(user)
    user.email = f"erased-{user.pk}{ERASED_DOMAIN}"
    user.name, user.time_zone, user.is_staff, user.is_superuser = "", "UTC", False, False
    user.set_unusable_password()
    user.save()
    drop_sessions(user=user)


def _another_administrator(user: User) -> bool:
    others = User.objects.filter(is_active=True).exclude(pk=user.pk)
    return others.filter(Q(is_superuser=True) | Q(groups__name=Role.ADMINISTRATOR.value)).exists()
