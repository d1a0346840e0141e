"""An embedded Valkey on a free loopback port, behind a random password."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

from devkit.account import Account
from devkit.binaries import runnable_valkey
from devkit.console import ScriptError, explain_disk_full, say
from devkit.processes import POLL_SECONDS, Reaper, command_line, end, is_alive, spawn, wait_until_gone

START_SECONDS = 15.0
STOP_SECONDS = 10.0
TRIES = 5


class ValkeyServer:
    """One server whose files (snapshot, log, password, configuration) lie in `folder`."""

    def __init__(
        self, folder: Path, *, reaper: Reaper, account: Account | None, durable: bool, port: int | None = None
    ) -> None:
        self.folder = folder
        self.log = folder / "valkey.log"
        self._pid_file = folder / "valkey.pid"
        self._reaper = reaper
        self._account = account
        self._durable = durable
        self._program = runnable_valkey(account)
        self._password = ""
        # A given one stays the same over restarts, so that clients find the server again.
        self._wanted_port = port
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The REDIS_URL, which the cache, Celery and the channel layer all read in this form."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server; a port that somebody else takes in the same moment means another try."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._account is not None:
                self._account.own(self.folder)
            self._stop_orphan()
            self._password = self._read_or_make_password()
            for _ in range(TRIES):
                self._launch()
                if self._wait_until_ready():
                    return
        except OSError as error:
            raise explain_disk_full(error, self.folder) from error
        raise ScriptError(f"Valkey did not start; see {self.log}.")

    def stop(self) -> None:
        """Stop the server; a durable one writes its snapshot first."""
        if self.process is None:
            return
        end(self.process, signal.SIGTERM, patience=STOP_SECONDS)
        self._reaper.forget(self.process.pid)
        self.process = None
        self._pid_file.unlink(missing_ok=True)

    def _read_or_make_password(self) -> str:
        path = self.folder / "password"
        with contextlib.suppress(FileNotFoundError):
            if kept := path.read_text().strip():
                return kept
        password = secrets.token_hex(24)
        path.touch(mode=0o600)
        path.write_text(password + "\n")
        return password

    def _stop_orphan(self) -> None:
        """End a server that a killed supervisor left behind on this folder."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return
        if is_alive(pid) and "valkey-server" in command_line(pid):
            say(f"an earlier run left Valkey running (process {pid}); stopping it first")
            with contextlib.suppress(ProcessLookupError):
                signal_and_wait(pid)

    def _launch(self) -> None:
        self.port = self._wanted_port or _free_port()
        configuration = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self._password}",
            f'dir "{self.folder}"',
            "maxclients 4000",
            "daemonize no",
            "appendonly no",
            "save 60 1" if self._durable else 'save ""',
        ]
        with self.log.open("ab") as log:
            # The configuration goes in by standard input: on the command line `ps` would show the password.
            self.process = spawn(
                [self._program, "-"],
                reaper=self._reaper,
                account=self._account,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n".join(configuration).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self._pid_file.write_text(str(self.process.pid))

    def _wait_until_ready(self) -> bool:
        """Return True when the server answers with our password, False when it gave up."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self._reaper.forget(self.process.pid)
                return False
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=2) as line,
            ):
                line.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := line.recv(256)):
                    answer += part
                if answer == b"+OK\r\n+PONG\r\n":
                    return True
            time.sleep(POLL_SECONDS)
        self.stop()
        return False


def signal_and_wait(pid: int) -> None:
    """End a leftover server politely, or say that it would not go."""
    os.kill(pid, signal.SIGTERM)
    if not wait_until_gone(pid, patience=STOP_SECONDS):
        raise ScriptError(f"Valkey (process {pid}) of an earlier run does not stop. End it and try again.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
