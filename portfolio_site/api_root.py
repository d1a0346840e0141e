"""The frame: the API's table of contents. Each room registers its viewsets on one router."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver
from rest_framework.routers import APIRootView, DefaultRouter

ROOMS = ("accounts", "marketdata", "documents", "holdings", "trading", "reports", "notifications")


class ContentsView(APIRootView):
    """The lists of the API, each with its address."""

    name = "API"


class ApiRouter(DefaultRouter):
    """The router of `/api/v1/`; its root lists what there is.

    Addresses are made of path converters, so that an id which is none is a 404 and never comes to a view.
    """

    include_format_suffixes = False
    APIRootView = ContentsView


def api_root_patterns() -> list[URLPattern | URLResolver]:
    """Return the URL patterns directly below `/api/`: the doors that stay where they are through all versions."""
    found: list[URLPattern | URLResolver] = []
    for room in ROOMS:
        if find_spec(f"{room}.api_urls") is not None:
            found += getattr(import_module(f"{room}.api_urls"), "root_urlpatterns", [])
    return found


def api_v1_patterns() -> list[URLPattern | URLResolver]:
    """Return the URL patterns below `/api/v1/`: viewsets by router, single views beside them."""
    router = ApiRouter(use_regex_path=False)
    extra: list[URLPattern | URLResolver] = []
    for room in ROOMS:
        if find_spec(f"{room}.api_urls") is None:
            continue
        module = import_module(f"{room}.api_urls")
        module.register(router)
        extra += getattr(module, "urlpatterns", [])
    return [*extra, *router.urls]
