"""Accounts: how somebody comes to have an account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.events import UserRegistered
from accounts.models import SecurityEvent, User
from accounts.operations.access import require_administrator
from accounts.operations.security import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import forget_roles
from accounts.roles import STAFF_ROLES, Role
from portfolio_site.kernel.errors import ConflictError
from portfolio_site.kernel.events import publish


class EmailTaken(ConflictError):
    """Somebody has an account with this address already."""

    code = "email_taken"


def register_user(
    *,
    email: str,
    password: str | None,
    now: datetime,
    name: str = "",
    roles: Iterable[Role] = (Role.TRADER,),
    is_email_verified: bool = False,
    origin: Origin = NOWHERE,
) -> User:
    """Make a user with roles, outside of the sign-up page: demo data, commands, tests.

    The password is taken as given: whoever takes one from a person validates it first. Raises `EmailTaken`.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name, date_joined=now)
    except IntegrityError as error:
        raise EmailTaken("Somebody has an account with this address already.", field="email") from error
    with transaction.atomic():
        EmailAddress.objects.create(user=user, email=user.email, verified=is_email_verified, primary=True)
        welcome_user(user=user, roles=roles, now=now, origin=origin)
    return user


def invite_user(
    *, email: str, name: str, actor: User, now: datetime, request: HttpRequest, origin: Origin = NOWHERE
) -> User:
    """Make a trader for whom an administrator asks, and mail them a link with which they choose a password.

    Raises `EmailTaken`, `StaffOnly`.
    """
    require_administrator(actor)
    user = register_user(email=email, password=None, name=name, now=now, origin=origin)
    form = ResetPasswordForm({"email": user.email})
    if form.is_valid():
        form.save(request)
    return user


def welcome_user(
    *, user: User, now: datetime, roles: Iterable[Role] = (Role.TRADER,), origin: Origin = NOWHERE
) -> None:
    """Give a fresh user their first roles, write the first line of their log, and tell the other rooms."""
    wanted = frozenset(roles)
    with transaction.atomic():
        user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in sorted(wanted)])
        forget_roles(user)
        if wanted & STAFF_ROLES and not user.is_staff:
            user.is_staff = True
            user.save(update_fields=["is_staff"])
        record(user_id=user.pk, kind=SecurityEvent.Kind.SIGNED_UP, now=now, actor_id=user.pk, origin=origin)
        publish(UserRegistered(user_id=user.pk), stream=f"user:{user.pk}")
