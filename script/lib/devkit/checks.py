"""The checks of `script/test` that are not tests: each is a command, a name and what it needs."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devkit.console import say
from devkit.paths import ROOT

BIN = Path(sys.executable).parent
AT_ONCE = 2


@dataclass(frozen=True)
class Check:
    """One command whose exit status decides."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a check went."""

    check: Check
    passed: bool
    output: str
    seconds: float


def all_checks() -> list[Check]:
    """Return every check, the slow ones first so that two cores are busy to the end."""
    manage = [sys.executable, "manage.py"]
    testing = {"DJANGO_SETTINGS_MODULE": "portfolio_site.settings.test"}
    return [
        Check("mypy", [tool("mypy"), "."], testing),
        Check("check --deploy", [*manage, "check", "--deploy", "--fail-level", "WARNING"], production()),
        Check("makemigrations --check", [*manage, "makemigrations", "--check", "--dry-run"], testing),
        Check("migration lint", [sys.executable, "-m", "devkit.migration_lint"], testing),
        Check("import contracts", [tool("lint-imports")], testing),
        Check("templates", [tool("djlint"), *template_folders(), "--lint", "--quiet"]),
        Check("ruff check", [tool("ruff"), "check", "."]),
        Check("ruff format", [tool("ruff"), "format", "--check", "."]),
        Check("requirements", [sys.executable, "-m", "devkit.requirements", "check"]),
    ]


def quick_checks(paths: list[str]) -> list[Check]:
    """Return what is worth knowing about some paths before their tests run."""
    return [
        Check("ruff check", [tool("ruff"), "check", *paths]),
        Check("ruff format", [tool("ruff"), "format", "--check", *paths]),
    ]


def tool(name: str) -> str:
    """Return the path of a program that came with the development requirements."""
    return str(BIN / name)


def template_folders() -> list[str]:
    """Return the folders that hold templates."""
    folders = [ROOT / "templates", *sorted(ROOT.glob("*/templates"))]
    return [str(folder.relative_to(ROOT)) for folder in folders if folder.is_dir()]


def production() -> dict[str, str]:
    """Return a made-up production environment, so that the settings for it can be checked."""
    return {
        "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.prod",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": "desk.example.org",
        "CSRF_TRUSTED_ORIGINS": "https://desk.example.org",
        "SITE_URL": "https://desk.example.org",
        "EMAIL_URL": "smtp+tls://desk:secret@mail.example.org:587",
        "DEFAULT_FROM_EMAIL": "Holdfast <desk@example.org>",
        "DEBUG": "false",
    }


def run_checks(checks: list[Check], environ: Mapping[str, str]) -> list[Outcome]:
    """Run the checks two at a time, tell how each went, and show what a failed one said."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = []
        for outcome in pool.map(lambda check: _run(check, environ), checks):
            outcomes.append(outcome)
            say(f"{'ok    ' if outcome.passed else 'FAILED'} {outcome.check.name} ({outcome.seconds:.1f} s)")
            if not outcome.passed:
                print(outcome.output.rstrip(), flush=True)
        return outcomes


def _run(check: Check, environ: Mapping[str, str]) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        list(check.command),
        cwd=ROOT,
        env={
            **environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "script" / "lib"))),
            **check.env,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Outcome(check, done.returncode == 0, done.stdout, time.monotonic() - started)
