"""Rows that the first release wrote, by its own code, with the schema it had then (`first_release.sql.gz`: trading 0001,
holdings 0003): brought up to date they still prove themselves, and trading goes on from them.

The file is ``pg_dump --inserts`` of a database in which that release opened two paper accounts and placed, filled, canceled
and expired orders; it is never made anew. Permissions are left
out: every migration makes those that are missing.

None of them is filled in part: that release's counter did not yet hand the sizes of a quote to the engine (``partly`` met an
offer of four units, and got its ten), so it could leave no such order behind.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from devkit.paths import ROOT
from tests.support import live_site

pytestmark = pytest.mark.slow

_RUN = "import django; django.setup(); from tests.releases.upgrading import main; main()"


@pytest.fixture
def old_database(db: None) -> Iterator[str]:
    """The address of a database as the first release left it."""
    parts = urlsplit(live_site.test_database_url())
    name = f"{parts.path.removeprefix('/')}_first_release"
    url = urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        with psycopg.connect(url) as database:
            database.execute(gzip.decompress(Path(__file__).with_name("first_release.sql.gz").read_bytes()))
        yield url
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def upgraded(old_database: str) -> dict[str, Any]:
    """What the upgraded database tells."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUN],
        env={**os.environ, "DATABASE_URL": old_database, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    return found


def test_rows_of_the_first_release_prove_themselves_and_trade_on(upgraded: dict[str, Any]) -> None:
    assert upgraded["books"] == "right"
    # status, filled, money, what it does, what it waits for, what it holds
    assert upgraded["orders"] == {
        "bought": ["filled", "30", "3000.6", "buy_to_open", "", "0"],
        "sold": ["filled", "10", "1000", "sell_to_close", "", "0"],
        "resting-buy": ["new", "0", "0", "buy_to_open", "limit", "450"],
        "resting-sale": ["new", "0", "0", "sell_to_close", "limit", "5"],
        "cancelled": ["canceled", "0", "0", "buy_to_open", "", "0"],
        "expired": ["expired", "0", "0", "buy_to_open", "", "0"],
        "partly": ["filled", "10", "500.5", "buy_to_open", "", "0"],
    }
    assert upgraded["accounts"] == [["USD", 1], ["USD", 1]]
    assert upgraded["first_pass"] == [0, 0, [], []]
    # 20 000 - 3 000.60 + 1 000.00, then 5 at 131 by the order that rested since, and 15 at 131 by a new one.
    assert upgraded["after"] == {
        "sold": ["filled", "131.000000000000"],
        "repeated": "filled",
        "position": "0",
        "cash": "20619.40",
        "open": 0,
        "numbers": [1, 2, 3, 4],
        "last_pass": [0, [], []],
        "books": "right",
    }
