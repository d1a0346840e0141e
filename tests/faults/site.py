"""The whole site as its processes, each of which can be killed: PostgreSQL and Valkey of its own, gunicorn, daphne, who
delivers events, two workers, beat."""

from __future__ import annotations

import json
import os
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
from typing import Any

from devkit.account import server_account
from devkit.binaries import runnable_postgres
from devkit.paths import ROOT
from devkit.postgres import PostgresServer
from devkit.processes import Reaper, end, spawn
from tests.support.own_valkey import OwnValkey

START_SECONDS = 90.0
_DESK = "import django; django.setup(); from tests.faults.desk import main; main()"


class Site:
    """Made of the schema of a database that is migrated already. ``log`` has what every process printed."""

    def __init__(self, schema_of: str) -> None:
        self._reaper = Reaper()
        self._account = server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="hff-", dir="/tmp"))
        if self._account is not None:
            self._account.own(self.folder)
        self._reaper.remove_folder(self.folder)
        self.log = self.folder / "site.log"
        # Durable, as in production: what was acknowledged must survive.
        self.postgres = PostgresServer(
            self.folder / "pg",
            self.folder / "s",
            reaper=self._reaper,
            account=self._account,
            durable=True,
        )
        self.postgres.start()
        self._copy_schema(schema_of)
        self.valkey = OwnValkey()
        self.port, self.live_port = _free_port(), _free_port()
        self.url, self.live_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.live_port}"
        self.environ = self._environment()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    # --- processes ---

    def start(self, *names: str) -> None:
        """Start processes, and wait for those that answer requests. Call it from the main thread."""
        for name in names:
            with self.log.open("ab") as log:
                self._running[name] = spawn(
                    self._command(name),
                    reaper=self._reaper,
                    env=self.environ,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
        for name in names:
            if name in ("web", "live"):
                self._wait_for(name, f"{self.url if name == 'web' else self.live_url}/healthz")

    def kill(self, name: str) -> None:
        """``kill -9`` of a process and of the children in its group, at whatever they are doing."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reaper.forget(process.pid)

    def crash_postgres(self) -> None:
        """Immediate stop: no checkpoint, every connection cut; then the same cluster recovers from its log."""
        assert self.postgres.process is not None
        self.postgres.process.send_signal(signal.SIGQUIT)
        self.postgres.stop()
        self.postgres.start()

    def crash_valkey(self) -> None:
        """Kill it and start it again empty: jobs, cache and channels are gone."""
        self.valkey.kill()
        self.valkey.start()

    def desk(self, accounts: int) -> Desk:
        """The process that prepares, ticks and looks."""
        log = self.log.open("ab")
        process = subprocess.Popen(
            [sys.executable, "-c", _DESK, str(accounts)],
            env=self.environ,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        self._reaper.watch(process.pid, signal.SIGKILL)
        return Desk(process, self)

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}{self.tail()}"
        return done.stdout

    def sql(self, statement: str) -> str:
        """The first column of a statement's answer."""
        return self._client("psql", "-X", "-A", "-t", "-c", statement).strip()

    def stuck(self) -> str:
        """What waits, and who is there to take it."""
        outbox = self.sql(
            "SELECT name, stream, count(*), max(attempts), max(last_error), min(id), max(id), min(next_attempt_at), now() "
            "FROM kernel_outboxevent WHERE dispatched_at IS NULL GROUP BY 1, 2"
        )
        busy = self.sql(
            "SELECT state, wait_event, now() - xact_start, left(query, 200) FROM pg_stat_activity "
            "WHERE datname = 'holdfast' AND pid <> pg_backend_pid()"
        )
        client = self.valkey.client()
        queues = {key: client.llen(key) for key in client.keys("hf:*") if client.type(key) == b"list"}
        ended = {name: process.poll() for name, process in self._running.items()}
        return f"{outbox}\n{busy}\n{queues}\n{ended}"

    def tail(self) -> str:
        """The end of what the processes printed."""
        return "\n" + self.log.read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        """End everything. Safe to call twice."""
        for name in list(self._running):
            process = self._running.pop(name)
            end(process, signal.SIGKILL, patience=5)
        self.valkey.close()
        if self.postgres.process is not None:
            self.postgres.process.send_signal(signal.SIGQUIT)
            self.postgres.stop()
        self._reaper.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- how ---

    def _command(self, name: str) -> list[str]:
        # One process each, so that a kill hits what is at work.
        worker = [
            sys.executable, "-m", "celery", "-A", "portfolio_site", "worker", "--pool=solo", "--loglevel=WARNING",
            "--without-gossip", "--without-mingle", "-n", f"{name}@%h", "-Q",
        ]  # fmt: skip
        return {
            "web": [
                sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}", "--workers=1", "--threads=4",
                "--log-level=warning", "portfolio_site.wsgi:application",
            ],
            "live": [
                sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.live_port), "--access-log", os.devnull,
                "portfolio_site.asgi:application",
            ],
            "deliverer": [sys.executable, "manage.py", "deliver_events"],
            "dispatcher": [*worker, "events"],
            "matching": [*worker, "default"],
            "beat": [
                sys.executable, "-m", "celery", "-A", "portfolio_site", "beat", "--loglevel=WARNING", "--pidfile=",
            ],
        }[name]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        return {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.dev",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "faults-only-" + "k" * 50,
            "ALLOWED_HOSTS": "127.0.0.1",
            "SITE_URL": self.url,
            "MEDIA_ROOT": str(self.folder / "media"),
            "DEMO": "false",
            "MARKET_DATA": "simulated",
            "SIMULATED_SESSION": "always_open",
            "SIMULATED_TICKS": "off",
            "LOG_LEVEL": "WARNING",
        }

    def _copy_schema(self, source: str) -> None:
        """The migrated schema, and the word that it is migrated: ten times as fast as to migrate anew."""
        dump = [str(_pg("pg_dump")), "-d", source, "--no-owner"]
        env = {**os.environ, "LC_ALL": "C"}
        script = self.folder / "schema.sql"
        with script.open("wb") as written:
            for part in (["--schema-only"], ["--data-only", "--table=django_migrations"]):
                done = subprocess.run([*dump, *part], env=env, capture_output=True, check=False)
                assert done.returncode == 0, done.stderr.decode()[-2000:]
                written.write(done.stdout)
        script.chmod(0o644)
        self._client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script))

    def _client(self, program: str, *arguments: str) -> str:
        account = self._account
        done = subprocess.run(
            [str(_pg(program)), "-h", str(self.folder / "s"), "-U", "app", "-d", "holdfast", *arguments],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd="/",
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def _wait_for(self, name: str, address: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(address, timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                process = self._running[name]
                assert process.poll() is None, f"{name} has ended:{self.tail()}"
                assert time.monotonic() < deadline, f"{name} does not answer:{self.tail()}"
                time.sleep(0.05)


class Desk:
    """The other end of the process in ``desk.py``."""

    def __init__(self, process: subprocess.Popen[str], site: Site) -> None:
        self._process, self._site = process, site
        self.accounts: list[dict[str, Any]] = self._read()

    def ask(self, line: str) -> Any:
        """Send a line and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the desk has ended:{self._site.tail()}"
        return json.loads(line)


#: What must come from the site alone.
_NOT_OURS = ("PYTHONPATH", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "CHROMIUM", "STREAM_QUOTES")


def _pg(program: str) -> Path:
    return runnable_postgres(server_account()) / "bin" / program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
