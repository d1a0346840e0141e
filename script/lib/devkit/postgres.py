"""An embedded PostgreSQL: real server binaries from a wheel, our own start and stop.

Clients come in by a unix socket in a folder that only its owner can enter, so no password is needed and no
port is taken. Durable settings are the server's own defaults; a server for tests gives durability up for
speed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from devkit.account import Account
from devkit.binaries import runnable_postgres
from devkit.console import ScriptError, explain_disk_full, say
from devkit.processes import POLL_SECONDS, Reaper, command_line, end, is_alive, spawn, wait_until_gone

ROLE = "app"
DATABASE = "holdfast"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LONGEST_SOCKET_PATH = 100

COMMON_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
# A test database is thrown away: what a crash would cost there is nothing, what fsync costs is minutes.
EPHEMERAL_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
}


class PostgresServer:
    """One cluster in `folder/data`, its log in `folder/postgres.log`, its socket in `socket_folder`."""

    def __init__(
        self,
        folder: Path,
        socket_folder: Path,
        *,
        reaper: Reaper,
        account: Account | None,
        durable: bool,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self.socket_folder = socket_folder
        self._reaper = reaper
        self._account = account
        self._durable = durable
        self._home = runnable_postgres(account)
        self.process: subprocess.Popen[bytes] | None = None
        if len(str(socket_folder / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
            raise ScriptError(f"The path {socket_folder} is too long for a unix socket.")

    @property
    def url(self) -> str:
        """The DATABASE_URL, in the form that libpq and django-environ both read."""
        return f"postgres://{ROLE}@/{DATABASE}?host={quote(str(self.socket_folder), safe='/')}"

    def start(self) -> None:
        """Create the cluster if there is none, start the server and wait until it takes connections."""
        try:
            for folder in (self.folder, self.socket_folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._account is not None:
                    self._account.own(folder)
            if not (self.data / "PG_VERSION").exists():
                self._create_cluster()
            self._check_version()
            self._stop_orphan()
            self._launch()
        except OSError as error:
            raise explain_disk_full(error, self.folder) from error
        self._wait_until_ready()
        self._create_database()

    def stop(self) -> None:
        """Fast shutdown: clients are cut off, what was committed is on disk."""
        if self.process is None:
            return
        end(self.process, signal.SIGINT, patience=STOP_SECONDS)
        self._reaper.forget(self.process.pid)
        self.process = None

    def _create_cluster(self) -> None:
        """Run initdb beside its final place: a half-made cluster is never mistaken for a whole one."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--no-sync"] if not self._durable else []
        # The built-in provider sorts the same on every platform and needs no locale of the system's.
        done = self._run(
            "initdb", "-D", str(unfinished), "-U", ROLE, "--auth=trust", "-E", "UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *options,
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ScriptError(
                f"PostgreSQL could not create its files in {self.folder}: {_last_line(done.stderr)}"
            )
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        """Refuse a cluster of another major version instead of letting the server fail in its log."""
        have = (self.data / "PG_VERSION").read_text().strip()
        need = self._run("postgres", "--version").stdout.split()[-1].partition(".")[0]
        if need.isdigit() and have != need:
            raise ScriptError(
                f"The data in {self.data} was written by PostgreSQL {have}, but {need} is installed now. "
                f"Dump it with the old version, or move the folder away to start afresh."
            )

    def _stop_orphan(self) -> None:
        """End a server that a killed supervisor left behind on this very data folder."""
        pid = _pid_in(self.data / "postmaster.pid")
        if pid is None or not is_alive(pid):
            return
        if "postgres" not in (command := command_line(pid)) or str(self.data) not in command:
            return  # somebody else's process has the number now; PostgreSQL replaces the stale file itself
        say(f"an earlier run left PostgreSQL running (process {pid}); stopping it first")
        os.kill(pid, signal.SIGINT)
        if not wait_until_gone(pid, patience=STOP_SECONDS):
            raise ScriptError(
                f"PostgreSQL (process {pid}) of an earlier run does not stop. End it and try again."
            )

    def _launch(self) -> None:
        settings = {**COMMON_SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        if not self._durable:
            settings |= EPHEMERAL_SETTINGS
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = spawn(
                [self._home / "bin" / "postgres", "-D", self.data, *arguments],
                reaper=self._reaper,
                death_signal=signal.SIGINT,
                account=self._account,
                env=self._environment(),
                cwd="/",
                stdout=log,
                stderr=log,
            )

    def _wait_until_ready(self) -> None:
        """Follow the status line that the server writes into its pid file."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        status = self.data / "postmaster.pid"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ScriptError(
                    f"PostgreSQL did not start: {_last_line(self.log.read_text(errors='replace'))}"
                )
            with contextlib.suppress(OSError):
                lines = status.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(POLL_SECONDS)
        raise ScriptError(f"PostgreSQL was not ready after {START_SECONDS:.0f} seconds; see {self.log}.")

    def _create_database(self) -> None:
        done = self._run(
            "psql", "-h", str(self.socket_folder), "-U", ROLE, "-d", "postgres", "-X", "-A", "-t", "-c",
            f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'",  # noqa: S608 - a constant of ours
        )  # fmt: skip
        if done.returncode == 0 and done.stdout.strip() != "1":
            done = self._run("createdb", "-h", str(self.socket_folder), "-U", ROLE, DATABASE)
        if done.returncode != 0:
            raise ScriptError(f"PostgreSQL refused to create the database: {_last_line(done.stderr)}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        account = self._account
        return subprocess.run(
            [str(self._home / "bin" / program), *arguments],
            env=self._environment(),
            cwd="/",
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @staticmethod
    def _environment() -> dict[str, str]:
        """A plain environment: a PGDATA or a locale of the person's own must not reach the server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _pid_in(path: Path) -> int | None:
    try:
        first = path.read_text().split("\n", 1)[0].strip()
    except OSError:
        return None
    return int(first) if first.isdigit() else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"
