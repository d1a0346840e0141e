"""Changing the key under which the keys of brokers lie."""

from __future__ import annotations

from django.db import transaction

from portfolio_site.kernel.secrets import SecretUnreadableError, sealed_anew
from trading.models import BrokerConnection


def reseal_connections() -> tuple[int, int]:
    """Seal every connection's keys under the newest encryption key; returns (how many were, how many nobody can read)."""
    done = unreadable = 0
    for pk in BrokerConnection.objects.exclude(credentials="").values_list("pk", flat=True):
        with transaction.atomic():
            row = BrokerConnection.objects.select_for_update().get(pk=pk)
            if not row.credentials:
                continue
            try:
                row.credentials = sealed_anew(row.credentials)
            except SecretUnreadableError:
                unreadable += 1
                continue
            row.save(update_fields=["credentials"])
            done += 1
    return done, unreadable
