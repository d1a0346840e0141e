"""Accounts: keys for programs are made, used and revoked here."""

from __future__ import annotations

import ipaddress
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import ApiToken, SecurityEvent, User
from accounts.operations.security import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import TokenNotFound, digest_of, is_administrator
from portfolio_site.kernel.errors import ConflictError, DomainError
from portfolio_site.kernel.noting import note_use

#: Live tokens a person may have at a time: enough for many programs, few enough to look through.
MAX_LIVE_TOKENS = 50
#: Networks a token may be bound to.
MAX_NETWORKS = 20

_ALPHABET = string.ascii_letters + string.digits


class TooManyTokens(ConflictError):
    """There are more live tokens than anybody looks through."""

    code = "too_many_tokens"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token together with its key, which exists only here and is shown once."""

    token: ApiToken
    key: str


def create_token(
    *,
    user: User,
    name: str,
    now: datetime,
    access: ApiToken.Access = ApiToken.Access.FULL,
    expires_at: datetime | None = None,
    allowed_networks: Iterable[str] = (),
    kind: ApiToken.Kind = ApiToken.Kind.NAMED,
    origin: Origin = NOWHERE,
) -> IssuedToken:
    """Make a key with which a program acts for `user`. Raises `TooManyTokens`, or `DomainError` at a field.

    `allowed_networks` are addresses or networks such as `203.0.113.7` and `2001:db8::/32`; none: from anywhere.
    """
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise DomainError(
            "Give the token a name of at most 80 characters.", code="name_required", field="name"
        )
    if expires_at is not None and expires_at <= now:
        raise DomainError("The token would be expired already.", code="expires_in_past", field="expires_at")
    networks = [_network(text) for text in allowed_networks]
    if len(networks) > MAX_NETWORKS:
        raise DomainError(
            f"Name at most {MAX_NETWORKS} networks.", code="too_many_networks", field="allowed_networks"
        )
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    key = f"hf_{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(43))}"
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        if ApiToken.objects.visible_to(user).live(now).count() >= MAX_LIVE_TOKENS:
            raise TooManyTokens(f"You have {MAX_LIVE_TOKENS} tokens. Revoke one that you no longer need.")
        token: ApiToken = ApiToken.objects.create(
            user=user,
            name=name,
            kind=kind,
            access=access,
            prefix=prefix,
            digest=digest_of(key),
            created_at=now,
            expires_at=expires_at,
            allowed_networks=networks,
        )
        record(
            user_id=user.pk,
            kind=SecurityEvent.Kind.TOKEN_CREATED,
            now=now,
            actor_id=user.pk,
            detail=f"{name} ({prefix}…)",
            origin=origin,
        )
    return IssuedToken(token=token, key=key)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise DomainError(
            f"“{text[:60]}” is no address or network. Write 203.0.113.7 or 203.0.113.0/24.",
            code="network_invalid",
            field="allowed_networks",
        ) from error


def revoke_token(
    *, user: User, token_id: int, now: datetime, actor: User | None = None, origin: Origin = NOWHERE
) -> ApiToken:
    """Make a key of `user` worthless from this moment; `actor` is an administrator who does it for them.

    Revoking twice keeps the first time. Raises `TokenNotFound`.
    """
    by = actor or user
    if by.pk != user.pk and not is_administrator(by):
        raise TokenNotFound("There is no such token.")
    with transaction.atomic():
        token: ApiToken | None = (
            ApiToken.objects.visible_to(user).select_for_update().filter(pk=token_id).first()
        )
        if token is None:
            raise TokenNotFound("There is no such token.")
        if token.revoked_at is None:
            token.revoked_at = now
            token.save(update_fields=["revoked_at"])
            record(
                user_id=user.pk,
                kind=SecurityEvent.Kind.TOKEN_REVOKED,
                now=now,
                actor_id=by.pk,
                detail=str(token),
                origin=origin,
            )
    return token


def note_token_use(*, token: ApiToken, now: datetime) -> None:
    """Remember that a token was used; written at most once a minute, without waiting for the disk."""
    if note_use("accounts_apitoken", pk=token.pk, last_used_at=token.last_used_at, now=now):
        token.last_used_at = now
