"""Accounts: where a request came from, as far as the security log and the audit trail are concerned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The address, program and request behind an action. All empty for a command or a task."""

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""


NOWHERE = Origin()
