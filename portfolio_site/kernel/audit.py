"""The ground floor: who is behind a change. The audit triggers of the database read this from the connection.

pghistory's own middleware puts its context in front of every statement, which PostgreSQL refuses for statements
with server-side parameters. Here it is set once, by a statement of its own, and taken away again; where all that changes is
changed under one lock, the statement that takes the lock tells it along (`audit_context(deferred=True)`).
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

from portfolio_site.kernel.statements import Statement

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

P = ParamSpec("P")
R = TypeVar("R", bound="HttpResponseBase")

_SET = Statement(
    "SELECT set_config('pghistory.context_id', %(identity)s, false), "
    "set_config('pghistory.context_metadata', %(metadata)s, false)"
)
#: To select along where a transaction begins, with the values of `untold_context`: it holds until the transaction ends.
TELL_CONTEXT = (
    "set_config('pghistory.context_id', %(audit_identity)s, true), "
    "set_config('pghistory.context_metadata', %(audit_metadata)s, true)"
)

_state = Local()


def _write(identity: str, metadata: str) -> None:
    _SET.run({"identity": identity, "metadata": metadata})


def add_audit_context(**facts: Any) -> None:
    """Add JSON-able facts (`user=3`) to the context of the current `audit_context`; does nothing outside one."""
    current: dict[str, Any] | None = getattr(_state, "facts", None)
    if current is None or facts.items() <= current.items():
        return
    current.update(facts)
    _tell()


def _tell() -> None:
    _state.is_told = True
    _write(_state.identity, json.dumps(_state.facts, default=str))


def untold_context() -> dict[str, str] | None:
    """The values that `TELL_CONTEXT` takes, where a context is waiting to be told; else None."""
    facts: dict[str, Any] | None = getattr(_state, "facts", None)
    if facts is None or _state.is_told:
        return None
    return {"audit_identity": _state.identity, "audit_metadata": json.dumps(facts, default=str)}


@contextmanager
def audit_context(*, deferred: bool = False, **facts: Any) -> Iterator[None]:
    """Let every audited change inside carry these JSON-able facts: `user`, `ip`, `request_id`, `url`, `task`.

    Belongs around transactions, not inside one: a rollback would take the context back. A context inside another
    adds its facts to the outer one.

    With `deferred` nothing is asked of the database here: each transaction inside that changes what is audited tells the
    context itself, by `TELL_CONTEXT` (locking a portfolio does). Facts added meanwhile are told at once.
    """
    if getattr(_state, "facts", None) is not None:
        add_audit_context(**facts)
        yield
        return
    _state.facts = dict(facts)
    _state.identity = str(uuid.uuid4())
    _state.is_told = False
    if not deferred:
        _tell()
    try:
        yield
    finally:
        _state.facts = None
        # A connection that broke meanwhile took the context with it.
        if _state.is_told and connection.connection is not None and not connection.connection.closed:
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
