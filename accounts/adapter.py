"""Accounts: where allauth asks how this site wants it."""

from __future__ import annotations

import base64
import hashlib
from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.signup import prevent_enumeration
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.httpkit import clean_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import operations
from accounts.models import SecurityEvent, User
from accounts.requests import origin_of
from portfolio_site.kernel import clock

SITE_NAME = "Holdfast"


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up makes traders, mails speak of Holdfast, and refused sign-ins are written down."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address before the trusted proxies. Where fewer of them wrote into `X-Forwarded-For` than are trusted, each
        that did is one of them, and the first names the client: the request came in behind the outermost."""
        try:
            ip: str = super().get_client_ip(request)
        except ImproperlyConfigured:
            first: str | None = clean_client_ip(request.headers["X-Forwarded-For"].split(",")[0])
            if first is None:
                raise PermissionDenied("Unable to determine client IP address") from None
            return first
        return ip

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether strangers may make accounts here (`SIGNUP_OPEN`)."""
        return bool(settings.SIGNUP_OPEN)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Store a new user with the trader role, in one transaction.

        Two sign-ups with one address at the same moment: the later gets the answer that a taken address gets.
        """
        if not commit:
            unsaved: User = super().save_user(request, user, form, commit=False)
            return unsaved
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit=True)
                operations.welcome_user(user=saved, now=clock.now(), origin=origin_of(request))
        except IntegrityError as error:
            email = form.cleaned_data.get("email", "")
            raise ImmediateHttpResponse(prevent_enumeration(request, email=email)) from error
        return saved

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write a refused password into the log of the person it was tried on, if there is one."""
        user = User.objects.filter(email=str(credentials.get("email", ""))).only("pk").first()
        if user is not None:
            operations.record(
                user_id=user.pk,
                kind=SecurityEvent.Kind.SIGN_IN_FAILED,
                now=clock.now(),
                origin=origin_of(request),
            )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that calls the site by its name rather than by its address."""
        request = self._request()
        domain = request.get_host() if request else ""
        super().send_mail(
            template_prefix,
            email,
            {"current_site": SimpleNamespace(name=SITE_NAME, domain=domain), **context},
        )

    @staticmethod
    def _request() -> HttpRequest | None:
        request: HttpRequest | None = context.request
        return request


class MfaAdapter(DefaultMFAAdapter):
    """Second factors: their secrets lie encrypted in the database, under a key made from `SECRET_KEY`."""

    def encrypt(self, text: str) -> str:
        """Encrypt a TOTP secret or recovery seed for storage."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Read back what `encrypt` made, also under an earlier `SECRET_KEY` kept in `SECRET_KEY_FALLBACKS`."""
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return SITE_NAME


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(str(secret))) for secret in secrets])


def _key(secret: str) -> bytes:
    digest = hashlib.sha256(b"holdfast.accounts.second-factors:" + secret.encode()).digest()
    return base64.urlsafe_b64encode(digest)
