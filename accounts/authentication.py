"""Accounts: how programs sign in: with a key (`Authorization: Token hf_…`) or a short-lived JWT (`Bearer …`)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts import operations, queries
from accounts.models import ApiToken, User
from accounts.requests import client_ip
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import add_audit_context


def _credential(request: Request, *keywords: str) -> str | None:
    """What follows the keyword in the `Authorization` header; None when it brings another kind or none."""
    parts = get_authorization_header(request).split()
    if not parts or parts[0].decode("ascii", errors="replace").lower() not in keywords:
        return None
    if len(parts) != 2:
        raise AuthenticationFailed(
            f"Send one header: Authorization: {keywords[0].title()} <key>.", code="token_malformed"
        )
    # A key is ASCII; anything else cannot be one, and must not become a different text by decoding.
    return parts[1].decode("ascii", errors="replace")


class ApiTokenAuthentication(BaseAuthentication):
    """Signs a request in by API key. A key that is unknown, expired, revoked or a suspended person's gets 401.

    What the key may not do gets 403: a view names the right that its changes need in `write_scope` (`trade` or,
    where it says nothing, `admin`). `Bearer hf_…` is taken as well, for clients that know no other word.
    """

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The person and the token behind the request; None when it brings no token."""
        key = _credential(request, "token")
        if key is None:
            key = _credential(request, "bearer")
            if key is None or not key.startswith("hf_"):
                return None
        now = clock.now()
        token = queries.token_for_key(key, now=now)
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.", code="token_invalid")
        if not token.is_allowed_from(client_ip(request._request)):
            raise PermissionDenied("This token is not taken from this address.", code="token_address")
        self._check_scope(request, token)
        operations.note_token_use(token=token, now=now)
        add_audit_context(user=token.user_id, token=token.prefix)
        return token.user, token

    @staticmethod
    def _check_scope(request: Request, token: ApiToken) -> None:
        if request.method in SAFE_METHODS:
            return
        needed = getattr((request.parser_context or {}).get("view"), "write_scope", "admin")
        if needed in token.scopes:
            return
        if token.access == ApiToken.Access.READ:
            raise PermissionDenied("This token may only read.", code="token_read_only")
        raise PermissionDenied(f"This token lacks the right “{needed}”.", code="token_scope")

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return self.keyword


class JwtAuthentication(BaseAuthentication):
    """Signs a request in by a JWT of `POST /api/auth/login`: it lives minutes, and ends at once with its session."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, dict[str, Any]] | None:
        """The person and the claims behind the request; None when it brings no JWT."""
        token = _credential(request, "bearer")
        if token is None or token.startswith("hf_"):
            return None
        found = operations.user_of_access_token(token)
        if found is None:
            raise AuthenticationFailed(
                "This access token is expired or not one of ours. Refresh it or sign in again.",
                code="token_invalid",
            )
        add_audit_context(user=found[0].pk)
        return found

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return self.keyword


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the key."""

    target_class = "accounts.authentication.ApiTokenAuthentication"
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An OpenAPI security scheme object."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Token hf_…`. Make a token under Settings → API tokens, "
            "or by `POST /api/v1/auth/token/`.",
        }


class JwtScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the JWT."""

    target_class = "accounts.authentication.JwtAuthentication"
    name = "jwt"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An OpenAPI security scheme object."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`Authorization: Bearer …` with the access token of `POST /api/auth/login`.",
        }


class BrowserSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The schema describes the session of a browser as it describes any other."""

    target_class = "accounts.api.BrowserSession"
    name = "browserSession"
