"""The front hall: what every template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from marketdata.queries import simulated_prices_in_use

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return names and switches of the site for the base template; what needs a look elsewhere is looked up when shown."""
    return {
        "site_name": "Holdfast",
        "demo_site": settings.DEMO,
        "signup_open": settings.SIGNUP_OPEN,
        "simulated_prices": SimpleLazyObject(simulated_prices_in_use),
        "csp_nonce": getattr(request, "csp_nonce", ""),
    }
