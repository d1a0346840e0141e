"""Bring the database, the static files and the demo data up to date before the site starts.

One Django process does it all, because loading Django is the larger part of the time of each step. Each
step is skipped when nothing it depends on has changed since it last succeeded.

Usage: python -m devkit.prepare [--demo FOLDER]
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from devkit.bootstrap import STAMP
from devkit.console import ScriptError, say
from devkit.paths import LOCAL, ROOT

LOGINS = "demo-logins.txt"
PREPARED = "prepared.stamp"


def is_prepared(folder: Path, environ: Mapping[str, str]) -> bool:
    """Say whether the embedded database in `folder` and the static files are as today's code wants them.

    Loading Django to find that out would take as long as all the rest of a later start.
    """
    stamp = folder / PREPARED
    collected = Path(environ.get("STATIC_ROOT") or LOCAL / "static")
    return collected.is_dir() and stamp.exists() and stamp.read_text() == _fingerprint(environ)


def note_prepared(folder: Path, environ: Mapping[str, str]) -> None:
    """Write down, beside the database it is true of, that everything is prepared."""
    (folder / PREPARED).write_text(_fingerprint(environ))


def _fingerprint(environ: Mapping[str, str]) -> str:
    """Hash what the preparation depends on: static files, migrations, the demo, settings, installed packages."""
    total = hashlib.sha256(_static_fingerprint().encode())
    for pattern in (
        "[!.]*/migrations/*.py",
        "[!.]*/*/migrations/*.py",
        "[!.]*/settings/*.py",
        "[!.]*/**/commands/make_demo.py",
    ):
        for path in sorted(ROOT.glob(pattern)):
            total.update(f"{path.relative_to(ROOT)} {path.stat().st_mtime_ns}\n".encode())
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "STATIC_ROOT", "DEMO"):
        total.update(f"{name}={environ.get(name, '')}\n".encode())
    return total.hexdigest()


def migrate() -> None:
    """Apply the migrations that are not applied yet."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    say(f"bringing the database up to date ({len(plan)} migrations)")
    call_command("migrate", interactive=False, verbosity=0)


def collect_static() -> None:
    """Collect and compress the static files when one of them, or an installed package, has changed."""
    from django.conf import settings
    from django.core.management import call_command

    fingerprint = _static_fingerprint()
    stamp = LOCAL / "static.stamp"
    target = Path(settings.STATIC_ROOT)
    if target.is_dir() and stamp.exists() and stamp.read_text() == fingerprint:
        return
    say("collecting the static files")
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)


def make_demo(folder: Path) -> None:
    """Make the demo data on the first run, and show its logins on every run."""
    from django.core.management import call_command

    logins = folder / LOGINS
    if logins.exists():
        print(logins.read_text().rstrip(), flush=True)
    else:
        say("making the demo data: five years of history, about half a minute")
        printed = Echo()
        call_command("make_demo", stdout=printed)
        unfinished = logins.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        said = printed.getvalue().strip().splitlines()
        unfinished.write_text("\n".join([line for line in said if "@" in line] or said) + "\n")
        unfinished.rename(logins)


class Echo(io.StringIO):
    """Keeps what is written to it, and shows it at once."""

    def write(self, text: str) -> int:
        """Keep and show a piece of text."""
        sys.stdout.write(text)
        sys.stdout.flush()
        return super().write(text)


def _static_fingerprint() -> str:
    """Hash names, sizes and times of our static files; the stamp of .venv stands for those of packages."""
    total = hashlib.sha256()
    # Hidden folders are not ours: the collected files themselves lie in one of them.
    sources = [folder for folder in (ROOT / "static", *ROOT.glob("[!.]*/static")) if folder.is_dir()]
    for source in sorted(sources):
        for folder, _, files in sorted(os.walk(source)):
            for name in sorted(files):
                path = Path(folder, name)
                info = path.stat()
                total.update(f"{path.relative_to(ROOT)} {info.st_size} {info.st_mtime_ns}\n".encode())
    if STAMP.exists():
        total.update(STAMP.read_bytes())
    return total.hexdigest()


def main(arguments: list[str]) -> int:
    """Run the steps; one clear sentence when one of them fails."""
    sys.path.insert(0, str(ROOT))
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management.base import CommandError
    from django.db import DatabaseError

    try:
        django.setup()
        migrate()
        if arguments[:1] == ["--demo"] and getattr(settings, "DEMO", True):
            make_demo(Path(arguments[1]))
        collect_static()
    except (ScriptError, CommandError, ImproperlyConfigured) as error:
        say(str(error))
        return 1
    except DatabaseError as error:
        say(f"The database refused: {str(error).strip()}")
        return 1
    except OSError as error:
        say(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
    sys.exit(130)
