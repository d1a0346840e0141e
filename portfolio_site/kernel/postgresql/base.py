"""The ground floor: a kept connection is looked at before a request uses it, without asking the server.

Django's health check (`CONN_HEALTH_CHECKS`) sends a statement before the first one of each request. A server that goes
away says so on the socket, and so does one that ends a session: as long as there is nothing to read, nothing was said.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection to PostgreSQL."""

    def is_usable(self) -> bool:
        """Whether statements may be sent. Asks the server only after an error, or when the socket has something to say."""
        if self.connection is None:
            return False
        link = self.connection
        if self.errors_occurred or link.closed or link.info.transaction_status != TransactionStatus.IDLE:
            return bool(super().is_usable())
        poll = select.poll()
        poll.register(link.fileno(), select.POLLIN)
        return bool(super().is_usable()) if poll.poll(0) else True
