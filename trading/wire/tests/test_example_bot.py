"""The bot in docs/examples runs, unchanged, against the running site and the operator's command."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from devkit.paths import ROOT
from tests.support import live_site as sites
from trading.tests.support import check_books, make_instrument, set_quote

pytestmark = pytest.mark.slow


def test_trades_every_kind_of_order_and_ends_flat_to_the_cent(live_site, tmp_path, capsys):
    share = make_instrument("AAPL")
    coin = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.00000001")
    set_quote(share, "100.00", "100.02", at=datetime.now(UTC))
    set_quote(coin, "50000", "50010", at=datetime.now(UTC))
    call_command(
        "create_paper_account", "--email", "bot@example.com", "--cash", "100000", "--margin", "2",
        "--rate-limit", "6000", "--json",
    )  # fmt: skip
    account = {**json.loads(capsys.readouterr().out), "base_url": f"{live_site.url}/alpaca"}
    (tmp_path / "account.json").write_text(json.dumps(account))
    environ = {
        **os.environ,
        "DATABASE_URL": sites.test_database_url(),
        "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.test",
    }
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'manage.py'))} set_quote"
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "docs" / "examples" / "alpaca_bot.py"),
            str(tmp_path / "account.json"),
            "--set-quote",
            command,
        ],
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every cent accounted for" in done.stdout
    check_books()
