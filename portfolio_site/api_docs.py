"""The frame: the API's description: schema, Swagger UI and Redoc, all served by the site itself."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

_open = {"permission_classes": [AllowAny], "authentication_classes": []}

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(**_open), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema", **_open), name="api-docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="api-schema", **_open), name="api-redoc"),
]
