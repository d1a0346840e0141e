"""People for tests of who may do what."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from accounts import operations
from accounts.models import User
from accounts.roles import Role
from portfolio_site.kernel import clock

PASSWORD = "correct horse battery staple"


def make_user(
    email: str = "ada@example.org", *, roles: tuple[Role, ...] = (Role.TRADER,), **fields: Any
) -> User:
    """A person with a confirmed address and `PASSWORD`."""
    user = operations.register_user(
        email=email, password=PASSWORD, roles=roles, is_email_verified=True, now=clock.now()
    )
    if fields:
        User.objects.filter(pk=user.pk).update(**fields)
        user.refresh_from_db()
    return user


def make_administrator(email: str = "root@example.org") -> User:
    """Somebody who runs the site."""
    return make_user(email, roles=(Role.ADMINISTRATOR,))


def make_auditor(email: str = "audit@example.org") -> User:
    """Somebody who reads and changes nothing."""
    return make_user(email, roles=(Role.AUDITOR,))


def sign_in(client: Client, user: User, **more: str) -> Any:
    """Sign in on the page, as a person does."""
    return client.post("/accounts/login/", {"login": user.email, "password": PASSWORD, **more})


def add_totp(user: User) -> str:
    """Set up an authenticator app; its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def add_passkey(user: User) -> None:
    """Set up a passkey that nobody will use."""
    Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Key", "passwordless": True, "credential": {}},
    )


def recovery_codes(user: User) -> list[str]:
    """Make recovery codes; the unused ones."""
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def totp_code(secret: str) -> str:
    """What the authenticator app shows now."""
    code: str = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    return code
