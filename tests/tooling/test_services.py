"""Throw-away servers: any number side by side, gone without a trace, and never in place of one that was named."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import environ
import psycopg
import pytest
import redis

from devkit.postgres import PostgresServer
from devkit.processes import is_alive
from devkit.services import EphemeralServices

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = REPOSITORY / "script" / "services"


def fresh_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devkit.services", *command],
        env={**fresh_environment(), "PYTHONPATH": str(REPOSITORY / "script" / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )


class TestEphemeralServices:
    def test_two_pairs_do_not_know_of_each_other(self):
        first, second = fresh_environment(), fresh_environment()
        with EphemeralServices(first), EphemeralServices(second):
            assert first["DATABASE_URL"] != second["DATABASE_URL"]
            with psycopg.connect(first["DATABASE_URL"]) as connection:
                connection.execute("CREATE TABLE mine ()")
            with psycopg.connect(second["DATABASE_URL"]) as connection:
                found = connection.execute("SELECT to_regclass('mine')").fetchone()
            assert found == (None,)
            redis.from_url(first["REDIS_URL"]).set("mine", 1)
            assert redis.from_url(second["REDIS_URL"]).get("mine") is None
        assert "DATABASE_URL" not in first
        assert "REDIS_URL" not in second

    def test_a_server_that_was_named_is_left_alone(self):
        environ = {
            **fresh_environment(),
            "DATABASE_URL": "postgres://elsewhere/db",
            "REDIS_URL": "redis://elsewhere/0",
        }
        with EphemeralServices(environ):
            assert environ["DATABASE_URL"] == "postgres://elsewhere/db"
            assert environ["REDIS_URL"] == "redis://elsewhere/0"

    def test_database_sorts_and_folds_unicode_and_is_new_enough(self):
        environ = fresh_environment()
        with EphemeralServices(environ), psycopg.connect(environ["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT lower('ÄÉ'), upper('ß' || 'ø')").fetchone() == ("äé", "ßØ")
            assert connection.info.server_version >= 150000
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)

    def test_valkey_wants_its_password(self):
        environ = fresh_environment()
        with EphemeralServices(environ):
            bare = re.sub(r"//:[^@]+@", "//", environ["REDIS_URL"])
            with pytest.raises(redis.AuthenticationError):
                redis.from_url(bare).ping()


def test_the_address_is_read_alike_by_django_and_libpq():
    url = "postgres://app@/holdfast?host=/tmp/a%20b/s"
    config = environ.Env.db_url_config(url)
    assert (config["NAME"], config["USER"], config["OPTIONS"]) == ("holdfast", "app", {"host": "/tmp/a b/s"})
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "app",
        "dbname": "holdfast",
        "host": "/tmp/a b/s",
    }


def test_a_half_made_cluster_is_not_taken_for_a_whole_one(tmp_path):
    """initdb works beside the final place, so what an interrupted one left is simply replaced."""
    environ = fresh_environment()
    with EphemeralServices(environ) as services:
        server = services._postgres
        assert isinstance(server, PostgresServer)
        assert (server.data / "PG_VERSION").exists()
        assert not (server.folder / "data.unfinished").exists()


class TestCommand:
    def test_hands_over_the_exit_status_and_leaves_nothing(self):
        code = "import os, sys; print(os.environ['DATABASE_URL']); sys.exit(7)"
        done = run("run", "--", sys.executable, "-c", code)
        assert done.returncode == 7
        folder = Path(done.stdout.split("host=")[1].strip()).parent
        assert folder.name.startswith("holdfast-")
        assert not folder.exists()

    def test_says_how_it_is_used(self):
        done = run("walk")
        assert done.returncode == 2
        assert "script/services run -- COMMAND" in done.stderr

    def test_a_command_that_does_not_exist(self):
        done = run("run", "--", "no-such-command-anywhere")
        assert done.returncode == 127
        assert "there is no command no-such-command-anywhere" in done.stderr

    def test_a_hard_kill_leaves_nothing_either(self):
        code = "import os, time; print(os.getpid(), os.environ['DATABASE_URL'], flush=True); time.sleep(60)"
        with subprocess.Popen(
            [sys.executable, "-m", "devkit.services", "run", "--", sys.executable, "-c", code],
            env={**fresh_environment(), "PYTHONPATH": str(REPOSITORY / "script" / "lib")},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            command, _, address = process.stdout.readline().partition(" ")
            folder = Path(address.split("host=")[1].strip()).parent
            server = int((folder / "pg" / "data" / "postmaster.pid").read_text().split()[0])
            process.send_signal(signal.SIGKILL)
            process.wait()
            deadline = time.monotonic() + 10
            while folder.exists() or is_alive(server) or is_alive(int(command)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
