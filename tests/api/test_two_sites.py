"""A backup made on one site, brought back on another that has nothing yet: two databases, and the command line of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import time_machine

from accounts.tests.support import PASSWORD, make_user
from devkit.paths import ROOT
from holdings.models import Portfolio
from holdings.operations import add_account
from holdings.tests.support import make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import Instrument
from portfolio_site.kernel import clock
from tests.support.databases import create_migrated
from tests.support.live_site import test_database_url as database_url

OWNER = "owner@example.com"
#: In each command the clock stands still at the instant of `NOW`: both sites value their books on the same day.
STANDSTILL = """
import os, time_machine
time_machine.travel(os.environ["NOW"], tick=False).start()
"""
#: Prints every figure of the owner's one portfolio, without the ids that each site gives for itself.
FIGURES = """
import json
from django.conf import settings
from django.test import Client
from accounts.models import User
from holdings.models import Portfolio

client = Client()
client.force_login(User.objects.get(email="owner@example.com"))
(portfolio,) = Portfolio.objects.all()

def told(path):
    answer = client.get(f"/api/v1/portfolios/{portfolio.pk}/{path}")
    assert answer.status_code == 200, (path, answer.content)
    return bare(answer.json())

def bare(value):
    if isinstance(value, dict):
        return {
            name: bare(part) for name, part in value.items()
            if name not in ("id", "key", "next", "previous", "position")
            and not name.endswith(("_id", "_at", "_ids"))
        }
    return [bare(part) for part in value] if isinstance(value, list) else value

print("FIGURES", json.dumps({path: told(path) for path in (
    "summary/", "positions/?closed=true", "lots/", "cash/", "realised/", "income/", "allocation/?by=instrument",
    "performance/?range=MAX",
)}, sort_keys=True))
"""


class Site:
    """A database and a folder for private files, spoken to by `manage.py` alone."""

    def __init__(self, database: str, folder: Path) -> None:
        self.environ = os.environ | {
            "DATABASE_URL": database,
            "PYTHONPATH": str(ROOT / "script" / "lib"),
            "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.test",
            "MEDIA_ROOT": str(folder),
            "NOW": clock.now().isoformat(),
        }

    def manage(self, *words: str, text: str = "") -> str:
        """What a command printed; it must succeed."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=600,
            env=self.environ,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def figures(self) -> Any:
        """Every figure of its one portfolio."""
        (line,) = [
            line
            for line in self.manage("shell", "--no-imports", "-c", STANDSTILL + FIGURES).splitlines()
            if line.startswith("FIGURES ")
        ]
        return json.loads(line.removeprefix("FIGURES "))


@pytest.fixture
def one(transactional_db: None, tmp_path: Path) -> Site:
    """A site whose owner has two years of books in two currencies."""
    return Site(database_url(), tmp_path / "one")


@pytest.fixture
def two(transactional_db: None, tmp_path: Path) -> Iterator[Site]:
    """A site that has just been set up, with a database of its own."""
    parts = urlsplit(database_url())
    name = f"fresh_{uuid.uuid4().hex[:8]}"
    site = Site(urlunsplit(parts._replace(path=f"/{name}")), tmp_path / "two")
    if not create_migrated(name):
        with psycopg.connect(database_url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        site.manage("migrate", "--verbosity", "0")
    try:
        yield site
    finally:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def market() -> tuple[Instrument, Instrument, Instrument]:
    """What both sites get from the world: a share, a coin, a bond, their prices and the euro's rate."""
    today = clock.now().date()
    share, coin = make_instrument("ACME"), make_instrument("BTC-USD", asset_class="crypto")
    bond = make_instrument("BOND", currency="EUR", asset_class="bond", quote_unit="percent")
    make_rates(EURUSD="1.25")
    days = [today - timedelta(days=n) for n in range(420, -1, -7)]
    make_prices(share, {day.isoformat(): str(Decimal(100) + n % 23) for n, day in enumerate(days)})
    make_prices(coin, {day.isoformat(): str(Decimal(30000) + 311 * n) for n, day in enumerate(days)})
    make_prices(bond, {day.isoformat(): "98.75" for day in days})
    return share, coin, bond


def person() -> Any:
    """Whose books these are."""
    return make_user(OWNER, base_currency="EUR")


def books() -> Portfolio:
    """Purchases, sales at a gain and a loss, a split, income in another currency, debts, fees and taxes."""
    owner, today, (share, coin, bond) = person(), clock.now().date(), market()
    made = make_portfolio(
        owner, name="Long run", cost_basis_method="average", risk_free_rate=Decimal("0.0125")
    )
    add_account(portfolio_id=made.pk, name="Savings", kind="cash", currency="EUR", now=clock.now())

    def on(days_ago: int, kind: str, **fields: Any) -> None:
        post(made, kind, today - timedelta(days=days_ago), now=clock.now(), **fields)

    on(400, "deposit", amount="25000", currency="EUR", note="Where it began", tags=("salary", "plan"))
    on(390, "deposit", amount="10000", currency="USD", fx_rate="0.81")
    on(380, "buy", instrument_id=share.pk, quantity="30", price="100.25", fees="4.95", tags=("plan",))
    on(300, "buy", instrument_id=coin.pk, quantity="0.12345678", price="31234.56", fees="1.23")
    on(290, "buy", instrument_id=bond.pk, quantity="5000", price="97.5", fees="5")
    on(200, "buy", instrument_id=share.pk, quantity="7", price="117.10", fees="4.95", fx_rate="0.79")
    on(150, "dividend", instrument_id=share.pk, amount="22.20", taxes="3.33")
    on(120, "split", instrument_id=share.pk, ratio="2")
    on(90, "sell", instrument_id=share.pk, quantity="25", price="61.75", fees="4.95", tags=("profit",))
    on(60, "interest", amount="12.34", currency="EUR")
    on(50, "fee", amount="3.21", currency="USD", note="Custody")
    on(40, "sell", instrument_id=coin.pk, quantity="0.02345678", price="29000", fees="1")
    on(30, "withdrawal", amount="500", currency="EUR")
    on(20, "liability", amount="1500", currency="EUR", note="A loan")
    return made


class TestABackup:
    @pytest.fixture(autouse=True)
    def _one_day(self) -> Iterator[None]:
        """Midnight is no part of this."""
        with time_machine.travel(clock.now(), tick=False):
            yield

    def test_of_one_site_gives_the_same_figures_on_another(
        self, one: Site, two: Site, tmp_path: Path
    ) -> None:
        books()
        before = one.figures()
        file = tmp_path / "backup.zip"
        one.manage("portfolio", "backup", "--user", OWNER, "--output", str(file))

        two.manage(
            "shell",
            "--no-imports",
            "-c",
            STANDSTILL + "from tests.api.test_two_sites import market, person; market(); person()",
        )
        told = json.loads(two.manage("portfolio", "restore", "--user", OWNER, "--file", str(file), "--json"))
        assert [(row["name"], row["added"]) for row in told["portfolios"]] == [("Long run", 14)]
        after = two.figures()
        for part, figures in before.items():
            assert after[part] == figures, part
        assert PASSWORD not in file.read_bytes().decode("latin-1")
