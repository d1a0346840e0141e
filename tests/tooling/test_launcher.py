"""`script/server`: what it starts it ends, however it ends, and what it stored it finds again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.bootstrap import explain_pip_failure
from devkit.processes import is_alive
from tests.tooling.minisite import REPOSITORY, RunningSite, build

pytestmark = [pytest.mark.launcher, pytest.mark.slow]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A miniature checkout in a folder that the unprivileged server account can enter."""
    root = Path(tempfile.mkdtemp(prefix="holdfast-mini-")).resolve()
    root.chmod(0o755)
    build(root)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def site(checkout: Path) -> Iterator[RunningSite]:
    running = RunningSite(checkout)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


def wait_until_nothing_is_left(site: RunningSite, patience: float = 12) -> None:
    deadline = time.monotonic() + patience
    while left := site.members():
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


class TestStartAndStop:
    def test_second_start_finds_the_data_of_the_first(self, site):
        site.start()
        site.wait_until_up()
        assert site.get("people") == "1"
        assert "log in as demo" in site.log.read_text()

        assert site.stop(signal.SIGINT) == 0
        wait_until_nothing_is_left(site)

        site.start()
        assert site.wait_until_up() < 30
        assert site.get("people") == "1", "the demo data was made twice, or lost"
        assert site.log.read_text().count("making the demo data") == 1
        assert site.log.read_text().count("collecting the static files") == 1
        assert site.stop(signal.SIGTERM) == 0
        wait_until_nothing_is_left(site)

    def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works(self, site):
        site.start()
        site.wait_until_up()
        assert len(site.members()) > 3
        site.stop(signal.SIGKILL)
        wait_until_nothing_is_left(site)

        site.start()
        site.wait_until_up()
        assert site.get("people") == "1"

    def test_a_crashed_process_is_started_again(self, site):
        site.start()
        site.wait_until_up()
        with pytest.raises(OSError, match=r"Remote end closed|reset"):
            site.get("crash")
        site.wait_for_line("ended with status 3; starting it again")
        deadline = time.monotonic() + 30
        while True:
            try:
                assert site.get("healthz") == "fine"
                break
            except OSError:
                assert time.monotonic() < deadline, site.log.read_text()
                time.sleep(0.2)

    def test_secrets_are_made_once_and_kept_private(self, site):
        site.start()
        site.wait_until_up()
        secret = site.root / ".local" / "secret_key"
        assert secret.stat().st_mode & 0o077 == 0
        assert len(secret.read_text().strip()) >= 50
        listing = subprocess.run(["ps", "-ww", "-axo", "args="], capture_output=True, text=True, check=True)
        password = (site.root / ".local" / "valkey" / "password").read_text().strip()
        assert password not in listing.stdout
        assert secret.read_text().strip() not in listing.stdout


class TestRefusals:
    def test_port_in_use(self, site):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", site.port))
            taken.listen()
            site.start()
            assert site.process.wait(timeout=30) == 1
        said = site.log.read_text()
        assert f"Port {site.port} is in use by another program" in said
        assert f"PORT={site.port + 1} script/server" in said
        assert "Traceback" not in said

    def test_a_second_site_from_the_same_checkout(self, site):
        site.start()
        site.wait_until_up()
        other = RunningSite(site.root)
        other.start()
        assert other.process.wait(timeout=30) == 1
        assert f"already runs from this checkout: http://127.0.0.1:{site.port}" in site.log.read_text()

    def test_a_port_that_is_no_number(self, site):
        site.start(PORT="eighty")
        assert site.process.wait(timeout=30) == 1
        assert "PORT must be a number" in site.log.read_text()

    def test_a_failed_preparation_stops_the_start_with_its_reason(self, site):
        command = site.root / "portfolio_site" / "management" / "commands" / "make_demo.py"
        good = command.read_text()
        command.write_text(
            "from django.core.management.base import BaseCommand, CommandError\n"
            "class Command(BaseCommand):\n"
            "    def handle(self, **options):\n"
            "        raise CommandError('the demo data could not be made')\n"
        )
        site.start()
        assert site.process.wait(timeout=60) == 1
        assert "the demo data could not be made" in site.log.read_text()
        wait_until_nothing_is_left(site)

        command.write_text(good)
        site.start()
        site.wait_until_up()
        assert site.get("people") == "1"

    def test_python_that_is_too_old(self, checkout, tmp_path):
        old = tmp_path / "python3"
        old.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo Python 3.9.2; exit; fi\nexit 1\n')
        old.chmod(0o755)
        done = subprocess.run(
            [str(checkout / "script" / "server")],
            env={**os.environ, "PYTHON": str(old)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "Python 3.11 or newer is needed" in done.stderr


class TestInterruptedInstallation:
    def test_an_unfinished_environment_is_made_afresh(self, checkout):
        (checkout / ".venv" / "holdfast-unfinished").touch()
        (checkout / ".venv" / "debris").touch()
        code = "from devkit.bootstrap import ensure_venv; print(ensure_venv('requirements.txt'))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(checkout / "script" / "lib")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "interrupted; starting it afresh" in done.stderr
        assert not (checkout / ".venv" / "debris").exists()
        assert not (checkout / ".venv" / "holdfast-unfinished").exists()
        stamp = json.loads((checkout / ".venv" / "holdfast-stamp.json").read_text())
        assert "requirements.txt" in stamp

    @pytest.mark.parametrize(
        ("output", "sentence"),
        [
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
                "disk is full",
            ),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "arrived damaged"),
            (
                "WARNING: Retrying ... NewConnectionError(...)\nERROR: No matching distribution",
                "cannot be reached",
            ),
            ("ERROR: No matching distribution found for x==1", "No matching distribution found for x==1"),
        ],
    )
    def test_pip_failures_become_sentences(self, output, sentence):
        assert sentence in explain_pip_failure(output)


class TestOrphans:
    def test_a_database_server_left_behind_is_stopped_first(self, checkout):
        """As after a hard kill on a system where the kernel does not end the children."""
        code = """
import os, sys
from pathlib import Path
from devkit.account import server_account
from devkit.postgres import PostgresServer
from devkit.processes import Reaper
class NoReaper:
    def watch(self, *_): pass
    def forget(self, *_): pass
import devkit.processes
devkit.processes._die_with_parent = lambda number: None
root = Path(sys.argv[1])
server = PostgresServer(root / "pg", root / "s", reaper=NoReaper(), account=server_account(), durable=False)
server.start()
print(server.process.pid)
sys.stdout.flush()
if len(sys.argv) > 2:
    server.stop()
os._exit(0)
"""
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "script" / "lib")}
        run = [sys.executable, "-c", code, str(checkout)]
        first = subprocess.run(run, env=env, stdout=subprocess.PIPE, text=True, check=True)
        orphan = int(first.stdout)
        assert is_alive(orphan)
        second = subprocess.run([*run, "stop"], env=env, capture_output=True, text=True, check=True)
        assert f"left PostgreSQL running (process {orphan})" in second.stderr
        assert not is_alive(orphan)
