"""The bot in docs/examples runs, unchanged, against the running site and the operator's command.

The command is the real one; only its process is this one. A process of its own for each of some twenty quotes would take
longer than all else the bot does.
"""

from __future__ import annotations

import io
import json
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from devkit.paths import ROOT
from trading.tests.support import check_books, make_instrument, set_quote

pytestmark = pytest.mark.slow


_TELLS = """
import json, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
    link.sendall(json.dumps(sys.argv[2:]).encode() + b"\\n")
    sys.exit(link.makefile().readline().strip() or None)
"""


class Operator:
    """Carries out `set_quote` for who tells it to, one after the other."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                link, _ = self._socket.accept()
                with link:
                    link.sendall(f"{self._done(json.loads(link.makefile().readline()))}\n".encode())
        except OSError:
            return  # it was closed
        finally:
            connection.close()

    @staticmethod
    def _done(arguments: list[str]) -> str:
        try:
            call_command("set_quote", *arguments, stdout=io.StringIO())
        except CommandError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Carry out no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=30)


@pytest.fixture
def operator(live_site: Any) -> Iterator[Operator]:
    """Who sets quotes."""
    made = Operator()
    yield made
    made.close()


def test_trades_every_kind_of_order_and_ends_flat_to_the_cent(live_site, operator, tmp_path, capsys):
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
    (tmp_path / "set_quote.py").write_text(_TELLS)
    command = shlex.join([sys.executable, "-S", str(tmp_path / "set_quote.py"), str(operator.port)])
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "docs" / "examples" / "alpaca_bot.py"),
            str(tmp_path / "account.json"),
            "--set-quote",
            command,
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every cent accounted for" in done.stdout
    check_books()
