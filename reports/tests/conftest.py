"""The print shop's tests: one small book whose figures can be computed on paper, and a worker that runs in place.

Base currency EUR, 1 USD = 0.90 EUR throughout. On 20 November 2026:
10 AAA at 110 EUR, 20 UUU at 60 USD, cash 9 007 EUR and 1 000 USD: 1 100 + 1 080 + 9 007 + 900 = 12 087 EUR.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model

from holdings import operations as books
from holdings.operations import Entry
from marketdata.models import FxRate, Instrument, PriceBar
from reports import operations
from reports.models import ReportJob

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
EVIL_NAME = '=HYPERLINK("http://evil.example","x") <script>alert(1)</script> & Sons'
EVIL_NOTE = "@SUM(1+1)*cmd|' /C calc'!A0 <img src=http://evil.example/x.png>"


@pytest.fixture(autouse=True)
def private_folder(settings, tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    settings.STORAGES = {
        **settings.STORAGES,
        "private": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder), "base_url": None},
        },
    }
    return folder


@pytest.fixture
def owner(db):
    return get_user_model().objects.create_user(
        "owner@example.com", "secret-owner-1", name="Olive Owner", time_zone="Europe/Zurich"
    )


@pytest.fixture
def outsider(db):
    return get_user_model().objects.create_user("outsider@example.com", "secret-outsider-1")


@dataclass(frozen=True)
class Book:
    portfolio: Any
    aaa: Any
    uuu: Any


@pytest.fixture
def book(owner) -> Book:
    with time_machine.travel(NOW, tick=False):
        return make_book(owner)


def make_book(owner) -> Book:
    portfolio = books.create_portfolio(owner=owner, name="Savings & <b>Co</b>", base_currency="EUR", now=NOW)
    aaa = Instrument.objects.create(symbol="AAA", name=EVIL_NAME, asset_class="equity", currency="EUR")
    uuu = Instrument.objects.create(symbol="UUU", name="Uni World ETF", asset_class="etf", currency="USD")
    FxRate.objects.create(base="USD", quote="EUR", date=date(2026, 1, 1), rate=Decimal("0.9"), source="ecb")
    for instrument, day, close, source in (
        (aaa, date(2026, 1, 6), "100", "exchange"),
        (aaa, date(2026, 11, 20), "110", "exchange"),
        (uuu, date(2026, 1, 7), "50", "simulated"),
        (uuu, date(2026, 11, 20), "60", "simulated"),
    ):
        PriceBar.objects.create(instrument=instrument, date=day, close=Decimal(close), source=source)
    entries = [
        Entry(type="deposit", occurred=date(2026, 1, 5), amount=Decimal(10000), currency="EUR"),
        Entry(type="deposit", occurred=date(2026, 1, 5), amount=Decimal(2000), currency="USD"),
        Entry(
            type="buy", occurred=datetime(2026, 1, 6, 14, 30, tzinfo=UTC), instrument_id=aaa.pk, quantity=Decimal(10),
            price=Decimal(100), fees=Decimal(5), note=EVIL_NOTE, external_id="-1+1",
        ),
        Entry(
            type="buy", occurred=date(2026, 1, 7), instrument_id=uuu.pk, quantity=Decimal(20), price=Decimal(50),
            currency="USD",
        ),
        Entry(type="dividend", occurred=date(2026, 6, 1), instrument_id=aaa.pk, amount=Decimal(12), currency="EUR"),
    ]  # fmt: skip
    books.post_transactions(portfolio_id=portfolio.pk, entries=entries, actor=owner, now=NOW)
    portfolio.refresh_from_db()
    return Book(portfolio=portfolio, aaa=aaa, uuu=uuu)


@pytest.fixture
def ask(owner, book):
    """Ask for a report without making it."""

    def ask(**more: Any) -> ReportJob:
        values: dict[str, Any] = {
            "actor": owner,
            "portfolio_id": book.portfolio.pk,
            "kind": "portfolio_summary",
            "format": "pdf",
            "period_to": date(2026, 11, 20),
            "now": NOW,
            **more,
        }
        return operations.request_report(**values)

    return ask
