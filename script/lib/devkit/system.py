"""Programs and libraries that pip cannot bring: Pango for PDF, Chromium for the browser tests.

They are installed through the system's package manager where this user may (root or password-less sudo on
Debian and Ubuntu, Homebrew on macOS). Where not, the one line to run is named and everything else goes on.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from devkit.console import say
from devkit.paths import ensure_local

RETRY_SECONDS = 24 * 3600
INSTALL_SECONDS = 420
APT_OPTIONS = (
    "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=30", "-o", "DPkg::Lock::Timeout=120",
)  # fmt: skip
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
CHROMIUM_MAC = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


@dataclass(frozen=True)
class Need:
    """Something wanted from the system, under the names that the package managers know."""

    name: str
    apt: tuple[str, ...]
    brew: tuple[str, ...]
    loss: str


PANGO = Need(
    "Pango",
    apt=("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-dejavu-core"),
    brew=("pango",),
    loss="PDF reports are off until then",
)
CHROMIUM = Need(
    "Chromium",
    apt=("chromium",),
    brew=("--cask", "chromium"),
    loss="the browser tests are skipped until then",
)


def has_pango() -> bool:
    """Say whether the libraries that WeasyPrint loads can be loaded."""
    if sys.platform != "linux":
        return ctypes.util.find_library("pango-1.0") is not None or any(
            Path(folder, "lib", "libpango-1.0.dylib").exists() for folder in ("/opt/homebrew", "/usr/local")
        )
    try:
        for name in ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0"):
            ctypes.CDLL(name)
    except OSError:
        return False
    return True


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome of the system; `CHROMIUM` names one that lies elsewhere."""
    if given := os.environ.get("CHROMIUM"):
        return given if Path(given).exists() else None
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return found
    return next((path for path in CHROMIUM_MAC if Path(path).exists()), None)


def install_line(need: Need) -> str:
    """Return the command that a person would type to get what is needed."""
    if sys.platform == "darwin":
        return f"brew install {' '.join(need.brew)}"
    prefix = "" if os.geteuid() == 0 else "sudo "
    return f"{prefix}apt-get install -y {' '.join(need.apt)}"


def obtain(need: Need) -> bool:
    """Install what is needed if this user may; return whether the package manager said it did.

    A try that failed is not repeated within a day, so that a machine without network starts quickly.
    """
    marker = ensure_local() / f"no-{need.name.lower()}"
    if marker.exists() and time.time() - marker.stat().st_mtime < RETRY_SECONDS:
        return False
    attempts = _attempts(need)
    if not attempts:
        return False
    say(f"installing {need.name} with the system's package manager")
    for commands in attempts:
        if all(_run_quietly(command) for command in commands):
            marker.unlink(missing_ok=True)
            return True
    marker.touch()
    return False


def apt_install(*packages: str) -> bool:
    """Install Debian packages if this user may."""
    return any(all(_run_quietly(command) for command in commands) for commands in _apt_attempts(packages))


def report_missing(need: Need) -> None:
    """Name the line to run."""
    say(f"{need.name} is missing; {need.loss}. To install it: {install_line(need)}")


def ensure_pango() -> bool:
    """Make PDF possible if that can be done here."""
    if has_pango() or (obtain(PANGO) and has_pango()):
        return True
    report_missing(PANGO)
    return False


def ensure_chromium() -> str | None:
    """Return the path of a Chromium, installed now if that can be done here."""
    if found := find_chromium():
        return found
    return find_chromium() if obtain(CHROMIUM) else None


def _attempts(need: Need) -> list[list[list[str]]]:
    if sys.platform == "darwin":
        return [[["brew", "install", *need.brew]]] if shutil.which("brew") else []
    return _apt_attempts(need.apt)


def _apt_attempts(packages: tuple[str, ...]) -> list[list[list[str]]]:
    """Return what to try in turn: with the lists as they are, then with fresh ones; empty if not allowed."""
    if not shutil.which("apt-get"):
        return []
    become: list[str] = []
    if os.geteuid() != 0:
        if not shutil.which("sudo") or not _run_quietly(["sudo", "-n", "true"]):
            return []
        become = ["sudo", "-n"]
    apt = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *APT_OPTIONS]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    update = [*apt, "update"]
    return [[install], [update, install]]


def _run_quietly(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
