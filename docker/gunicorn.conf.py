"""How gunicorn serves the pages and the API. Sockets go to daphne (see docker-compose.yml)."""

from __future__ import annotations

import gc
import os
from typing import Any

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
# Programs keep their connection for the next request; it costs a new one half as much again. Two threads, so that a request that
# waits for the disk leaves the processor to another; more of them only contend for the interpreter.
worker_class = "gthread"
threads = 2
# Longer than a proxy keeps one (Caddy: two minutes): who closes first must be the one who sends.
keepalive = 150
# Heartbeats on a disk that is busy look like dead workers; memory is never that slow.
worker_tmp_dir = "/dev/shm"
# With threads this ends a worker that hangs as a whole, not a single request that takes long.
timeout = 60
graceful_timeout = 20
# Read once and forked: a new worker serves at once, shares what it never changes, and costs a moment, not seconds.
preload_app = True
# A worker that has grown is replaced; the jitter keeps them from leaving all at once.
max_requests = 20_000
max_requests_jitter = 5_000
# Requests are logged by the site itself, with their id.
accesslog = None
control_socket_disable = True


def when_ready(_server: Any) -> None:
    """Finish reading before the first worker is forked, and take all of it out of the collector's rounds."""
    from django.db import connections
    from django.urls import get_resolver

    # Reads every table of addresses, and so every view.
    _ = get_resolver().reverse_dict, get_resolver("trading.wire.urls").url_patterns
    # None was opened. A connection in two processes would mix up their answers.
    connections.close_all()
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """Collect less often: most of a request's objects are gone with it, and what was read before is frozen."""
    gc.set_threshold(5_000, 20, 20)
