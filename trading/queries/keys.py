"""Key pairs of paper accounts: who stands behind one, and which an account has."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.models import User
from accounts.roles import Role
from portfolio_site.kernel.errors import NotFoundError
from trading.models import ApiKey

# One statement answers who it is, whether they may, and what role they have: it precedes every request of a program.
_HOLDER = """
SELECT k.id, k.digest, k.rate_limit, k.last_used_at, p.id, p.base_currency, p.archived_at, p.created_at,
       a.id, u.id, u.email, u.name, u.time_zone,
       ARRAY(SELECT g.name FROM accounts_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id)
FROM trading_apikey k
JOIN holdings_portfolio p ON p.id = k.portfolio_id
JOIN accounts_user u ON u.id = p.owner_id
LEFT JOIN trading_tradingaccount a ON a.portfolio_id = p.id
WHERE k.key_id = %s AND k.revoked_at IS NULL AND u.is_active
"""
#: Longer than any key or secret: what is longer is not looked at.
_MOST_CHARACTERS = 128


class ApiKeyNotFound(NotFoundError):
    """The person has no such key."""

    code = "api_key_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Who a good key pair speaks for: one paper account of one person. ``user`` is good for operations as actor."""

    key_pk: int
    key_id: str
    rate_limit: int
    last_used_at: datetime | None
    portfolio_id: int
    currency: str
    is_archived: bool
    opened_at: datetime
    account_id: UUID | None
    user: User

    @property
    def is_read_only(self) -> bool:
        """Whether the person looks but changes nothing."""
        return self.user.is_read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyView:
    """A key as its owner sees it: never the secret."""

    pk: int
    portfolio_id: int
    name: str
    key_id: str
    rate_limit: int
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_live(self) -> bool:
        """Whether it still opens something."""
        return self.revoked_at is None

    @property
    def dialog_id(self) -> str:
        """The id of the element that asks before this key is revoked."""
        return f"revoke-key-{self.pk}"


def digest_of(*, key_id: str, secret: str) -> str:
    """What is stored of a secret: its HMAC-SHA-256 under its key id and the site's pepper (setting
    ``API_KEY_PEPPER``, may be empty)."""
    keyed = f"{key_id}:{settings.API_KEY_PEPPER}".encode()
    return hmac.new(keyed, secret.encode(), hashlib.sha256).hexdigest()


def holder_of(*, key_id: str, secret: str) -> KeyHolder | None:
    """The account a key pair opens; None when it is unknown or revoked, the secret is wrong or the person is kept
    out. One statement."""
    if not 0 < len(key_id) <= _MOST_CHARACTERS or not 0 < len(secret) <= _MOST_CHARACTERS:
        return None
    if not key_id.isascii() or not key_id.isalnum() or not secret.isascii():
        return None
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER, [key_id])
        row = cursor.fetchone()
    if row is None or not hmac.compare_digest(row[1], digest_of(key_id=key_id, secret=secret)):
        return None
    user = User.from_db(
        connection.alias, ["id", "email", "name", "time_zone", "is_active"], [*row[9:13], True]
    )
    # What `User.roles` would ask for with a statement of its own.
    user.__dict__["roles"] = frozenset(role for role in Role if role.value in row[13])
    return KeyHolder(
        key_pk=row[0],
        key_id=key_id,
        rate_limit=row[2],
        last_used_at=row[3],
        portfolio_id=row[4],
        currency=row[5],
        is_archived=row[6] is not None,
        opened_at=row[7],
        account_id=row[8],
        user=user,
    )


def api_keys_of(user: Any, portfolio_id: int) -> list[ApiKeyView]:
    """The keys of an account of the person, newest first, revoked ones included. One statement."""
    rows = ApiKey.objects.visible_to(user).filter(portfolio_id=portfolio_id).order_by("-created_at", "-pk")
    return [api_key_view(row) for row in rows]


def visible_api_key(user: Any, key_pk: int) -> ApiKeyView:
    """One of the person's keys. Raises ``ApiKeyNotFound``, also for somebody else's."""
    row = ApiKey.objects.visible_to(user).filter(pk=key_pk).first()
    if row is None:
        raise ApiKeyNotFound("There is no such key.")
    return api_key_view(row)


def api_key_view(row: ApiKey) -> ApiKeyView:
    """The value of a row."""
    return ApiKeyView(
        pk=row.pk,
        portfolio_id=row.portfolio_id,
        name=row.name,
        key_id=row.key_id,
        rate_limit=row.rate_limit,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
