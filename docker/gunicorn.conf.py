"""How gunicorn serves the pages and the API. Sockets go to daphne (see docker-compose.yml)."""

from __future__ import annotations

import os

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
# Heartbeats on a disk that is busy look like dead workers; memory is never that slow.
worker_tmp_dir = "/dev/shm"
timeout = 60
graceful_timeout = 20
# A worker that has grown is replaced; the jitter keeps them from leaving all at once.
max_requests = 5000
max_requests_jitter = 500
# Requests are logged by the site itself, with their id.
accesslog = None
control_socket_disable = True
