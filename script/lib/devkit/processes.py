"""Start child processes that cannot outlive us, and end exactly those.

Three things stand between a crash and an orphan. A child is its own process group, so that a Ctrl-C in the
terminal reaches only the supervisor, which then ends the children in order. On Linux the kernel signals the
child when its parent dies (PR_SET_PDEATHSIG). And everywhere a small `reaper` process holds the other end
of a pipe: when the pipe closes, however its owner died, it ends what the owner had started.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from devkit.account import Account

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02


class Reaper:
    """The process that tidies up after us when we can no longer do it ourselves."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("reaper.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, pid: int, death_signal: signal.Signals) -> None:
        """End process `pid` with `death_signal` when we die; its group is killed if that does not help."""
        self._tell(f"watch {pid} {int(death_signal)}")

    def forget(self, pid: int) -> None:
        """Process `pid` has ended; its number may be given to somebody else's process from now on."""
        self._tell(f"forget {pid}")

    def remove_folder(self, folder: Path) -> None:
        """Delete `folder` after the processes have ended."""
        self._tell(f"remove {folder}")

    def close(self) -> None:
        """Let the reaper do its work now and wait for it."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # Without its reaper a session still works; only a hard kill would leave something behind.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


def spawn(
    command: Sequence[str | Path],
    *,
    reaper: Reaper,
    death_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, bound to our life.

    Call it from the main thread: Linux takes the death of the *thread* that forked for the parent's death.
    """
    switch: dict[str, Any] = {}
    if account is not None:
        switch = {"user": account.uid, "group": account.gid, "extra_groups": []}
    process: subprocess.Popen[bytes] = subprocess.Popen(
        [str(part) for part in command],
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - after the change of user
        **switch,
    )
    reaper.watch(process.pid, death_signal)
    return process


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and this line
            os._exit(1)

    return prepare


def end(process: subprocess.Popen[bytes], how: signal.Signals, *, patience: float) -> int:
    """Ask a child to stop, kill its whole group when it has not within `patience` seconds, and reap it."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def is_alive(pid: int) -> bool:
    """Say whether a process with this number exists (a zombie counts as ended where that can be seen)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        with contextlib.suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def command_line(pid: int) -> str:
    """Return the command that process `pid` was started with, or nothing when it is gone."""
    done = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def wait_until_gone(pid: int, *, patience: float) -> bool:
    """Wait for a process that is not our child to end; return whether it did."""
    deadline = time.monotonic() + patience
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
