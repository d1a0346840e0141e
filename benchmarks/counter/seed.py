"""Who trades, in what: people with an account and a key each, and instruments with a quote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils.module_loading import import_string

from accounts.models import User
from marketdata.models import Instrument, Quote
from portfolio_site.kernel.models import OutboxEvent
from trading.operations import create_api_key, open_paper_account

CASH = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Trader:
    """A person with one paper account and one key."""

    user: User
    portfolio_id: int
    key: tuple[str, str]


def traders(count: int, *, margin: int, now: datetime) -> list[Trader]:
    """So many people, each with an account of 1 000 000 USD and a key."""
    group = Group.objects.get_or_create(name="Trader")[0]
    found = []
    for start in range(0, count, 50):
        with transaction.atomic():
            for number in range(start, min(start + 50, count)):
                user = User.objects.create(email=f"trader{number}@example.com", date_joined=now)
                user.groups.add(group)
                portfolio_id = open_paper_account(
                    owner=user, name="Paper", cash=CASH, currency="USD", multiplier=margin, now=now
                )
                issued = create_api_key(
                    portfolio_id=portfolio_id, actor=user, name="Load", rate_limit=1_000_000, now=now
                )
                found.append(Trader(user, portfolio_id, (issued.key.key_id, issued.secret)))
    # What opening accounts set off is not what is measured.
    OutboxEvent.objects.filter(dispatched_at__isnull=True).update(dispatched_at=now)
    return found


def instruments(count: int, *, prefix: str, now: datetime) -> list[Instrument]:
    """So many shares of the simulated exchange at 99.98 to 100.02."""
    rows = Instrument.objects.bulk_create(
        [
            Instrument(
                symbol=f"{prefix}{number}",
                name=f"Benchmark {number}",
                asset_class="equity",
                currency="USD",
                exchange="XNAS",
                provider="simulated",
                quantity_step=Decimal("0.001"),
            )
            for number in range(count)
        ],
        batch_size=1000,
    )
    Quote.objects.bulk_create(
        (
            Quote(
                instrument=row,
                bid=Decimal("99.98"),
                ask=Decimal("100.02"),
                last=Decimal(100),
                quoted_at=now,
                received_at=now,
                source="simulated",
                is_simulated=True,
            )
            for row in rows
        ),
        batch_size=1000,
    )
    return rows


def cookies(people: Sequence[Trader]) -> list[str]:
    """A signed-in session each, as a cookie header."""
    store: Any = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    found = []
    for trader in people:
        user = User.objects.get(pk=trader.user.pk)
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        found.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
    return found


def committed_at(order_ids: Sequence[str]) -> dict[str, float]:
    """When each of the orders was committed, in seconds since the epoch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 "
            "FROM trading_order WHERE id = ANY(%s::uuid[])",
            [list(order_ids)],
        )
        return dict(cursor.fetchall())
