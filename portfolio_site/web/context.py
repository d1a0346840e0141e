"""The front hall: what every template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return names and switches of the site for the base template; no query is made here."""
    return {
        "site_name": "Holdfast",
        "demo_site": settings.DEMO,
        "signup_open": settings.SIGNUP_OPEN,
        "simulated_prices": settings.SIMULATED_PRICES,
        "csp_nonce": getattr(request, "csp_nonce", ""),
    }
