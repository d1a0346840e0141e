"""The PostgreSQL and Valkey that `script/server` keeps for this checkout, data and all, between runs.

Their files lie in `.local`. When the script runs as root from a place that the unprivileged server account
cannot enter (a checkout in root's home, say), they lie under /var/lib instead, in a folder that
`.local/services` names.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from devkit.account import Account, server_account
from devkit.console import ScriptError, explain_disk_full, say
from devkit.paths import ensure_local
from devkit.postgres import LONGEST_SOCKET_PATH, PostgresServer
from devkit.processes import Reaper
from devkit.valkey import ValkeyServer

ELSEWHERE = Path("/var/lib")


class EmbeddedServices:
    """Starts what the environment does not name, and stops it again."""

    def __init__(self, environ: MutableMapping[str, str], reaper: Reaper) -> None:
        self._environ = environ
        self._reaper = reaper
        self._account = server_account()
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None

    @property
    def owns_database(self) -> bool:
        """Whether the database is ours, and not one that DATABASE_URL named."""
        return self._postgres is not None

    @property
    def database_folder(self) -> Path | None:
        """Where the embedded database lies."""
        return None if self._postgres is None else self._postgres.folder

    def start(self) -> None:
        """Start both servers as needed and put their addresses into the environment."""
        folder = services_folder(ensure_local(), self._account)
        if not self._environ.get("DATABASE_URL"):
            self._postgres = PostgresServer(
                folder / "postgres",
                socket_folder(folder, self._account),
                reaper=self._reaper,
                account=self._account,
                durable=True,
            )
            self._postgres.start()
            self._environ["DATABASE_URL"] = self._postgres.url
        if not self._environ.get("REDIS_URL"):
            self._valkey = ValkeyServer(
                folder / "valkey", reaper=self._reaper, account=self._account, durable=True
            )
            self._valkey.start()
            self._environ["REDIS_URL"] = self._valkey.url

    def dead(self) -> str | None:
        """Return the name of a server that has ended although nobody asked it to."""
        for name, server in (("PostgreSQL", self._postgres), ("Valkey", self._valkey)):
            if server is not None and server.process is not None and server.process.poll() is not None:
                return f"{name} (see {server.log})"
        return None

    def stop(self) -> None:
        """Stop what was started here, the database last."""
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop()


def services_folder(local: Path, account: Account | None) -> Path:
    """Return the folder for the servers' files: `.local`, or one that the server account can reach."""
    if account is None or account.can_enter(local):
        return local
    pointer = local / "services"
    if pointer.is_symlink():
        return pointer.readlink()
    folder = ELSEWHERE / f"holdfast-{secrets.token_hex(6)}"
    try:
        folder.mkdir(mode=0o711, parents=True)
        pointer.symlink_to(folder)
    except OSError as error:
        raise explain_disk_full(error, folder) from error
    say(f"this folder is closed to the unprivileged server account, so the databases live in {folder}")
    return folder


def socket_folder(folder: Path, account: Account | None) -> Path:
    """Return a folder for PostgreSQL's socket whose path is short enough for the kernel."""
    wanted = folder / "run"
    if len(str(wanted / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return wanted
    owner = os.geteuid() if account is None else account.uid
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    short = Path("/tmp") / f"holdfast-{owner}-{name}"  # noqa: S108 - private: made 0700 and checked below
    try:
        short.mkdir(mode=0o700)
        if account is not None:
            account.own(short)
    except FileExistsError:
        info = short.lstat()
        if not short.is_dir() or short.is_symlink() or info.st_uid != owner or info.st_mode & 0o077:
            raise ScriptError(f"{short} is not ours; remove it and run this again.") from None
    return short
