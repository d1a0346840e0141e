"""Make `.venv` and keep it in step with the hashed requirements.

The stamp inside `.venv` is written last, so it only ever describes a finished installation. While an
installation is under way a marker stands beside it: a run that finds the marker (the last one was
interrupted) starts afresh. pip does the installing, because it comes with Python and obeys the mirror,
proxy and certificates this person has set up for it; on a warm cache it is fast enough
(docs/dependencies.md has the figures).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devkit import system
from devkit.console import ScriptError, explain_disk_full, say
from devkit.paths import ROOT, VENV, ensure_local

PYTHON = VENV / "bin" / "python"
STAMP = VENV / "holdfast-stamp.json"
UNFINISHED = VENV / "holdfast-unfinished"
ROOM_NEEDED = 1_500_000_000
REPORT_EVERY = 25


def ensure_venv(*files: str) -> Path:
    """Return the virtual environment's Python after making sure that the given requirements are installed."""
    ensure_local()
    wanted = {name: _hash(ROOT / name) for name in files}
    with setup_lock():
        stamp = _read_stamp()
        if stamp is None:
            _create()
            stamp = {}
        missing = [name for name, digest in wanted.items() if stamp.get(name) != digest]
        if missing:
            # What another script needed stays recorded only while this change cannot have touched it.
            _install(missing)
            kept = {name: digest for name, digest in stamp.items() if _is_current(name, digest)}
            STAMP.write_text(json.dumps({**kept, **wanted, "python": _version(PYTHON)}, indent=1) + "\n")
            UNFINISHED.unlink(missing_ok=True)
    return PYTHON


@contextlib.contextmanager
def setup_lock() -> Iterator[None]:
    """Let one start at a time set things up; the second waits and then finds the work done."""
    with (ensure_local() / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another run is setting this checkout up; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_stamp() -> dict[str, str] | None:
    """Return what is installed, or None when there is no usable environment."""
    if UNFINISHED.exists():
        say("the last installation was interrupted; starting it afresh")
        shutil.rmtree(VENV, ignore_errors=True)
        return None
    version = _version(PYTHON)
    if version is None:
        return None
    running = "{}.{}".format(*sys.version_info)
    if not version.startswith(running + "."):
        say(f"Python {running} was asked for, .venv has {version}; making it anew")
        return None
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}  # made by hand: used as it is, with what is missing added
    return stamp if isinstance(stamp, dict) and stamp.get("python") == version else None


def _create() -> None:
    free = shutil.disk_usage(ROOT).free
    if free < ROOM_NEEDED:
        raise ScriptError(
            f"Only {free // 1_000_000} MB are free in {ROOT}; the installation needs about "
            f"{ROOM_NEEDED // 1_000_000} MB. Free some disk space and run this again."
        )
    say(f"making .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    done = _make_environment()
    if done.returncode != 0 and "ensurepip" in done.stdout + done.stderr:
        # Debian and Ubuntu keep this part of Python in a package of its own.
        package = "python{}.{}-venv".format(*sys.version_info)
        say(f"this Python lacks its venv part; installing {package}")
        if not system.apt_install(package):
            raise ScriptError(f"Python's venv module is not complete. Run: sudo apt-get install -y {package}")
        shutil.rmtree(VENV, ignore_errors=True)
        done = _make_environment()
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise ScriptError(f"Python could not make .venv: {reason[-1] if reason else 'it gave no reason'}")


def _make_environment() -> subprocess.CompletedProcess[str]:
    base = getattr(sys, "_base_executable", sys.executable)
    try:
        VENV.mkdir(parents=True, exist_ok=True)
        UNFINISHED.touch()
    except OSError as error:
        raise explain_disk_full(error, VENV) from error
    return subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)


def _install(files: list[str]) -> None:
    """Run pip with `--require-hashes`, show progress, and explain a failure in one sentence."""
    UNFINISHED.touch()
    total = sum(line.count("==") and not line.startswith(" ") for name in files for line in _lines(name))
    say(f"installing {total} packages ({', '.join(files)}); this takes a minute or two")
    command = [
        str(PYTHON), "-m", "pip", "install", "--require-hashes", "--disable-pip-version-check", "--no-input",
        "--no-compile", "--progress-bar=off",
    ]  # fmt: skip
    for name in files:
        command += ["-r", str(ROOT / name)]
    output: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        seen = 0
        for line in process.stdout:
            output.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
                if seen % REPORT_EVERY == 0:
                    say(f"  {seen} of at most {total} packages fetched")
            elif line.startswith("Installing collected packages"):
                say("  unpacking them")
    if process.returncode != 0:
        raise ScriptError(explain_pip_failure("\n".join(output)))


def explain_pip_failure(output: str) -> str:
    """Turn pip's last words into a sentence that says what to do."""
    lowered = output.lower()
    if "no space left" in lowered or "disk quota" in lowered:
        return "The disk is full. Free some space and run this again; it starts the installation afresh."
    if (
        "do not match the hashes" in lowered
        or "incomplete-download" in lowered
        or "incompleteread" in lowered
    ):
        return "A package arrived damaged (its hash does not match). Run this again to fetch it anew."
    if any(
        sign in lowered
        for sign in (
            "connectionerror",
            "newconnectionerror",
            "name resolution",
            "timed out",
            "connection broken",
        )
    ):
        return "The package index cannot be reached. Check the network or pip's settings and run this again."
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else output.strip().rpartition("\n")[2]
    return f"pip could not install the packages: {reason}"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_current(name: str, digest: str) -> bool:
    path = ROOT / name
    return path.is_file() and _hash(path) == digest


def _lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def _version(python: Path) -> str | None:
    """Return the version of a Python that works, else None."""
    try:
        done = subprocess.run(
            [str(python), "-c", "import pip, platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
