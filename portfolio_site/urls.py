"""The frame: the map of the site. Each room mounts its own pages and its own part of the API."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from portfolio_site.api_root import api_root_patterns, api_v1_patterns
from portfolio_site.web import health

handler400 = "portfolio_site.web.errors.bad_request"
handler403 = "portfolio_site.web.errors.permission_denied"
handler404 = "portfolio_site.web.errors.page_not_found"
handler500 = "portfolio_site.web.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include((api_v1_patterns(), "api"))),
    path("api/", include("portfolio_site.api_docs")),
    path("api/", include((api_root_patterns(), "api-root"))),
]

ROOMS = (
    "portfolio_site.web",
    "accounts",
    "marketdata",
    "holdings",
    "trading",
    "reports",
    "documents",
    "notifications",
)
urlpatterns += [path("", include(f"{room}.urls")) for room in ROOMS]
