"""The unprivileged account that the embedded servers run as when the script itself runs as root.

PostgreSQL refuses to run as root, and Valkey has no need to. Whoever is not root simply runs them as
themselves.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

FALLBACK_ID = 65534


@dataclass(frozen=True)
class Account:
    """A user and group that own the servers' files and processes."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Hand one file or folder over to this account."""
        os.chown(path, self.uid, self.gid)

    def own_tree(self, path: Path) -> None:
        """Hand a folder over with all it contains; links are not followed."""
        os.chown(path, self.uid, self.gid)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)

    def can_run(self, program: Path) -> bool:
        """Say whether this account can start `program`, which a closed parent folder prevents."""
        try:
            done = subprocess.run(
                [str(program), "--version"],
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                check=False,
            )
        except OSError:
            return False
        return done.returncode == 0

    def can_enter(self, folder: Path) -> bool:
        """Say whether every folder on the way to `folder` lets this account through."""
        for part in (folder, *folder.parents):
            info = part.stat()
            if info.st_uid == self.uid:
                allowed = info.st_mode & 0o100
            elif info.st_gid == self.gid:
                allowed = info.st_mode & 0o010
            else:
                allowed = info.st_mode & 0o001
            if not allowed:
                return False
        return True


def server_account() -> Account | None:
    """Return the account to switch to, or None when this process is not root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(FALLBACK_ID, FALLBACK_ID)
    return Account(entry.pw_uid, entry.pw_gid)
