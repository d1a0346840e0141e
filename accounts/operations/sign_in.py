"""Accounts: signing in by program. The same doors as the sign-in page: same limits, same second factor, same silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import ApiToken, SecurityEvent, User
from accounts.operations.security import record
from accounts.operations.tokens import IssuedToken, create_token
from accounts.origin import NOWHERE, Origin
from accounts.queries import has_second_factor, has_verified_email
from portfolio_site.kernel.errors import DomainError, ForbiddenError

#: How long a token lives that was got by signing in.
SIGN_IN_LIFETIME = timedelta(days=30)


class SignInRefused(DomainError):
    """Address and password do not belong together; which of the two is wrong is not said."""

    code = "invalid_credentials"
    status = 401


class SecondFactorRequired(DomainError):
    """The password is right; a code is needed as well."""

    code = "second_factor_required"
    status = 401


class SecondFactorRefused(DomainError):
    """The code is wrong, used or too old."""

    code = "second_factor_refused"
    status = 401


class TooManyAttempts(DomainError):
    """Too many wrong passwords or codes in a short time."""

    code = "too_many_attempts"
    status = 429


class AccountSuspended(ForbiddenError):
    """The password is right, but the person is kept out."""

    code = "account_suspended"


class EmailNotVerified(ForbiddenError):
    """The person has not shown yet that the address is theirs."""

    code = "email_not_verified"


def sign_in_by_password(
    *,
    request: HttpRequest,
    email: str,
    password: str,
    code: str = "",
    token_name: str = "",
    now: datetime,
    origin: Origin = NOWHERE,
) -> IssuedToken:
    """Exchange address, password and, where one is set up, a second factor for a token of 30 days.

    `code` is a current code of the authenticator app or an unused recovery code. Attempts count against the limits of
    the sign-in page. Raises one of the errors above.
    """
    user = check_credentials(request=request, email=email, password=password, code=code)
    issued = create_token(
        user=user,
        name=token_name.strip() or "Signed in by API",
        kind=ApiToken.Kind.SIGN_IN,
        expires_at=now + SIGN_IN_LIFETIME,
        now=now,
        origin=origin,
    )
    record(
        user_id=user.pk,
        kind=SecurityEvent.Kind.SIGNED_IN,
        now=now,
        actor_id=user.pk,
        detail=f"by API, token {issued.token.prefix}…",
        origin=origin,
    )
    return issued


def check_credentials(*, request: HttpRequest, email: str, password: str, code: str = "") -> User:
    """The person whom address, password and second factor let in. Raises one of the errors above."""
    user = _check_password(request, email, password)
    if not user.is_active:
        raise AccountSuspended("This account is suspended. Ask the administrators.")
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" and not has_verified_email(user):
        raise EmailNotVerified(
            "Confirm your e-mail address first: sign in on the site to get the mail again."
        )
    if has_second_factor(user):
        _check_code(user, code)
    return user


def _check_password(request: HttpRequest, email: str, password: str) -> User:
    try:
        user = get_adapter(request).authenticate(request, email=email.strip().lower(), password=password)
    except ValidationError as error:
        raise TooManyAttempts("Too many failed sign-ins. Try again in a few minutes.") from error
    if not isinstance(user, User):
        raise SignInRefused("The e-mail address or the password is not right.")
    return user


def _check_code(user: User, code: str) -> None:
    typed = Authenticator.objects.filter(user_id=user.pk).exclude(type=Authenticator.Type.WEBAUTHN)
    if not typed.exists():
        raise ForbiddenError(
            "This account signs in with a passkey. Make an API token in its settings instead.",
            code="passkey_only",
        )
    if not code.strip():
        raise SecondFactorRequired("Send the code of your authenticator app as well.", field="code")
    form = AuthenticateForm({"code": code.strip()}, user=user)
    if form.is_valid():
        form.authenticator.record_usage()
        return
    if form.has_error("code", "too_many_login_attempts"):
        raise TooManyAttempts("Too many wrong codes. Try again in a few minutes.")
    raise SecondFactorRefused("The code is not right.", field="code")
