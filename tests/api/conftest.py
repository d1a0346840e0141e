"""What the tests of the described API share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import connection, models
from django.db.models import Max

from documents.models import Document
from marketdata.providers import registry
from marketdata.providers.base import BaseProvider, Capability, SearchHit
from marketdata.tests.scripted import forget_gateway
from tests.api.asked import NEW_KEYS
from tests.api.book import furnish
from tests.test_every_url import belongings
from trading.brokers.alpaca import AlpacaBroker
from trading.brokers.base import RemoteAccount
from trading.models import BrokerConnection
from trading.tests.test_brokers_api import Told, told

__all__ = ["belongings", "told"]

#: What the broker calls another account than the one that is connected.
OTHER_ACCOUNT = "7f8fb4b5-1d3c-4b4d-8a53-5f3e1c1b7a11"
#: A Friday, 15:00 UTC: New York is open.
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)

_SAP = SearchHit(
    symbol="SAP",
    name="SAP SE",
    asset_class="equity",
    currency="EUR",
    provider="yahoo",
    provider_symbol="SAP.DE",
    exchange="XETR",
)


class _Finder(BaseProvider):
    """Knows one share."""

    name = "yahoo"
    capabilities = frozenset({Capability.SEARCH})

    def search(self, text: str) -> list[SearchHit]:
        return [_SAP] if text.casefold() in "sap se" else []


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A search beyond the list that needs no network."""
    forget_gateway()
    kept: dict[str, Any] = {
        name: maker for name, maker in registry._PROVIDERS.items() if name in {"manual", "simulated"}
    }
    monkeypatch.setattr(registry, "_PROVIDERS", kept | {"yahoo": lambda _options: _Finder()})
    registry._made.cache_clear()
    yield
    registry._made.cache_clear()


@pytest.fixture
def broker(told: Told, belongings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker of the owner's connection, which needs no network; new keys open another account there."""

    def account(asked: AlpacaBroker) -> RemoteAccount:
        found = told.account()
        return replace(found, id=OTHER_ACCOUNT) if asked._credentials.key_id == NEW_KEYS["key_id"] else found

    monkeypatch.setattr(AlpacaBroker, "account", account)
    told.id = BrokerConnection.objects.get(pk=belongings["connection_id"]).remote_account
    told.held = {"ACME": (Decimal(5), Decimal(90))}


@pytest.fixture
def standing_clock() -> Iterator[None]:
    """It is `NOW`, all the time."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def first_ids(db: None) -> None:
    """Ids begin after what the migrations made, whatever ran before. Taken back with the test's transaction."""
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            key = model._meta.pk
            if isinstance(key, models.AutoField):
                last = model._base_manager.aggregate(last=Max("pk"))["last"] or 0
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, %s), %s, false)",
                    [f'"{model._meta.db_table}"', key.column, last + 1],
                )


@pytest.fixture
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of accounts are drawn alike each time."""
    chance = random.Random(1)
    monkeypatch.setattr("secrets.choice", chance.choice)
    monkeypatch.setattr("secrets.randbelow", chance.randrange)


@pytest.fixture
def book(
    standing_clock: None,
    first_ids: None,
    no_chance: None,
    finder: None,
    broker: None,
    belongings: dict[str, Any],
) -> dict[str, Any]:
    """The books that are asked about."""
    made = furnish(belongings)
    # What was made in the same moment is listed by its random id: no two things were.
    for model, order in ((Document, "filename"), (BrokerConnection, "name")):
        for minutes, row in enumerate(model._base_manager.order_by(order)):
            model._base_manager.filter(pk=row.pk).update(created_at=NOW - timedelta(minutes=minutes))
    return made
