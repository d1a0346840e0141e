"""Opening the broker of a connection: the only place where its keys are unsealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from portfolio_site.kernel.secrets import SecretUnreadableError, seal, unseal
from trading.brokers.alpaca import AlpacaBroker
from trading.brokers.alpaca_addresses import base_url_of
from trading.brokers.base import Broker, BrokerKeysRefusedError, Credentials, RemoteAccount
from trading.engine.wording import plain
from trading.models import BrokerConnection, ConnectionState

PURPOSE = "broker-connection"
MAX_ERROR = 300


def sealed(credentials: Credentials) -> str:
    """A key pair as it lies in the database."""
    return seal({"key_id": credentials.key_id, "secret": credentials.secret}, purpose=PURPOSE)


def broker_of(connection: BrokerConnection) -> Broker:
    """The broker of a connection, ready to be asked. Raises ``BrokerKeysRefusedError`` where its keys cannot be read."""
    try:
        values = unseal(connection.credentials, purpose=PURPOSE)
    except SecretUnreadableError:
        raise BrokerKeysRefusedError(
            "The stored keys cannot be read any more: the site's encryption key has changed. Enter them again."
        ) from None
    return open_broker(
        Credentials(key_id=values["key_id"], secret=values["secret"]),
        environment=connection.environment,
        base_url=connection.base_url,
    )


def open_broker(credentials: Credentials, *, environment: str, base_url: str) -> Broker:
    """A broker by its keys. The address is checked each time: what was allowed once need not be now. Raises
    ``BaseUrlRefused``."""
    address = base_url_of(environment, base_url, allowed_hosts=settings.BROKER_ALLOWED_HOSTS)
    return AlpacaBroker(credentials, base_url=address, timeout=settings.BROKER_TIMEOUT)


def figures_of(account: RemoteAccount, now: datetime) -> dict[str, Any]:
    """An account's own figures as they are kept with its connection: texts, and until when they were true."""
    return {
        "cash": plain(account.cash),
        "equity": plain(account.equity),
        "buying_power": plain(account.buying_power),
        "currency": account.currency,
        "status": account.status,
        "is_blocked": account.is_blocked,
        "at": now.isoformat(),
    }


def note_failure(connection_id: UUID, error: Exception, *, now: datetime) -> None:
    """Remember that a broker could not be asked, and since when. What is connected again says so by ``note_success``."""
    state = ConnectionState.REFUSED if isinstance(error, BrokerKeysRefusedError) else ConnectionState.FAILING
    rows = BrokerConnection.objects.filter(pk=connection_id).exclude(state=ConnectionState.DISCONNECTED)
    rows.filter(failing_since__isnull=True).update(failing_since=now)
    rows.exclude(state=state, last_error=str(error)[:MAX_ERROR]).update(
        state=state, last_error=str(error)[:MAX_ERROR]
    )


def note_success(connection_id: UUID, *, now: datetime) -> None:
    """Remember that a broker answered."""
    rows = BrokerConnection.objects.filter(pk=connection_id).exclude(state=ConnectionState.DISCONNECTED)
    rows.exclude(state=ConnectionState.CONNECTED).update(
        state=ConnectionState.CONNECTED, failing_since=None, last_error=""
    )
    rows.update(last_sync_at=now)
