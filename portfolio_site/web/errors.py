"""The front hall: error pages that need more than a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form was too old or came from elsewhere, and that nothing was changed."""
    message = "This form had expired or did not come from this site. Nothing was changed: go back, reload, send again."
    return render(request, "403.html", {"error_message": message}, status=403)
