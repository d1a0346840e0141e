"""Accounts: programs sign in with `Authorization: Token hf_…`."""

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
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import add_audit_context


class ApiTokenAuthentication(BaseAuthentication):
    """Signs a request in by API token. A key that is unknown, expired, revoked or a suspended person's gets 401."""

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The person and the token behind the request; None when it brings no token."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Send one header: Authorization: Token <key>.", code="token_malformed")
        now = clock.now()
        # A key is ASCII; anything else cannot be one, and must not become a different text by decoding.
        key = parts[1].decode("ascii", errors="replace")
        token = queries.token_for_key(key, now=now)
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.", code="token_invalid")
        if token.access == ApiToken.Access.READ and request.method not in SAFE_METHODS:
            raise PermissionDenied("This token may only read.", code="token_read_only")
        operations.note_token_use(token=token, now=now)
        add_audit_context(user=token.user_id, token=token.prefix)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return self.keyword


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

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


class BrowserSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The schema describes the session of a browser as it describes any other."""

    target_class = "accounts.api.BrowserSession"
    name = "browserSession"
