"""Everything that CI runs, in one command.

    script/test              all checks, then all tests
    script/test PATH…        ruff on these paths and the tests in them
    script/test -k words     further arguments go to pytest as they are

The checks run two at a time on servers of their own; the tests come last, and so does their closing line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from devkit.bootstrap import ensure_venv
from devkit.checks import Outcome, all_checks, quick_checks, run_checks
from devkit.console import ScriptError, say
from devkit.paths import ROOT
from devkit.services import EphemeralServices
from devkit.system import CHROMIUM, ensure_chromium, ensure_pango, install_line

WORKERS = 2
NO_TESTS_FOUND = 5
# A person's own settings must not colour what a test sees.
NOT_FOR_TESTS = (
    "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "SITE_URL",
    "EMAIL_URL", "DEFAULT_FROM_EMAIL", "MEDIA_ROOT", "S3_BUCKET", "S3_ENDPOINT_URL", "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY", "S3_REGION", "SIMULATED_TICKS", "SIMULATED_SESSION", "LOG_LEVEL", "LOG_JSON",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run the checks and the tests; return 0 when everything passed."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        python = ensure_venv("requirements.txt", "requirements-dev.txt")
        if Path(sys.prefix) != python.parent.parent:
            os.execv(python, [str(python), "-m", "devkit.testing", *arguments])  # noqa: S606 - our own Python
        return run(arguments, started)
    except ScriptError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: list[str], started: float) -> int:
    """Run it all inside the virtual environment."""
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    environ = {name: value for name, value in os.environ.items() if name not in NOT_FOR_TESTS}
    environ.pop("PYTHONPATH", None)
    ensure_pango()
    chromium = ensure_chromium()
    if chromium is not None:
        environ["CHROMIUM"] = chromium
    failed = [outcome.check.name for outcome in _checks(arguments, environ)]
    status = _pytest(arguments, environ, in_ci=in_ci)
    if chromium is None:
        say(f"no browser was found, so the browser tests were skipped. To run them: {install_line(CHROMIUM)}")
        if in_ci:
            failed.append("browser tests (no browser)")
    took = time.monotonic() - started
    if failed:
        say(f"these checks failed: {', '.join(failed)}")
    say(f"{'passed' if not failed and status == 0 else 'FAILED'} after {took:.0f} s")
    return status or (1 if failed else 0)


def _checks(arguments: list[str], environ: dict[str, str]) -> list[Outcome]:
    """Return the outcomes of the checks that failed."""
    if not arguments:
        with EphemeralServices(environ):
            outcomes = run_checks(all_checks(), environ)
    else:
        paths = [argument.partition("::")[0] for argument in arguments]
        outcomes = run_checks(quick_checks([path for path in paths if Path(path).exists()] or ["."]), environ)
    return [outcome for outcome in outcomes if not outcome.passed]


def _pytest(arguments: list[str], environ: dict[str, str], *, in_ci: bool) -> int:
    # The slow tests come last (those that commit, and browsers): who has finished takes over what others have left.
    command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "worksteal", "--create-db"]
    if in_ci:
        command += ["-p", "no:cacheprovider"]
    process = subprocess.Popen([*command, *arguments], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        # The terminal has sent the same signal to pytest, which is tidying up; a second one would stop that.
        process.wait()
        raise
    except SystemExit:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if status == NO_TESTS_FOUND:
        say("pytest found no test there")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
