"""Tell the container engine whether this container does its work: `healthcheck.py web|live|worker|events|beat|stream|brokers`."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

BEAT_PATIENCE_SECONDS = 600
STREAM_PATIENCE_SECONDS = 60


def site() -> bool:
    """Ask the web server in this container for its health page, under a name that it answers to."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".*") or "localhost"
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=8)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def worker() -> bool:
    """Send the worker of this container a ping through the queue."""
    name = f"celery@{socket.gethostname()}"
    command = ["celery", "-A", "portfolio_site", "inspect", "ping", "--destination", name, "--timeout", "8"]
    return (
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def beat() -> bool:
    """Look whether any entry of the timetable ran lately; beat writes that down every few minutes."""
    sys.path.insert(0, str(Path.cwd()))
    import django

    django.setup()
    from datetime import timedelta

    from django.utils import timezone
    from django_celery_beat.models import PeriodicTask

    since = timezone.now() - timedelta(seconds=BEAT_PATIENCE_SECONDS)
    ran: bool = PeriodicTask.objects.filter(last_run_at__gte=since).exists()
    return ran


def stream() -> bool:
    """Look whether the streams of quotes go on: the process touches a file while they do."""
    return touched_lately(Path("/tmp/stream"))


def brokers() -> bool:
    """Look whether accounts at brokers are followed: the process touches a file while it looks after them."""
    return touched_lately(Path("/tmp/brokers"))


def events() -> bool:
    """Look whether events are delivered: the process touches a file when it has looked into the outbox."""
    return touched_lately(Path("/tmp/events"))


def touched_lately(file: Path) -> bool:
    """Say whether a file was written a short while ago."""
    try:
        touched = file.stat().st_mtime
    except OSError:
        return False
    return time.time() - touched < STREAM_PATIENCE_SECONDS


CHECKS = {
    "web": site,
    "live": site,
    "worker": worker,
    "events": events,
    "beat": beat,
    "stream": stream,
    "brokers": brokers,
}

if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]]() else 1)
