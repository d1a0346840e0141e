"""The frame: the API's description: schema, Swagger UI and Redoc, and the live socket's, all served by the site itself."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from portfolio_site.web import live_docs

_open = {"permission_classes": [AllowAny], "authentication_classes": []}

urlpatterns = [
    path("events/", live_docs.events, name="api-events"),
    path("asyncapi.yaml", live_docs.asyncapi, name="api-asyncapi"),
    path("schema/", SpectacularAPIView.as_view(**_open), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema", **_open), name="api-docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="api-schema", **_open), name="api-redoc"),
]
