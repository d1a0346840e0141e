"""The least that an answer of the REST API costs: a view of DRF that finds out who asks, and says it."""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from portfolio_site import urls


class FloorView(APIView):
    """Who asks."""

    def get(self, request: Any) -> Response:
        """Answer one number."""
        return Response({"user": request.user.pk})


def mount() -> None:
    """Add it to the site's addresses, in this process."""
    urls.urlpatterns.insert(0, path("api/v1/benchmark/floor/", FloorView.as_view()))
