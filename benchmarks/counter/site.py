"""The site under load: PostgreSQL and Valkey with their durable settings, gunicorn, daphne, a worker and
the process that delivers events, as in docker-compose."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from devkit.account import server_account
from devkit.postgres import PostgresServer
from devkit.processes import Reaper, end, spawn
from devkit.valkey import ValkeyServer

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """Everything that serves, in a temporary folder. The environment of this process is set up for it.

    PostgreSQL keeps its defaults (fsync, synchronous_commit and full_page_writes on); it also notes the time of each commit
    (``track_commit_timestamp``), which the delay of the sockets is measured from.
    """

    def __init__(self, *, workers: int) -> None:
        self.workers = workers
        self.http_port, self.socket_port = free_port(), free_port()
        account = server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-", dir="/tmp"))
        if account is not None:
            account.own(self.folder)
        self._reaper = Reaper()
        self._reaper.remove_folder(self.folder)
        self.postgres = PostgresServer(
            self.folder / "pg", self.folder / "s", reaper=self._reaper, account=account, durable=True
        )
        self.valkey = ValkeyServer(self.folder / "vk", reaper=self._reaper, account=account, durable=True)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        """Start the databases and say where they are."""
        self.postgres.start()
        self.sql("ALTER SYSTEM SET track_commit_timestamp = on")
        self.postgres.stop()
        self.postgres.start()
        self.valkey.start()
        (self.folder / "site").mkdir()
        os.environ |= {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.prod",
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": "127.0.0.1",
            "SITE_URL": f"http://127.0.0.1:{self.http_port}",
            "CSRF_TRUSTED_ORIGINS": f"http://127.0.0.1:{self.http_port}",
            "SECURE_SSL_REDIRECT": "false",
            "MARKET_DATA": "simulated",
            "SIMULATED_TICKS": "false",
            "SIMULATED_SESSION": "always_open",
            "MEDIA_ROOT": str(self.folder / "site" / "private"),
            "STATIC_ROOT": str(self.folder / "site" / "static"),
            "LOG_JSON": "true",
            "WEB_CONCURRENCY": str(self.workers),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and leave nothing behind."""
        self.stop_serving()
        for log in self._logs:
            log.close()
        self.valkey.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._reaper.close()

    def stop_serving(self) -> None:
        """Stop what `serve` started; the databases stay."""
        for process in reversed(self._processes.values()):
            end(process, signal.SIGTERM, patience=10)
        self._processes.clear()

    def sql(self, statement: str) -> None:
        """Carry out a statement by psql."""
        subprocess.run([self.program("psql"), *self.address, "-X", "-q", "-c", statement], check=True)

    def program(self, name: str) -> Path:
        """One of PostgreSQL's own programs."""
        return self.postgres._home / "bin" / name

    @property
    def address(self) -> list[str]:
        """The options by which they find the database."""
        return ["-h", str(self.postgres.socket_folder), "-U", "app", "-d", "holdfast"]

    def serve(self) -> None:
        """Start gunicorn, daphne, the worker and who delivers events, and wait until pages and sockets are answered."""
        python = [sys.executable, "-m"]
        self._start(
            "gunicorn", *python, "gunicorn", "--config", "docker/gunicorn.conf.py",
            "--bind", f"127.0.0.1:{self.http_port}", "benchmarks.counter.door:application",
        )  # fmt: skip
        self._start(
            "daphne", *python, "daphne", "-b", "127.0.0.1", "-p", str(self.socket_port), "--no-server-name",
            "--access-log", "/dev/null", "portfolio_site.asgi:application",
        )  # fmt: skip
        self._start(
            "worker", *python, "celery", "-A", "portfolio_site", "worker", "-Q", "events,default",
            "--concurrency=3", "--without-gossip", "--without-mingle",
        )  # fmt: skip
        self._start("events", sys.executable, "manage.py", "deliver_events")
        for port in (self.http_port, self.socket_port):
            self._wait_for(f"http://127.0.0.1:{port}/healthz")

    def _start(self, name: str, *command: str) -> None:
        log = (self.folder / "site" / f"{name}.log").open("wb")
        self._logs.append(log)
        self._processes[name] = spawn(
            list(command),
            reaper=self._reaper,
            env=os.environ | {"PGAPPNAME": name},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )

    def programs(self) -> dict[str, subprocess.Popen[bytes]]:
        """Everything that runs, by name."""
        databases = {"postgres": self.postgres.process, "valkey": self.valkey.process}
        return self._processes | {name: process for name, process in databases.items() if process is not None}

    def log_of(self, name: str, lines: int = 15) -> str:
        """The last lines of what a server said."""
        return "\n".join(
            (self.folder / "site" / f"{name}.log").read_text(errors="replace").splitlines()[-lines:]
        )

    def _wait_for(self, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"{url} does not answer\n{self.log_of('gunicorn')}\n{self.log_of('daphne')}")
