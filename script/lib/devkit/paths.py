"""Where things lie in a checkout, and the `.local` folder that holds everything a run makes."""

from __future__ import annotations

import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from devkit.console import ScriptError, explain_disk_full

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
LOCAL = ROOT / ".local"


def ensure_local() -> Path:
    """Make `.local`. Others may pass through it (the server account must) but not look around."""
    try:
        LOCAL.mkdir(mode=0o711, exist_ok=True)
    except PermissionError as error:
        raise ScriptError(f"{ROOT} cannot be written by this user; use a checkout of your own.") from error
    except OSError as error:
        raise explain_disk_full(error, ROOT) from error
    if not os.access(LOCAL, os.W_OK) or LOCAL.stat().st_uid != os.geteuid():
        raise ScriptError(f"{LOCAL} belongs to another user. Run this as that user, or move the folder away.")
    return LOCAL


def kept_secret(name: str, *, size: int) -> str:
    """Return the secret kept in `.local/NAME`, made on the first call."""
    path = ensure_local() / name
    if path.exists() and (kept := path.read_text().strip()):
        return kept
    secret = secrets.token_urlsafe(size)
    try:
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
    except OSError as error:
        raise explain_disk_full(error, LOCAL) from error
    return secret


def read_dotenv(environ: MutableMapping[str, str], path: Path = ROOT / ".env") -> None:
    """Put the variables of `.env` into `environ`, as the settings do; what is set already wins."""
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.isidentifier():
            environ.setdefault(name, value.strip().strip("\"'"))
