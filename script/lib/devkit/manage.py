"""`script/manage`: a management command in the environment of the site that `script/server` runs.

While the site runs, the addresses it noted are used; while it does not, the embedded servers are started for the
duration of the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from devkit.console import ScriptError, say
from devkit.embedded import EmbeddedServices
from devkit.paths import LOCAL, ROOT
from devkit.processes import Reaper

#: Where the running site notes what its processes were given; readable by its user only.
NOTE = LOCAL / "running.json"
NAMES = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "MEDIA_ROOT",
    "SITE_URL",
    "ALLOWED_HOSTS",
    "DJANGO_SETTINGS_MODULE",
)


def note_running(environ: Mapping[str, str]) -> None:
    """Keep the addresses of the running site for `script/manage`."""
    NOTE.unlink(missing_ok=True)
    NOTE.touch(mode=0o600)
    NOTE.write_text(
        json.dumps({"pid": os.getpid(), **{name: environ[name] for name in NAMES if name in environ}})
    )


def forget_running() -> None:
    """The site has ended."""
    NOTE.unlink(missing_ok=True)


def running_site() -> dict[str, str] | None:
    """Return the addresses of the site that runs from this checkout, or None."""
    try:
        note = json.loads(NOTE.read_text())
        os.kill(note.pop("pid"), 0)
    except (OSError, ValueError, KeyError):
        return None
    return {str(name): str(value) for name, value in note.items()}


def main(arguments: list[str]) -> int:
    """Run `manage.py` with the arguments and return its exit status."""
    from devkit.server import site_environment

    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    noted = running_site()
    if noted is not None:
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, **noted, "PYTHONPATH": ""}, check=False
        ).returncode
    environ = site_environment("127.0.0.1", int(os.environ.get("PORT") or "8000"))
    reaper = Reaper()
    services = EmbeddedServices(environ, reaper)
    try:
        services.start()
        return subprocess.run(command, env={**environ, "PYTHONPATH": ""}, check=False).returncode
    finally:
        services.stop()
        reaper.close()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ScriptError as error:
        say(str(error))
        sys.exit(1)
