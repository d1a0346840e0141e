"""Accounts: the API's part about who is asking: preferences, tokens, signing in by program."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import operations, queries
from accounts.api_serializers import (
    IssuedTokenSerializer,
    MeSerializer,
    NewTokenSerializer,
    SignInSerializer,
    TokenSerializer,
)
from accounts.authentication import ApiTokenAuthentication
from accounts.models import ApiToken, User
from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.problems import ProblemSerializer
from portfolio_site.kernel.api.throttling import LoginThrottle


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _method(view: APIView) -> str | None:
    """The method of the request; None while the schema is made, when there is none."""
    request: Request | None = getattr(view, "request", None)
    return request.method if request is not None else None


class BrowserSession(SessionAuthentication):
    """The site's own sign-in; an unknown visitor is answered 401."""

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Session"


class MeView(APIView):
    """The signed-in person."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_retrieve",
        summary="Who am I",
        description="The signed-in person, their preferences and roles.",
        responses={200: MeSerializer, 401: ProblemSerializer},
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        """The signed-in person."""
        return Response(MeSerializer(_person(request)).data)

    @extend_schema(
        operation_id="me_update",
        summary="Change preferences",
        description="Change some preferences. Fields that are not sent stay as they are.",
        request=MeSerializer,
        responses={200: MeSerializer, 400: ProblemSerializer, 401: ProblemSerializer},
        tags=["me"],
    )
    def patch(self, request: Request) -> Response:
        """Change some preferences."""
        user = _person(request)
        serializer = MeSerializer(user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        operations.update_preferences(user=user, **serializer.validated_data)
        return Response(MeSerializer(user).data)


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ApiToken]):
    """The person's API tokens. Only the site's own sign-in may use this: a token cannot make tokens."""

    authentication_classes = (BrowserSession,)
    permission_classes = (IsAuthenticated,)
    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()
    lookup_value_converter = "int"

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Say why a program that did sign in gets nowhere here."""
        if "Authorization" in request.headers:
            raise NotAuthenticated(
                "A program cannot see or make API keys: sign in to the site, under Settings → API tokens."
            )
        super().permission_denied(request, message=message, code=code)

    def get_queryset(self) -> QuerySet[ApiToken]:
        """The person's own tokens."""
        return queries.tokens_for(self.request.user)

    def get_serializer_context(self) -> dict[str, Any]:
        """Let a token say whether it is live now."""
        return {**super().get_serializer_context(), "now": clock.now()}

    @extend_schema(
        summary="Make a token",
        description="The key is in this answer and nowhere else. `Idempotency-Key` is not taken here, as the first "
        "answer would have to be stored together with the key.",
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer, 400: ProblemSerializer, 401: ProblemSerializer},
        tags=["tokens"],
    )
    def create(self, request: Request) -> Response:
        """Make a token and answer with its key."""
        serializer = NewTokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        issued = operations.create_token(
            user=_person(request),
            name=data["name"],
            access=ApiToken.Access(data["access"]),
            expires_at=data["expires_at"],
            allowed_networks=data["allowed_networks"],
            now=clock.now(),
            origin=origin_of(request._request),
        )
        return _issued(issued, context=self.get_serializer_context())

    @extend_schema(
        summary="Revoke a token",
        description="The key opens nothing from this moment. Revoking again changes nothing.",
        responses={204: None, 401: ProblemSerializer, 404: ProblemSerializer},
        tags=["tokens"],
    )
    def destroy(self, request: Request, pk: int) -> Response:
        """Revoke a token."""
        operations.revoke_token(
            user=_person(request), token_id=pk, now=clock.now(), origin=origin_of(request._request)
        )
        return Response(status=204)


class SignInView(APIView):
    """Signing in by program."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes: tuple[Any, ...] = (AllowAny,)
    throttle_classes = (LoginThrottle,)
    throttle_scope = "login"

    def get_authenticators(self) -> list[Any]:
        """Signing in needs nobody yet; signing out needs the token that is to end."""
        return [ApiTokenAuthentication()] if _method(self) == "DELETE" else []

    def get_permissions(self) -> list[Any]:
        """Anybody may try to sign in."""
        return [IsAuthenticated()] if _method(self) == "DELETE" else [AllowAny()]

    @extend_schema(
        operation_id="auth_token_create",
        summary="Sign in",
        description=(
            "Exchange e-mail address and password (and, where a second factor is set up, its current `code`) for a "
            "token that lives 30 days. It ends earlier when the password changes or the token is revoked. "
            "Wrong passwords count against the limits of the sign-in page: 5 in five minutes for an address."
        ),
        request=SignInSerializer,
        responses={
            201: IssuedTokenSerializer,
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
        tags=["tokens"],
    )
    def post(self, request: Request) -> Response:
        """Sign in and get a token."""
        serializer = SignInSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data, now = serializer.validated_data, clock.now()
        issued = operations.sign_in_by_password(
            request=request._request,
            email=data["email"],
            password=data["password"],
            code=data["code"],
            token_name=data["name"],
            now=now,
            origin=origin_of(request._request),
        )
        return _issued(issued, context={"now": now})

    @extend_schema(
        operation_id="auth_token_destroy",
        summary="Sign out",
        description="Revoke the token that this request is signed with.",
        request=None,
        responses={204: None, 401: ProblemSerializer},
        tags=["tokens"],
    )
    def delete(self, request: Request) -> Response:
        """Revoke the token in use."""
        token = request.auth
        assert isinstance(token, ApiToken)
        operations.revoke_token(
            user=_person(request), token_id=token.pk, now=clock.now(), origin=origin_of(request._request)
        )
        return Response(status=204)


def _issued(issued: operations.IssuedToken, *, context: dict[str, Any]) -> Response:
    body = {"key": issued.key, "token": TokenSerializer(issued.token, context=context).data}
    return Response(body, status=201, headers={"Cache-Control": "no-store"})
