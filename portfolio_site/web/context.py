"""The front hall: what every template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from marketdata.queries import simulation_extent

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return names and switches of the site for the base template; what needs a look elsewhere is looked up when shown."""
    return {
        "site_name": "Holdfast",
        "demo_site": settings.DEMO,
        "signup_open": settings.SIGNUP_OPEN,
        # "all", "some" or "".
        "simulated_prices": SimpleLazyObject(lambda: simulation_extent().replace("none", "")),
        "csp_nonce": getattr(request, "csp_nonce", ""),
    }
