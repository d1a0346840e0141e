"""Accounts: what administrators do to other people's access. None of it shows or sets a password."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from accounts.events import AccessEnded
from accounts.models import ApiToken, SecurityEvent, User
from accounts.operations.security import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import forget_roles, is_administrator, roles_of
from accounts.roles import STAFF_ROLES, Role
from portfolio_site.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from portfolio_site.kernel.events import publish


class UserNotFound(NotFoundError):
    """There is no such person."""

    code = "user_not_found"


class StaffOnly(ForbiddenError):
    """Only administrators change other people's access, and only a superuser that of a superuser."""

    code = "administrators_only"


class OwnAccess(ConflictError):
    """Administrators do not shut themselves out."""

    code = "own_access"


class RolesClash(DomainError):
    """An auditor changes nothing and so holds no other role."""

    code = "roles_clash"


class Erased(ConflictError):
    """There is nobody left to let in."""

    code = "erased"


def suspend_user(*, user_id: int, actor: User, reason: str, now: datetime, origin: Origin = NOWHERE) -> User:
    """Keep a person out from this moment: sessions end, every token is revoked, signing in is refused.

    Their books stay as they are. Suspending twice keeps the first time and reason.
    """
    reason = reason.strip()
    if not reason:
        raise DomainError("Say why; the person may ask.", code="reason_required", field="reason")
    with transaction.atomic():
        user = _locked(user_id, actor)
        if user.pk == actor.pk:
            raise OwnAccess("You cannot suspend your own account.")
        if user.is_suspended:
            return user
        shut_out(user=user, by=actor, reason=reason, now=now)
        record(
            user_id=user.pk,
            kind=SecurityEvent.Kind.SUSPENDED,
            now=now,
            actor_id=actor.pk,
            detail=reason,
            origin=origin,
        )
        publish(AccessEnded(user_id=user.pk, reason="suspended"), stream=f"user:{user.pk}")
    return user


def reactivate_user(*, user_id: int, actor: User, now: datetime, origin: Origin = NOWHERE) -> User:
    """Let a suspended person in again. Their old sessions and tokens stay ended."""
    with transaction.atomic():
        user = _locked(user_id, actor)
        if not user.is_suspended:
            return user
        if user.email.endswith(ERASED_DOMAIN):
            raise Erased("This account was erased by its owner and cannot be opened again.")
        user.is_active, user.suspended_at, user.suspended_by, user.suspended_reason = True, None, None, ""
        user.save(update_fields=["is_active", "suspended_at", "suspended_by", "suspended_reason"])
        record(
            user_id=user.pk, kind=SecurityEvent.Kind.REACTIVATED, now=now, actor_id=actor.pk, origin=origin
        )
    return user


def set_roles(
    *, user_id: int, roles: Iterable[Role], actor: User, now: datetime, origin: Origin = NOWHERE
) -> User:
    """Give a person exactly these roles. Administrators and auditors may open the administration pages."""
    wanted = frozenset(roles)
    if Role.AUDITOR in wanted and len(wanted) > 1:
        raise RolesClash("An auditor changes nothing and so has no other role.", field="roles")
    with transaction.atomic():
        user = _locked(user_id, actor)
        before = roles_of(user)
        if user.pk == actor.pk and Role.ADMINISTRATOR in before - wanted:
            raise OwnAccess("You cannot take the administrator role from yourself.", field="roles")
        if wanted == before:
            return user
        user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in sorted(wanted)])
        forget_roles(user)
        user.is_staff = bool(wanted & STAFF_ROLES) or user.is_superuser
        user.save(update_fields=["is_staff"])
        record(
            user_id=user.pk,
            kind=SecurityEvent.Kind.ROLES_CHANGED,
            now=now,
            actor_id=actor.pk,
            detail=f"{_named(before)} → {_named(wanted)}",
            origin=origin,
        )
    return user


def end_sessions(*, user_id: int, actor: User, now: datetime, origin: Origin = NOWHERE) -> User:
    """Sign a person out of every browser. API tokens live on: they are revoked one by one, or by suspension."""
    with transaction.atomic():
        user = _locked(user_id, actor)
        drop_sessions(user=user)
        record(
            user_id=user.pk, kind=SecurityEvent.Kind.SESSIONS_ENDED, now=now, actor_id=actor.pk, origin=origin
        )
        publish(AccessEnded(user_id=user.pk, reason="sessions_ended"), stream=f"user:{user.pk}")
    return user


def reset_second_factors(*, user_id: int, actor: User, now: datetime, origin: Origin = NOWHERE) -> User:
    """Remove all second factors of somebody who lost theirs, and sign them out. The password still stands."""
    with transaction.atomic():
        user = _locked(user_id, actor)
        if user.pk == actor.pk:
            raise OwnAccess("Remove your own second factors on your security page.")
        Authenticator.objects.filter(user_id=user.pk).delete()
        drop_sessions(user=user)
        record(
            user_id=user.pk, kind=SecurityEvent.Kind.FACTORS_RESET, now=now, actor_id=actor.pk, origin=origin
        )
        publish(AccessEnded(user_id=user.pk, reason="sessions_ended"), stream=f"user:{user.pk}")
    return user


def resend_verification(*, user_id: int, actor: User, request: HttpRequest) -> bool:
    """Send the mail again with which a person confirms their address. False when it is confirmed already.

    The mail's link is made for the site of `request`.
    """
    user = _allowed(User.objects.filter(pk=user_id).first(), actor)
    address, _ = EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": False}
    )
    if address.verified:
        return False
    with request_context(request):
        address.send_confirmation(request)
    return True


#: The domain that stands in for an erased address; `.invalid` is reserved and never resolves.
ERASED_DOMAIN = "@erased.invalid"


def shut_out(*, user: User, by: User | None, reason: str, now: datetime) -> None:
    """Set the switch on a locked user, end the sessions and revoke the tokens."""
    user.is_active, user.suspended_at, user.suspended_by, user.suspended_reason = False, now, by, reason[:300]
    user.save(update_fields=["is_active", "suspended_at", "suspended_by", "suspended_reason"])
    ApiToken.objects.filter(user_id=user.pk, revoked_at__isnull=True).update(revoked_at=now)
    drop_sessions(user=user)


def drop_sessions(*, user: User) -> None:
    """End all sessions of a locked user, listed or not: the epoch makes the rest worthless."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    sessions = list(UserSession.objects.filter(user_id=user.pk))

    def forget() -> None:
        for session in sessions:
            session.end()

    transaction.on_commit(forget)


def _locked(user_id: int, actor: User) -> User:
    return _allowed(User.objects.select_for_update(of=("self",)).filter(pk=user_id).first(), actor)


def require_administrator(actor: User) -> None:
    """Raise `StaffOnly` unless `actor` runs the site."""
    if not is_administrator(actor):
        raise StaffOnly("Only administrators may do this.")


def _allowed(user: User | None, actor: User) -> User:
    require_administrator(actor)
    if user is None:
        raise UserNotFound("There is no such person.")
    if user.is_superuser and not actor.is_superuser:
        raise StaffOnly("Only a superuser may change a superuser.")
    return user


def _named(roles: frozenset[Role]) -> str:
    return ", ".join(sorted(role.value for role in roles)) or "none"
