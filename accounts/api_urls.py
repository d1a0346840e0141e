"""Accounts: its part of `/api/v1/`."""

from typing import Any

from django.urls import path

from accounts.api import MeView, SignInView, TokenViewSet
from accounts.api_sessions import LoginView, LogoutView, RefreshView, RegisterView

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("auth/token/", SignInView.as_view(), name="auth-token"),
]


def register(router: Any) -> None:
    """Put the tokens on the router."""
    router.register("tokens", TokenViewSet, basename="token")


#: Mounted at `/api/` itself.
root_urlpatterns = [
    path("auth/register", RegisterView.as_view(), name="auth-register"),
    path("auth/login", LoginView.as_view(), name="auth-login"),
    path("auth/refresh", RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", LogoutView.as_view(), name="auth-logout"),
]
