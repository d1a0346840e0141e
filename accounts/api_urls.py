"""Accounts: its part of `/api/v1/`."""

from typing import Any

from django.urls import path

from accounts.api import MeView, SignInView, TokenViewSet

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("auth/token/", SignInView.as_view(), name="auth-token"),
]


def register(router: Any) -> None:
    """Put the tokens on the router."""
    router.register("tokens", TokenViewSet, basename="token")
