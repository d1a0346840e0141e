"""What the tests of market data share: three people, instruments, prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client

from marketdata.models import FxRate, Instrument, PriceBar
from marketdata.tests.support.internet import internet
from marketdata.tests.support.vendor import vendor

__all__ = ["internet", "vendor"]

#: A Friday, after the anchor day of the starter list.
NOW = datetime(2026, 11, 20, 15, 30, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def owner(db: None) -> Any:
    return get_user_model().objects.create_user("owner@example.com", name="Olga Owner")


@pytest.fixture
def outsider(db: None) -> Any:
    return get_user_model().objects.create_user("outsider@example.com")


@pytest.fixture
def auditor(db: None) -> Any:
    user = get_user_model().objects.create_user("auditor@example.com")
    user.groups.add(Group.objects.get_or_create(name="Auditor")[0])
    return user


@pytest.fixture
def client_of() -> Callable[[Any], Client]:
    def make(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def make_instrument(db: None) -> Callable[..., Instrument]:
    def make(symbol: str = "ACME", **fields: Any) -> Instrument:
        defaults: dict[str, Any] = {"name": f"{symbol} Inc.", "currency": "USD", "provider": "manual"}
        instrument = Instrument.objects.create(symbol=symbol, **{**defaults, **fields})
        instrument.refresh_from_db()
        return instrument

    return make


@pytest.fixture
def flat(make_instrument: Callable[..., Instrument], owner: Any) -> Instrument:
    """A thing of the owner's own, with a price."""
    instrument = make_instrument(
        "FLAT", name="Flat in Lyon", asset_class="private", owner=owner, currency="EUR"
    )
    PriceBar.objects.create(
        instrument=instrument, date=date(2026, 11, 2), close=Decimal(310000), source="manual"
    )
    return instrument


def bar(instrument: Instrument, day: str, close: str, **fields: Any) -> PriceBar:
    """One day with nothing but a close, unless told."""
    return PriceBar.objects.create(
        instrument=instrument,
        date=date.fromisoformat(day),
        close=Decimal(close),
        **{"source": "test", **fields},
    )


def rate(base: str, quote: str, day: str, value: str, source: str = "test") -> FxRate:
    """One exchange rate."""
    return FxRate.objects.create(
        base=base, quote=quote, date=date.fromisoformat(day), rate=Decimal(value), source=source
    )
