"""Throw-away PostgreSQL and Valkey for tests and experiments, any number of them side by side.

Usage: script/services run -- COMMAND…   start both, run COMMAND with DATABASE_URL and REDIS_URL set, stop
both
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Self

from devkit.account import server_account
from devkit.console import ScriptError, say
from devkit.postgres import PostgresServer
from devkit.processes import Reaper
from devkit.valkey import ValkeyServer


class EphemeralServices:
    """Both servers in a temporary folder that is gone when they are, whatever ends us.

    Only the server whose address is not given in `environ` is started; its address is put there.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._folder: Path | None = None
        self._reaper: Reaper | None = None
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None
        self._added: list[str] = []

    def start(self) -> None:
        """Start what is missing. Does nothing when both addresses are given."""
        need_postgres = not self._environ.get("DATABASE_URL")
        need_valkey = not self._environ.get("REDIS_URL")
        if not (need_postgres or need_valkey):
            return
        account = server_account()
        # A short path: a unix socket's may not be longer than about a hundred characters.
        root = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-", dir=root))
        if account is not None:
            account.own(self._folder)
        self._reaper = Reaper()
        self._reaper.remove_folder(self._folder)
        try:
            if need_postgres:
                self._postgres = PostgresServer(
                    self._folder / "pg",
                    self._folder / "s",
                    reaper=self._reaper,
                    account=account,
                    durable=False,
                )
                self._postgres.start()
                self._add("DATABASE_URL", self._postgres.url)
            if need_valkey:
                self._valkey = ValkeyServer(
                    self._folder / "vk", reaper=self._reaper, account=account, durable=False
                )
                self._valkey.start()
                self._add("REDIS_URL", self._valkey.url)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what was started and delete the folder. Safe to call twice."""
        for server in (self._valkey, self._postgres):
            if server is not None and server.process is not None:
                # Nothing is worth keeping: an immediate stop saves the checkpoint.
                server.process.send_signal(signal.SIGQUIT if server is self._postgres else signal.SIGKILL)
                server.stop()
        self._valkey = self._postgres = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None
        for name in self._added:
            self._environ.pop(name, None)
        self._added.clear()

    def end_with_us(self, pid: int) -> None:
        """Have a process that uses the servers ended with them, should we be killed."""
        if self._reaper is not None:
            self._reaper.watch(pid, signal.SIGTERM)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _add(self, name: str, value: str) -> None:
        self._environ[name] = value
        self._added.append(name)


def main(arguments: list[str]) -> int:
    """Run a command with its own servers and return its exit status."""
    if arguments[:1] != ["run"] or len(arguments) < 2 or arguments[1:] == ["--"]:
        print(__doc__, file=sys.stderr)
        return 2
    command = arguments[2:] if arguments[1] == "--" else arguments[1:]
    environ = dict(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with EphemeralServices(environ) as services:
            process = subprocess.Popen(command, env=environ)
            services.end_with_us(process.pid)
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.wait()  # the terminal has told it as well
                raise
            except SystemExit:
                process.terminate()
                process.wait()
                raise
    except ScriptError as error:
        say(str(error))
        return 1
    except FileNotFoundError:
        say(f"there is no command {command[0]}")
        return 127
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
