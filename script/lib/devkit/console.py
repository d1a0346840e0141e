"""How the scripts talk to the person who started them: progress on stderr, one clear sentence on failure."""

from __future__ import annotations

import sys


class ScriptError(Exception):
    """Something the person can act on. The message is the whole story; no traceback is shown."""


def say(message: str) -> None:
    """Print a line of progress at once, also when the output is a pipe."""
    print(f"holdfast: {message}", file=sys.stderr, flush=True)


def explain_disk_full(error: OSError, place: object) -> ScriptError:
    """Turn ENOSPC and its relatives into the sentence that says where room is needed."""
    return ScriptError(
        f"No room to write in {place} ({error.strerror}). Free some disk space and run it again."
    )
