"""Accounts: sessions of programs: a password is exchanged for a short-lived JWT and a token to refresh it.

Behind both stands an ordinary session of the site, listed with the person's others: ending it there, logging out,
or changing the password ends the JWTs at once, because every one is checked against its session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from allauth.account.internal.flows.signup import complete_signup
from allauth.core import context
from allauth.headless import app_settings
from allauth.headless.account.inputs import SignupInput
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy
from allauth.headless.tokens.strategies.jwt.internal import (
    get_token_session,
    validate_access_token,
    validate_refresh_token,
)
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage import default_storage
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from accounts.models import SecurityEvent, User
from accounts.operations.security import record
from accounts.operations.sign_in import check_credentials
from accounts.origin import NOWHERE, Origin
from portfolio_site.kernel.errors import DomainError, ForbiddenError

BACKEND = "accounts.backends.Backend"


class SignUpClosed(ForbiddenError):
    """Only administrators make accounts on this site."""

    code = "signup_closed"


class SignUpRefused(DomainError):
    """The address or the password will not do; `errors` are sentences by field."""

    code = "invalid"
    status = 400

    def __init__(self, errors: dict[str, list[str]]) -> None:
        field = next(iter(errors))
        super().__init__(errors[field][0], field=field)
        self.errors = errors


class RefreshRefused(DomainError):
    """The refresh token was used already, is too old, or its session has ended."""

    code = "refresh_token_invalid"
    status = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTokens:
    """What a program signs in with; `expires_in` are the seconds that the access token lives."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A sign-up by program. `tokens` is None where the address has to be confirmed first."""

    email: str
    tokens: ProgramTokens | None


def register_by_password(*, request: HttpRequest, email: str, password: str) -> Registration:
    """Make a trader as the sign-up page does: same checks, same mail, same silence about taken addresses.

    Raises `SignUpClosed` and `SignUpRefused`.
    """
    if not settings.SIGNUP_OPEN:
        raise SignUpClosed("This site makes no accounts for strangers. Ask its administrators.")
    inner = _inner(request)
    with context.request_context(inner):
        form = SignupInput({"email": email, "password": password})
        if not form.is_valid():
            raise SignUpRefused({name: [str(e) for e in errors] for name, errors in form.errors.items()})
        user, _answer = form.try_save(inner)
        if user is not None:
            complete_signup(inner, user=user)
    signed_in = isinstance(inner.user, User)
    return Registration(email=email.strip().lower(), tokens=_tokens(inner) if signed_in else None)


def open_program_session(
    *,
    request: HttpRequest,
    email: str,
    password: str,
    code: str = "",
    now: datetime,
    origin: Origin = NOWHERE,
) -> ProgramTokens:
    """Exchange address, password and second factor for tokens. Raises what `check_credentials` raises."""
    user = check_credentials(request=request, email=email, password=password, code=code)
    inner = _inner(request)
    login(inner, user, backend=BACKEND)
    UserSession.objects.create_from_request(inner)
    record(
        user_id=user.pk,
        kind=SecurityEvent.Kind.SIGNED_IN,
        now=now,
        actor_id=user.pk,
        detail="by API",
        origin=origin,
    )
    return _tokens(inner)


def refresh_program_session(*, refresh_token: str) -> ProgramTokens:
    """Exchange a refresh token for new tokens; it works once. Raises `RefreshRefused`."""
    found = validate_refresh_token(refresh_token)
    with transaction.atomic():
        # Two programs with one token: the second waits here, and finds it used.
        key = found[1].session_key if found else None
        list(Session.objects.select_for_update().filter(session_key=key))
        pair = JWTTokenStrategy().refresh_token(refresh_token)
    if pair is None:
        raise RefreshRefused("This refresh token was used, is expired or its session has ended.")
    return ProgramTokens(
        access_token=pair[0], refresh_token=pair[1], expires_in=app_settings.JWT_ACCESS_TOKEN_EXPIRES_IN
    )


def end_program_session(*, access_token: str = "", refresh_token: str = "", now: datetime) -> bool:
    """Sign a program out: its session and all its tokens end. False when there was nothing to end."""
    if access_token:
        found = validate_access_token(access_token)
        session = get_token_session(found[1]) if found else None
    else:
        state = validate_refresh_token(refresh_token)
        session = state[1] if state else None
    if session is None or session.session_key is None:
        return False
    user_id = session.get("_auth_user_id")
    UserSession.objects.filter(session_key=session.session_key).delete()
    session.flush()
    record(user_id=int(user_id), kind=SecurityEvent.Kind.SIGNED_OUT, now=now, actor_id=int(user_id))
    return True


def user_of_access_token(token: str) -> tuple[User, dict[str, Any]] | None:
    """The person and the claims of a live access token; None when it is forged, expired or its session is over."""
    found = validate_access_token(token)
    if found is None or not isinstance(found[0], User) or not found[0].is_active:
        return None
    return found[0], found[1]


def _inner(request: HttpRequest) -> HttpRequest:
    """A request with a session of its own, so that the browser's session and cookies stay as they are."""
    inner = HttpRequest()
    inner.method, inner.path, inner.META = "POST", request.path, dict(request.META)
    inner.session = import_module(settings.SESSION_ENGINE).SessionStore()
    inner.session.set_expiry(app_settings.JWT_REFRESH_TOKEN_EXPIRES_IN)
    inner.user = AnonymousUser()
    inner._messages = default_storage(inner)  # type: ignore[attr-defined]
    return inner


def _tokens(inner: HttpRequest) -> ProgramTokens:
    if not inner.session.session_key:
        inner.session.save()
    payload = JWTTokenStrategy().create_access_token_payload(inner)
    assert payload is not None
    inner.session.save()
    return ProgramTokens(
        access_token=payload["access_token"],
        refresh_token=payload["refresh_token"],
        expires_in=int(payload.get("expires_in") or app_settings.JWT_ACCESS_TOKEN_EXPIRES_IN),
    )
