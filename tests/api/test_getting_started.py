"""The examples of docs/api/getting-started.md, taken out of the page and run as they stand against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from accounts.tests.support import PASSWORD, make_user
from holdings.models import Portfolio, Transaction
from holdings.tests.support import make_instrument
from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite
from trading.tests.support import set_quote

PAGE = Path(__file__).parents[2] / "docs" / "api" / "getting-started.md"
Run = Callable[[list[str], str], str]


def example(language: str) -> str:
    """The one block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def person(transactional_db: None) -> Any:
    """Somebody with a password, on a site that knows a share."""
    set_quote(make_instrument("AAPL"), "299", "301", "300", at=clock.now())
    return make_user("you@example.com")


@pytest.fixture
def run(live_site: LiveSite, person: Any) -> Run:
    """Run a program with an example on its standard input; it must succeed."""

    def do(command: list[str], text: str) -> str:
        given = {"HOLDFAST": live_site.url, "EMAIL": person.email, "PASSWORD": PASSWORD}
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | given,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return do


def held(name: str) -> tuple[int, Decimal]:
    """How many entries a portfolio has, and what was put in."""
    rows = Transaction.objects.filter(portfolio=Portfolio.objects.get(name=name))
    return rows.count(), rows.get(type="deposit").amount


class TestGettingStarted:
    def test_curl_example_books_and_reads(self, run: Run) -> None:
        told = run(["bash", "-eu"], example("bash"))

        assert held("Made by curl") == (2, Decimal(1000))
        assert '"base_currency":"USD"' in told
        assert '"unknown_symbol"' in told

    def test_python_example_books_and_reads(self, run: Run) -> None:
        told = run([sys.executable, "-"], example("python"))

        assert held("Made by Python") == (2, Decimal(1000))
        assert told == "net worth 1100 USD\n"

    def test_javascript_example_books_and_reads(self, page: Page, live_site: LiveSite, person: Any) -> None:
        page.goto(f"{live_site.url}/healthz")
        found = page.evaluate(
            f"async ([HOLDFAST, EMAIL, PASSWORD]) => {{ {example('js')} return [chart.type, summary.net_worth]; }}",
            [live_site.url, person.email, PASSWORD],
        )

        assert held("Made by JavaScript") == (1, Decimal(1000))
        assert found == ["line", "1000"]
