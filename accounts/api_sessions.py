"""Accounts: the API's doors for programs: register, sign in, refresh, sign out (`/api/auth/…`)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import get_authorization_header
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import operations
from accounts.api_serializers import (
    CredentialsSerializer,
    LoginSerializer,
    LogoutSerializer,
    ProgramTokensSerializer,
    RefreshSerializer,
    RegistrationSerializer,
)
from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.throttling import LoginThrottle


class _Door(APIView):
    """Open to everybody; limited for each address."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = (AllowAny,)
    throttle_classes = (LoginThrottle,)
    throttle_scope = "login"


def _answer(data: Any, *, status: int) -> Response:
    return Response(data, status=status, headers={"Cache-Control": "no-store"})


class RegisterView(_Door):
    """Signing up by program."""

    @extend_schema(
        operation_id="auth_register",
        summary="Register",
        description="Make an account. Where the site asks for confirmed addresses, a mail is sent, the tokens are "
        "null, and a taken address gets the same answer as a free one.",
        request=CredentialsSerializer,
        responses={
            201: RegistrationSerializer,
            400: OpenApiResponse(ProblemSerializer, description="An address or password that will not do."),
            403: OpenApiResponse(ProblemSerializer, description="`signup_closed`."),
            429: OpenApiResponse(ProblemSerializer, description="`throttled`."),
        },
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Make an account and, where that is allowed, sign in."""
        serializer = CredentialsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = operations.register_by_password(request=request._request, **serializer.validated_data)
        tokens = made.tokens
        return _answer(
            {
                "email": made.email,
                "verification_required": tokens is None,
                "access_token": tokens and tokens.access_token,
                "refresh_token": tokens and tokens.refresh_token,
                "token_type": "Bearer",
                "expires_in": tokens and tokens.expires_in,
            },
            status=201,
        )


class LoginView(_Door):
    """Signing in by program."""

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        description="Exchange e-mail address and password (and, where a second factor is set up, its current `code`) "
        "for a JWT that lives minutes and a token to refresh it. Signing out or changing the password ends both.",
        request=LoginSerializer,
        responses={
            200: ProgramTokensSerializer,
            400: ProblemSerializer,
            401: OpenApiResponse(
                ProblemSerializer,
                description="`invalid_credentials`, `second_factor_required` or `second_factor_refused`.",
            ),
            403: OpenApiResponse(
                ProblemSerializer, description="`account_suspended`, `email_not_verified` or `passkey_only`."
            ),
            429: OpenApiResponse(ProblemSerializer, description="`too_many_attempts` or `throttled`."),
        },
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Sign in."""
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        tokens = operations.open_program_session(
            request=request._request,
            **serializer.validated_data,
            now=clock.now(),
            origin=origin_of(request._request),
        )
        return _answer(ProgramTokensSerializer(tokens).data | {"token_type": "Bearer"}, status=200)


class RefreshView(_Door):
    """New tokens for old."""

    @extend_schema(
        operation_id="auth_refresh",
        summary="Refresh",
        description="Exchange a refresh token for a new pair. It works once.",
        request=RefreshSerializer,
        responses={
            200: ProgramTokensSerializer,
            400: ProblemSerializer,
            401: ProblemSerializer,
            429: ProblemSerializer,
        },
        auth=[],
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Refresh the tokens."""
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        tokens = operations.refresh_program_session(**serializer.validated_data)
        return _answer(ProgramTokensSerializer(tokens).data | {"token_type": "Bearer"}, status=200)


class LogoutView(_Door):
    """Signing out by program."""

    @extend_schema(
        operation_id="auth_logout",
        summary="Sign out",
        description="End the session behind the access token in the header, or behind `refresh_token`. Doing it again "
        "changes nothing.",
        request=LogoutSerializer,
        responses={204: None, 400: ProblemSerializer, 429: ProblemSerializer},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """End the session."""
        serializer = LogoutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        kind, _, credential = get_authorization_header(request).decode("ascii", "replace").partition(" ")
        operations.end_program_session(
            access_token=credential.strip() if kind.lower() == "bearer" else "",
            refresh_token=serializer.validated_data["refresh_token"],
            now=clock.now(),
        )
        return Response(status=204)
