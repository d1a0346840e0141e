"""Give every test session its own PostgreSQL and Valkey, then load Django on top of them.

This runs before any settings are read. `DATABASE_URL` / `REDIS_URL`, when set, win. The workers of
pytest-xdist share the controller's PostgreSQL (pytest-django gives each its own database), and have a
Valkey each, because publish/subscribe does not know database numbers and a worker must not hear its
neighbour's messages.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
for entry in (ROOT / "script" / "lib", ROOT):
    if str(entry) not in sys.path:
        sys.path.insert(0, str(entry))

from devkit.services import EphemeralServices  # noqa: E402 - the line above makes it importable
from tests.support.databases import OWN_POSTGRES  # noqa: E402

OWN_VALKEY = "HOLDFAST_TEST_VALKEY_IS_OURS"

pytest_plugins = ["tests.support.plugin"]


def _start_services() -> None:
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        if os.environ.get(OWN_VALKEY):
            del os.environ["REDIS_URL"]
        else:
            # A server of the person's own: at least the keys are kept apart.
            address, _, _ = os.environ["REDIS_URL"].rpartition("/")
            os.environ["REDIS_URL"] = f"{address}/{1 + int(worker.removeprefix('gw'))}"
    elif not os.environ.get("REDIS_URL"):
        os.environ[OWN_VALKEY] = "1"
    if not os.environ.get("DATABASE_URL"):
        os.environ[OWN_POSTGRES] = "1"
    services = EphemeralServices(os.environ)
    services.start()
    atexit.register(services.stop)


_start_services()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.test")

import django  # noqa: E402 - settings can be read only from here on
import pytest  # noqa: E402

django.setup()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the settings module from the workers of pytest-xdist until their own services run.

    A worker that inherits the variable reads the settings before it comes to this file, and would use the
    controller's Valkey beside a live site that uses the worker's.
    """
    if getattr(config.option, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
