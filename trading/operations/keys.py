"""Key pairs of paper accounts are made, used and revoked here."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import SecurityEvent
from accounts.operations import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import is_auditor
from holdings.operations import lock_portfolio
from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError
from portfolio_site.kernel.noting import note_use
from trading.models import ApiKey
from trading.models.keys import MAX_RATE_LIMIT
from trading.operations.errors import PortfolioUnknownError, ReadOnlyError
from trading.queries.keys import ApiKeyNotFound, ApiKeyView, api_key_view, digest_of

#: Live keys of one account at a time: enough for many programs, few enough to look through.
MAX_LIVE_KEYS = 20

_KEY_SIGNS = string.ascii_uppercase + string.digits
_SECRET_SIGNS = string.ascii_letters + string.digits


class TooManyKeys(ConflictError):
    """The account has more live keys than anybody looks through."""

    code = "too_many_api_keys"


class ApiKeyRefused(DomainError):
    """A key cannot be made as it was asked for; ``field`` says why."""

    code = "api_key_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new key together with its secret, which exists only here and is shown once."""

    key: ApiKeyView
    secret: str

    @property
    def bearer(self) -> str:
        """Key id and secret as one token, for clients that send ``Authorization: Bearer``."""
        return f"{self.key.key_id}:{self.secret}"


def create_api_key(
    *,
    portfolio_id: int,
    actor: Any,
    name: str,
    now: datetime,
    rate_limit: int | None = None,
    origin: Origin = NOWHERE,
) -> IssuedKey:
    """Make a key pair with which a program trades in a paper account of ``actor``; ``rate_limit`` is requests a
    minute (the site's ``API_RATE_LIMIT`` unless told).

    Raises ``PortfolioUnknownError``, ``ReadOnlyError``, ``TooManyKeys``, or ``ApiKeyRefused`` at a field.
    """
    label = " ".join(name.split())
    if not label or len(label) > 80 or not label.isprintable():
        raise ApiKeyRefused("Give the key a name of at most 80 characters.", field="name")
    limit = settings.API_RATE_LIMIT if rate_limit is None else rate_limit
    if not 1 <= limit <= MAX_RATE_LIMIT:
        raise ApiKeyRefused(f"The limit is 1 to {MAX_RATE_LIMIT} requests a minute.", field="rate_limit")
    key_id = "PK" + "".join(secrets.choice(_KEY_SIGNS) for _ in range(18))
    secret = "".join(secrets.choice(_SECRET_SIGNS) for _ in range(40))
    with transaction.atomic():
        _lock_own_paper_account(portfolio_id, actor)
        if ApiKey.objects.live().filter(portfolio_id=portfolio_id).count() >= MAX_LIVE_KEYS:
            raise TooManyKeys(f"This account has {MAX_LIVE_KEYS} keys. Revoke one that you no longer need.")
        row = ApiKey.objects.create(
            portfolio_id=portfolio_id,
            name=label,
            key_id=key_id,
            digest=digest_of(key_id=key_id, secret=secret),
            rate_limit=limit,
            created_by_id=actor.pk,
            created_at=now,
        )
        _note(row, SecurityEvent.Kind.TOKEN_CREATED, actor=actor, now=now, origin=origin)
    return IssuedKey(key=api_key_view(row), secret=secret)


def revoke_api_key(*, key_pk: int, actor: Any, now: datetime, origin: Origin = NOWHERE) -> ApiKeyView:
    """Make a key of ``actor`` worthless from this moment. Revoking twice keeps the first time.

    Raises ``ApiKeyNotFound``.
    """
    with transaction.atomic():
        row = ApiKey.objects.visible_to(actor).select_for_update(of=("self",)).filter(pk=key_pk).first()
        if row is None:
            raise ApiKeyNotFound("There is no such key.")
        if row.revoked_at is None:
            row.revoked_at = now
            row.save(update_fields=["revoked_at"])
            _note(row, SecurityEvent.Kind.TOKEN_REVOKED, actor=actor, now=now, origin=origin)
    return api_key_view(row)


def note_key_use(*, key_pk: int, last_used_at: datetime | None, now: datetime) -> None:
    """Remember that a key was used; written at most once a minute, without waiting for the disk."""
    note_use("trading_apikey", pk=key_pk, last_used_at=last_used_at, now=now)


def _lock_own_paper_account(portfolio_id: int, actor: Any) -> None:
    try:
        portfolio = lock_portfolio(portfolio_id)
    except NotFoundError:
        raise PortfolioUnknownError from None
    if portfolio.owner_id != actor.pk:
        raise ReadOnlyError if is_auditor(actor) else PortfolioUnknownError
    if not portfolio.is_traded:
        raise ApiKeyRefused("Keys are for trading accounts. This portfolio is tracked.")


def _note(row: ApiKey, kind: SecurityEvent.Kind, *, actor: Any, now: datetime, origin: Origin) -> None:
    record(
        user_id=actor.pk,
        kind=kind,
        now=now,
        actor_id=actor.pk,
        detail=f"Trading key {row.name} ({row.key_id})",
        origin=origin,
    )
