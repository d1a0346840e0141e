"""One database with all migrations carried out, which those of pytest's workers are copies of.

Carrying them out costs Python half a minute of CPU time; a copy takes PostgreSQL a moment. Only on a server of this session's
own: on somebody's own server an older session's model would be out of date.
"""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from devkit.paths import ROOT

#: Set by the root conftest.py where the session started PostgreSQL itself.
OWN_POSTGRES = "HOLDFAST_TEST_POSTGRES_IS_OURS"
MODEL = "holdfast_migrated"


def migrated_model() -> str | None:
    """The name of the migrated database, made by whoever asks first; None on a server that is not the session's own."""
    if not os.environ.get(OWN_POSTGRES):
        return None
    with psycopg.connect(_address("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [MODEL])  # held until the connection ends
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MODEL]).fetchone() is None:
            making = f"{MODEL}_making"
            _create(connection, making)
            subprocess.run(
                [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"],
                env=os.environ
                | {
                    "DATABASE_URL": _address(making),
                    "DJANGO_SETTINGS_MODULE": "portfolio_site.settings.test",
                    "PYTHONPATH": str(ROOT / "script" / "lib"),
                },
                cwd=ROOT,
                check=True,
            )
            # Under its name it is whole.
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(making), sql.Identifier(MODEL)
                )
            )
    return MODEL


def create_migrated(name: str) -> bool:
    """Make a database with all migrations carried out; False where there is no model to copy and none was made."""
    model = migrated_model()
    if model is None:
        return False
    with psycopg.connect(_address("postgres"), autocommit=True) as connection:
        _create(connection, name, model=model)
    return True


def _create(
    connection: psycopg.Connection[tuple[object, ...]], name: str, *, model: str = "template0"
) -> None:
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(model))
    )


def _address(database: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}"))
