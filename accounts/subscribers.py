"""Accounts: allauth tells by signal what happened; here it is written into the security log. Nothing is decided here."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from django.contrib.auth.signals import user_logged_out

from accounts import operations
from accounts.models import SecurityEvent, User
from accounts.requests import origin_of
from portfolio_site.kernel import clock

Kind = SecurityEvent.Kind


def _write(kind: Kind, *, request: Any, user: Any, detail: str = "") -> None:
    if not isinstance(user, User):
        return
    actor = getattr(request, "user", None)
    operations.record(
        user_id=user.pk,
        kind=kind,
        now=clock.now(),
        actor_id=actor.pk if isinstance(actor, User) else None,
        detail=detail,
        origin=origin_of(request),
    )


def _signed_in(*, request: Any, user: Any, **_: Any) -> None:
    from allauth.account.internal.flows.login import get_authentication_records

    methods = [
        str(entry.get("type") or entry.get("method")) for entry in get_authentication_records(request, user)
    ]
    words = {
        "password": "password",
        "totp": "authenticator app",
        "webauthn": "passkey",
        "recovery_codes": "recovery code",
    }
    _write(Kind.SIGNED_IN, request=request, user=user, detail=", ".join(words.get(m, m) for m in methods))


def _signed_out(*, request: Any, user: Any, **_: Any) -> None:
    _write(Kind.SIGNED_OUT, request=request, user=user)


def _password_changed(*, request: Any, user: Any, **_: Any) -> None:
    _write(Kind.PASSWORD_CHANGED, request=request, user=user)


def _password_reset(*, request: Any, user: Any, **_: Any) -> None:
    _write(Kind.PASSWORD_RESET, request=request, user=user)


def _email_confirmed(*, request: Any, email_address: Any, **_: Any) -> None:
    _write(Kind.EMAIL_CONFIRMED, request=request, user=email_address.user, detail=email_address.email)


def _email_changed(*, request: Any, user: Any, to_email_address: Any, **_: Any) -> None:
    _write(Kind.EMAIL_CHANGED, request=request, user=user, detail=to_email_address.email)


def _factor_added(*, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    _write(Kind.FACTOR_ADDED, request=request, user=user, detail=authenticator.get_type_display())


def _factor_removed(*, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    _write(Kind.FACTOR_REMOVED, request=request, user=user, detail=authenticator.get_type_display())


def _codes_renewed(*, request: Any, user: Any, **_: Any) -> None:
    _write(Kind.CODES_RENEWED, request=request, user=user)


def _code_refused(*, request: Any, user: Any, **_: Any) -> None:
    _write(Kind.CODE_REFUSED, request=request, user=user)


def register() -> None:
    """Connect the log to allauth; called once when the site starts."""
    for signal, receiver in (
        (account_signals.user_logged_in, _signed_in),
        (user_logged_out, _signed_out),
        (account_signals.password_changed, _password_changed),
        (account_signals.password_set, _password_changed),
        (account_signals.password_reset, _password_reset),
        (account_signals.email_confirmed, _email_confirmed),
        (account_signals.email_changed, _email_changed),
        (mfa_signals.authenticator_added, _factor_added),
        (mfa_signals.authenticator_removed, _factor_removed),
        (mfa_signals.authenticator_reset, _codes_renewed),
        (mfa_signals.authentication_failed, _code_refused),
    ):
        signal.connect(receiver, dispatch_uid=f"accounts.{receiver.__name__}.{id(signal)}", weak=False)
