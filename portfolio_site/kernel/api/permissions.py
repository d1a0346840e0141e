"""API: signed in, and auditors read only."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission


class IsAuthenticatedAndMayWrite(BasePermission):
    """Everybody signed in may read what is visible to them; who is read-only (auditor) may not change anything.

    A view whose POST only reads says so by `write_scope = "read"`.
    """

    message = "Your role may look at this but not change it."
    code = "read_only"

    def has_permission(self, request: Any, view: Any) -> bool:
        """Say whether this request may go on to the view."""
        user = request.user
        if not (user and user.is_authenticated):
            return False
        reads = request.method in SAFE_METHODS or getattr(view, "write_scope", "") == "read"
        return reads or not getattr(user, "is_read_only", False)
