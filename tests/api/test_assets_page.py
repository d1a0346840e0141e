"""The lines of docs/api/assets.md, run as they are printed, from registration to the summary, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from holdings.tests.support import make_instrument, make_prices, make_rates
from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite
from trading.tests.support import set_quote

PAGE = Path(__file__).parents[2] / "docs" / "api" / "assets.md"


@pytest.fixture
def open_site(transactional_db: None, tmp_path: Path) -> Iterator[LiveSite]:
    """A site where one may sign in before the address is confirmed, that knows a coin and a share."""
    for thing, price in (
        (make_instrument("BTC-USD", asset_class="crypto", quantity_step=Decimal("0.00000001")), "40000"),
        (make_instrument("AAPL"), "150"),
    ):
        set_quote(thing, price, price, price, at=clock.now())
        make_prices(thing, {clock.now().date().isoformat(): price})
    make_rates(EURUSD="1.25")
    site = LiveSite(tmp_path, {"EMAIL_VERIFICATION": "optional"})
    site.start()
    yield site
    site.stop()


class TestTheLines:
    def test_work_as_they_are_printed(self, open_site: LiveSite) -> None:
        lines = "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail"],
            input=lines,
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"HOLDFAST": open_site.url},
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr, open_site.output()[-2000:])
        told = answers(done.stdout)
        registered, coin, share, coins, shares, first, changed, prices, last = told
        assert registered["email"] == "user@example.com"
        assert (coin["symbol"], coin["quantity"], coin["average_cost"]) == ("BTC-USD", "0.5", "30000")
        assert (share["symbol"], share["quantity"], share["average_cost"]) == ("AAPL", "10", "150")
        assert [row["symbol"] for row in coins["assets"]] == ["BTC-USD"]
        assert [row["symbol"] for row in shares["assets"]] == ["AAPL"]
        assert money(first) == (Decimal(20000), Decimal(1500))
        assert changed["quantity"] == "0.75"
        assert [row["error"] and row["error"]["code"] for row in prices["prices"]] == [
            None,
            None,
            "unknown_symbol",
        ]
        assert money(last) == (Decimal(30000), Decimal(0))
        assert User.objects.get().email == "user@example.com"


def answers(text: str) -> list[Any]:
    """JSON documents that stand one after another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        one, end = decoder.raw_decode(text)
        found.append(one)
        text = text[end:]
    return found


def money(summary: dict[str, Any]) -> tuple[Decimal, Decimal]:
    """What coins and shares are worth, in dollars."""
    rate = {"USD": Decimal(1), "EUR": Decimal("1.25")}[summary["currency"]]
    return Decimal(summary["crypto"]["value"]) * rate, Decimal(summary["stocks"]["value"]) * rate
