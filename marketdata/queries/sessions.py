"""Market data queries: the trading days of an exchange, past and to come. No statement."""

from __future__ import annotations

from datetime import date, datetime

from marketdata.domain.calendars import Session, session_after, session_at, sessions_between


def exchange_sessions(exchange: str, start: date, end: date) -> list[Session]:
    """Return the sessions of an exchange (MIC) from `start` to `end`, both included, oldest first, as far as
    holidays are announced. Empty for an exchange nobody keeps a calendar of."""
    return sessions_between(exchange, start, end)


def exchange_session_at(exchange: str, now: datetime) -> Session | None:
    """Return the session that `now` is in; None between sessions, in a break and without a calendar."""
    found = session_at(exchange, now)
    return found if found is not None and found.is_open(now) else None


def next_exchange_session(exchange: str, now: datetime) -> Session | None:
    """Return the first session that opens after `now`; None where no calendar knows."""
    return session_after(exchange, now)
