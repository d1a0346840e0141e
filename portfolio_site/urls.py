"""The frame: the map of the site. Each room mounts its own pages and its own part of the API."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portfolio_site.api_root import api_v1_patterns
from portfolio_site.web import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include((api_v1_patterns(), "api"))),
    path("api/", include("portfolio_site.api_docs")),
]

# Rooms are mounted as they are finished.
for room in ("accounts", "marketdata", "holdings", "trading", "reports", "documents", "notifications"):
    if find_spec(f"{room}.urls"):
        urlpatterns.append(path("", include(f"{room}.urls")))
if find_spec("portfolio_site.web.urls"):
    urlpatterns.append(path("", include("portfolio_site.web.urls")))

handler400 = "django.views.defaults.bad_request"
handler404 = "django.views.defaults.page_not_found"
if settings.DEBUG:
    urlpatterns += []
