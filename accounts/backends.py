"""Accounts: who signs in and who a session belongs to."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Group
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from accounts.models import User
from accounts.roles import Role


class Backend(AuthenticationBackend):
    """Signs people in as allauth does, and reads the person of a session together with their roles: every page asks
    for both."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the person with their roles, or None when they may not sign in. One statement."""
        names = Group.objects.filter(user=OuterRef("pk")).values("name")
        user = User.objects.annotate(_role_names=ArraySubquery(names)).filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        user.__dict__["roles"] = Role.among(user.__dict__.pop("_role_names"))
        return user
