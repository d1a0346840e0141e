"""The frame: the API's description: schema, Swagger UI and Redoc, and the live socket's, all served by the site itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from portfolio_site.web import live_docs


class DescriptionView(SpectacularAPIView):
    """The schema: the same for everybody, and so made once by each process; it takes a second or two."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """As YAML, or JSON where that is asked for."""
        renderer: Any = request.accepted_renderer
        return HttpResponse(
            _written(renderer.__class__),
            content_type=renderer.media_type,
            headers={"Content-Disposition": f'inline; filename="holdfast-api.{renderer.format}"'},
        )


@cache
def _written(renderer: Any) -> bytes:
    written: bytes = renderer().render(_schema(), renderer_context={})
    return written


@cache
def _schema() -> Any:
    made: Any = SchemaGenerator
    return made().get_schema(request=None, public=True)


_open = {"permission_classes": [AllowAny], "authentication_classes": []}

urlpatterns = [
    path("events/", live_docs.events, name="api-events"),
    path("asyncapi.yaml", live_docs.asyncapi, name="api-asyncapi"),
    path("schema/", DescriptionView.as_view(**_open), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema", **_open), name="api-docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="api-schema", **_open), name="api-redoc"),
]
