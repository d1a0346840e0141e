"""The process that outlives its owner for a moment, to end what the owner started.

It reads lines on its standard input: `watch PID SIGNAL`, `forget PID`, `remove FOLDER`. When the input
ends, its owner is gone (or asks for it): every watched process gets its signal, after the patience below
its whole group is killed, and the folders are deleted. Standard library only, started with `-I -S`, so that
it costs next to nothing.
"""

import contextlib
import os
import shutil
import signal
import sys
import time

PATIENCE_SECONDS = 6.0
POLL_SECONDS = 0.05


def is_alive(pid: int) -> bool:
    """Say whether the process still runs; a zombie whose parent is slow to collect it does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - pathlib would double the start-up time
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def main() -> None:
    """Follow the owner's orders until the pipe closes, then tidy up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        order, _, rest = line.rstrip("\n").partition(" ")
        if order == "watch":
            pid, number_text = rest.split()
            watched[int(pid)] = int(number_text)
        elif order == "forget":
            watched.pop(int(rest), None)
        elif order == "remove":
            folders.append(rest)
    for pid, number in watched.items():
        with contextlib.suppress(OSError):
            os.kill(pid, number)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_alive(pid) for pid in watched) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for pid in watched:
        # The leader may be gone while members of its group live on, so this is tried for every group.
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
