"""Accounts: reads. Who somebody is on this site, their tokens, sessions and security log."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import QuerySet

from accounts.models import ApiToken, SecurityEvent, User
from accounts.roles import Role
from portfolio_site.kernel.errors import NotFoundError

AnyUser = User | AnonymousUser


class TokenNotFound(NotFoundError):
    """The person has no such token."""

    code = "token_not_found"


def roles_of(user: AnyUser) -> frozenset[Role]:
    """The roles of a person; read once for each loaded user object."""
    return user.roles if isinstance(user, User) else frozenset()


def forget_roles(user: User) -> None:
    """Let the next question about this user object's roles read them anew (after a change)."""
    user.__dict__.pop("roles", None)


def is_auditor(user: AnyUser) -> bool:
    """Whether this person reads everything and changes nothing."""
    return user.is_authenticated and user.is_active and Role.AUDITOR in roles_of(user)


def is_administrator(user: AnyUser) -> bool:
    """Whether this person runs the site."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or Role.ADMINISTRATOR in roles_of(user)


def has_second_factor(user: AnyUser) -> bool:
    """Whether signing in as this person takes more than the password (an authenticator app or a passkey)."""
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return user.is_authenticated and Authenticator.objects.filter(user_id=user.pk, type__in=kinds).exists()


def has_verified_email(user: User) -> bool:
    """Whether the person has shown that the address they sign in with is theirs."""
    return bool(
        EmailAddress.objects.filter(user_id=user.pk, email__iexact=user.email, verified=True).exists()
    )


def session_count(user: User) -> int:
    """In how many browsers the person is signed in, as far as is known."""
    return int(UserSession.objects.filter(user_id=user.pk).count())


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """What guards an account, for the settings page."""

    second_factors: int
    passkeys: int
    sessions: int
    tokens: int
    email_verified: bool


def access_summary(user: User, *, now: datetime) -> AccessSummary:
    """Count what guards and what opens this person's account."""
    factors = list(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))
    return AccessSummary(
        second_factors=sum(kind != Authenticator.Type.RECOVERY_CODES for kind in factors),
        passkeys=factors.count(Authenticator.Type.WEBAUTHN),
        sessions=session_count(user),
        tokens=ApiToken.objects.visible_to(user).live(now).count(),
        email_verified=has_verified_email(user),
    )


def tokens_for(user: AnyUser) -> QuerySet[ApiToken]:
    """The person's tokens, newest first, revoked ones included."""
    tokens: QuerySet[ApiToken] = ApiToken.objects.visible_to(user).order_by("-created_at", "-pk")
    return tokens


def visible_token(user: AnyUser, token_id: int) -> ApiToken:
    """One of the person's tokens. Raises `TokenNotFound`, also for somebody else's."""
    token: ApiToken | None = ApiToken.objects.visible_to(user).filter(pk=token_id).first()
    if token is None:
        raise TokenNotFound("There is no such token.")
    return token


def digest_of(key: str) -> str:
    """What is stored of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def prefix_of(key: str) -> str | None:
    """The public part of a key by which its row is found; None when this is no key of ours."""
    parts = key.split("_")
    if len(parts) != 3 or parts[0] != "hf" or not parts[1].isalnum() or len(key) > 100:
        return None
    return parts[1]


@cache
def _token_statement() -> tuple[str, list[str], list[str]]:
    """One statement for a token, its person and their roles, and the attributes its columns are for."""
    token, person = (
        [field for field in model._meta.concrete_fields if field.column] for model in (ApiToken, User)
    )
    columns = ", ".join(
        [f't."{field.column}"' for field in token] + [f'u."{field.column}"' for field in person]
    )
    statement = (
        f"SELECT {columns}, ARRAY(SELECT g.name FROM accounts_user_groups ug "  # noqa: S608 - columns of our own models
        "JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id) "
        "FROM accounts_apitoken t JOIN accounts_user u ON u.id = t.user_id WHERE t.prefix = %s"
    )
    return statement, [field.attname for field in token], [field.attname for field in person]


def _token_with_person(prefix: str) -> ApiToken | None:
    """The token of that prefix with its person and their roles. It precedes every request of a program: the ORM would take
    longer to word the question than PostgreSQL to answer it."""
    statement, token_names, person_names = _token_statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    token = ApiToken.from_db(connection.alias, token_names, row[: len(token_names)])
    token.user = User.from_db(connection.alias, person_names, row[len(token_names) : -1])
    token.user.__dict__["roles"] = Role.among(row[-1])
    return token


def token_for_key(key: str, *, now: datetime) -> ApiToken | None:
    """The live token that `key` opens, with its user; None when unknown, expired, revoked, or the user is kept out.

    A token that a program got by signing in ends when the person changes the password.
    """
    prefix = prefix_of(key)
    if prefix is None:
        return None
    token = _token_with_person(prefix)
    if token is None or not hmac.compare_digest(token.digest, digest_of(key)):
        return None
    changed = token.user.password_changed_at
    outlived = token.kind == ApiToken.Kind.SIGN_IN and changed is not None and changed > token.created_at
    if not token.is_live(now) or not token.user.is_active or outlived:
        return None
    return token


def security_log(user: AnyUser) -> QuerySet[SecurityEvent]:
    """What happened to this person's access, newest first."""
    log: QuerySet[SecurityEvent] = (
        SecurityEvent.objects.visible_to(user).select_related("actor").order_by("-created_at", "-pk")
    )
    return log


def personal_data(user: User) -> dict[str, Any]:
    """Everything this room keeps about a person, as JSON-able values; secrets are left out."""
    return {
        "profile": {
            "id": user.pk,
            "email": user.email,
            "name": user.name,
            "time_zone": user.time_zone,
            "locale": user.locale,
            "base_currency": user.base_currency,
            "theme": user.theme,
            "hide_amounts": user.hide_amounts,
            "date_joined": user.date_joined,
            "last_login": user.last_login,
            "roles": sorted(role.value for role in roles_of(user)),
        },
        "email_addresses": _rows(EmailAddress.objects.filter(user_id=user.pk), "email", "verified", "primary"),
        "second_factors": _rows(
            Authenticator.objects.filter(user_id=user.pk), "type", "created_at", "last_used_at"
        ),
        "sessions": _rows(
            UserSession.objects.filter(user_id=user.pk), "ip", "user_agent", "created_at", "last_seen_at"
        ),
        "api_tokens": _rows(
            tokens_for(user),
            "name", "kind", "access", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at",
        ),
        "security_log": _rows(
            security_log(user), "kind", "detail", "ip", "user_agent", "created_at"
        ),
    }  # fmt: skip


def _rows(rows: QuerySet[Any], *columns: str) -> list[dict[str, Any]]:
    return list(rows.values(*columns))
