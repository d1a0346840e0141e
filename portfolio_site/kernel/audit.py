"""The ground floor: who is behind a change. The audit triggers of the database read this from the connection.

pghistory's own middleware puts its context in front of every statement, which PostgreSQL refuses for statements
with server-side parameters. Here it is set once, by a statement of its own, and taken away again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from asgiref.local import Local
from django.db import connection

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
R = TypeVar("R", bound="HttpResponseBase")

_SET = "SELECT set_config('pghistory.context_id', %s, false), set_config('pghistory.context_metadata', %s, false)"

_state = Local()


def _write(identity: str, metadata: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET, [identity, metadata])


def add_audit_context(**facts: Any) -> None:
    """Add JSON-able facts (`user=3`) to the context of the current `audit_context`; does nothing outside one."""
    current: dict[str, Any] | None = getattr(_state, "facts", None)
    if current is None or facts.items() <= current.items():
        return
    current.update(facts)
    _write(_state.identity, json.dumps(current, default=str))


@contextmanager
def audit_context(**facts: Any) -> Iterator[None]:
    """Let every audited change inside carry these JSON-able facts: `user`, `ip`, `request_id`, `url`, `task`.

    Belongs around transactions, not inside one: a rollback would take the context back. A context inside another
    adds its facts to the outer one.
    """
    if getattr(_state, "facts", None) is not None:
        add_audit_context(**facts)
        yield
        return
    _state.facts = dict(facts)
    _state.identity = str(uuid.uuid4())
    _write(_state.identity, json.dumps(facts, default=str))
    try:
        yield
    finally:
        _state.facts = None
        # A connection that broke meanwhile took the context with it.
        if connection.connection is not None and not connection.connection.closed:
            _forget()


def audited(view: Callable[Concatenate[HttpRequest, P], R]) -> Callable[Concatenate[HttpRequest, P], R]:
    """For a page that writes to an audited table although it is only read (a download): sets the context.

    The facts are `request.audit_facts()`, which the middleware provides; what changes things has the context anyway.
    """

    @wraps(view)
    def with_context(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> R:
        facts: Callable[[], dict[str, Any]] = getattr(request, "audit_facts", dict)
        with audit_context(**facts()):
            return view(request, *args, **kwargs)

    return with_context


def _forget() -> None:
    if connection.in_atomic_block and connection.needs_rollback:
        return
    _write("", "")
