"""A miniature checkout: our scripts around the smallest site that needs all they start.

The launcher derives every path from where it lies, so a copy of it in a temporary folder is a checkout by itself.
Its `.venv` borrows the packages of the Python that runs the tests, so nothing is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import signal
import site
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

SETTINGS = """
import environ
env = environ.Env()
DATABASES = {"default": env.db()}
REDIS_URL = env.str("REDIS_URL")
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
ROOT_URLCONF = "portfolio_site.urls"
INSTALLED_APPS = [f"django.contrib.{name}" for name in ("contenttypes", "auth", "staticfiles")]
INSTALLED_APPS += ["portfolio_site"]
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = ".local/static"
STATICFILES_DIRS = ["static"]
"""
URLS = """
import os
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path
urlpatterns = [
    path("healthz", lambda request: HttpResponse("fine")),
    path("people", lambda request: HttpResponse(str(User.objects.count()))),
    path("crash", lambda request: os._exit(3)),
]
"""
ASGI = """
from django.core.asgi import get_asgi_application
application = get_asgi_application()
"""
CELERY = """
import os
from celery import Celery
app = Celery("portfolio_site", broker=os.environ["REDIS_URL"])
"""
MAKE_DEMO = """
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
class Command(BaseCommand):
    def handle(self, **options):
        User.objects.create(username="demo")
        self.stdout.write("log in as demo")
"""
FILES = {
    "portfolio_site/__init__.py": "from portfolio_site.celery import app as celery_app\n",
    "portfolio_site/settings/__init__.py": "",
    "portfolio_site/settings/dev.py": SETTINGS,
    "portfolio_site/urls.py": URLS,
    "portfolio_site/asgi.py": ASGI,
    "portfolio_site/celery.py": CELERY,
    "portfolio_site/management/__init__.py": "",
    "portfolio_site/management/commands/__init__.py": "",
    "portfolio_site/management/commands/make_demo.py": MAKE_DEMO,
    "static/site.css": "body {}\n",
    "requirements.txt": "# nothing\n",
}


def build(root: Path) -> None:
    """Lay the miniature checkout out in `root`."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(
        REPOSITORY / "script",
        root / "script",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    borrow_venv(root)


def borrow_venv(root: Path) -> None:
    """Make a `.venv` that sees the packages of this Python, with the stamp of a finished installation."""
    venv = root / ".venv"
    packages = venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (venv / "bin").mkdir()
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    (venv / "bin" / "python").symlink_to(base)
    (venv / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    borrowed = {sysconfig.get_path("purelib"), *site.getsitepackages()}
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    requirements = hashlib.sha256((root / "requirements.txt").read_bytes()).hexdigest()
    stamp = {"python": platform.python_version(), "requirements.txt": requirements}
    (venv / "holdfast-stamp.json").write_text(json.dumps(stamp))


def free_port() -> int:
    """Return a loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningSite:
    """A `script/server` under test and what it printed."""

    root: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        """Everything the script printed, over all its starts."""
        return self.root / "server.log"

    def start(self, **environ: str) -> None:
        """Start the script and return at once."""
        env = {
            name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "REDIS_"))
        }
        for name in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "HOST"):
            env.pop(name, None)
        env |= {"PORT": str(self.port), **environ}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [str(self.root / "script" / "server")],
                env=env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def get(self, path: str) -> str:
        """Fetch a page of the site."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def wait_until_up(self, patience: float = 60) -> float:
        """Wait until the script says that the site runs; return how long it took."""
        assert self.process is not None
        started = time.monotonic()
        seen_before = self.log.read_text().count("the site runs at") if self.log.exists() else 0
        while time.monotonic() - started < patience:
            if self.log.read_text().count("the site runs at") > seen_before:
                return time.monotonic() - started
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not up after {patience} s:\n{self.log.read_text()}")

    def wait_for_line(self, text: str, patience: float = 30) -> None:
        """Wait until the script has printed a text."""
        deadline = time.monotonic() + patience
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def members(self) -> list[int]:
        """Return the processes that belong to this checkout, by their command line or working folder."""
        found = []
        listing = subprocess.run(
            ["ps", "-ww", "-axo", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        for line in listing.splitlines():
            pid, _, command = line.strip().partition(" ")
            if str(self.root) in command or works_in(int(pid), self.root):
                found.append(int(pid))
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM, patience: float = 30) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=patience)


def works_in(pid: int, folder: Path) -> bool:
    """Say whether a process has its working folder in `folder` (seen on Linux only)."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False
