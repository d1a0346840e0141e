"""The real site in a process of its own, on the database of the running test: pages, API and sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from devkit.paths import ROOT
from devkit.processes import Reaper, end, spawn

START_SECONDS = 60.0


class LiveSite:
    """A daphne on a loopback port. Tests that use it need committed data: ask for `live_site`, not for `db`."""

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}"
        self.log = folder / "live-site.log"
        self._extra = dict(extra or {})
        self._reaper = Reaper()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        environ = {**os.environ, **self._extra, "DATABASE_URL": test_database_url(), "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as log:
            self._process = spawn(
                self.command(),
                reaper=self._reaper,
                env=environ,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the site did not start:\n{self.output()}")
            time.sleep(0.1)

    def command(self) -> list[str]:
        """What serves it."""
        application = settings.ASGI_APPLICATION.replace(".application", ":application")
        return [
            sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "--access-log", os.devnull, application,
        ]  # fmt: skip

    def stop(self) -> None:
        """End the server, so that the test database can be dropped."""
        if self._process is not None:
            end(self._process, signal.SIGTERM, patience=5)
            self._reaper.forget(self._process.pid)
        self._reaper.close()

    def output(self) -> str:
        """Return what the server printed."""
        return self.log.read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


def test_database_url() -> str:
    """Return DATABASE_URL with the name of the database that this worker's tests use."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
