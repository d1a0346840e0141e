"""Lint the migrations: against the last release where there is one, all of them before the first.

What was released must keep running beside a new migration during an update, and is never edited. Before the first
release nothing runs anywhere, so only the rules about data migrations apply (they can be undone, they use the
historical models).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from devkit.paths import ROOT

# What a rolling update of a running site must not meet.
ABOUT_RUNNING_SITES = [
    "NOT_NULL",
    "ADD_UNIQUE",
    "ALTER_COLUMN",
    "DROP_COLUMN",
    "DROP_TABLE",
    "RENAME_COLUMN",
    "RENAME_TABLE",
]


def last_release() -> str | None:
    """Return the newest release tag that this commit grew from, if git and a release are there."""
    found = _git("describe", "--tags", "--match", "v[0-9]*", "--abbrev=0")
    return found[0] if found else None


def edited_since(release: str) -> list[str]:
    """Return the migrations of a release that are not any more what was released."""
    changed = _git("diff", "--name-only", "--diff-filter=MDR", release, "--", "*/migrations/*.py")
    return [name for name in changed if Path(name).name != "__init__.py"]


def _git(*arguments: str) -> list[str]:
    if not shutil.which("git"):
        return []
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def main() -> int:
    """Lint, and return 1 when something is wrong."""
    import django
    from django.apps import apps

    django.setup()
    from django_migration_linter import MigrationLinter

    ours = [config.label for config in apps.get_app_configs() if Path(config.path).is_relative_to(ROOT)]
    ours = [label for label in ours if ".venv" not in Path(apps.get_app_config(label).path).parts]
    release = last_release()
    linter = MigrationLinter(
        str(ROOT),
        include_apps=ours,
        no_cache=True,
        exclude_migration_tests=[] if release else ABOUT_RUNNING_SITES,
        quiet=["ok", "ignore"],
    )
    linter.lint_all_migrations(git_commit_id=release)
    linter.print_summary()
    edited = edited_since(release) if release else []
    for name in edited:
        print(f"{name} was released with {release} and must not change")
    return 1 if linter.has_errors or edited else 0


if __name__ == "__main__":
    sys.exit(main())
