"""The front hall: the theme and privacy switches of the header, and the help page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from accounts.operations import preferences
from portfolio_site.kernel.display import PRIVACY_COOKIE, THEME_COOKIE, THEMES

if TYPE_CHECKING:
    from django.http import HttpRequest

_YEAR = 365 * 24 * 3600


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme or privacy mode: with the account of who is signed in, in a cookie for a visitor.

    Answers 204 to the page's own script and goes back to where the form was otherwise.
    """
    changes: dict[str, Any] = {}
    theme = request.POST.get("theme")
    if theme in THEMES:
        changes["theme"] = theme
    hidden = request.POST.get("hide_amounts")
    if hidden in {"on", "off"}:
        changes["hide_amounts"] = hidden == "on"
    response: HttpResponse
    if request.headers.get("X-Requested-With") == "fetch":
        response = HttpResponse(status=204)
    else:
        target = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(
            target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
        response = HttpResponseRedirect(target if safe else "/")
    if request.user.is_authenticated:
        if changes:
            preferences.update_preferences(user=request.user, **changes)
        return response
    kept = {"max_age": _YEAR, "samesite": "Lax", "secure": request.is_secure(), "httponly": True}
    if "theme" in changes:
        response.set_cookie(THEME_COOKIE, changes["theme"], **kept)
    if "hide_amounts" in changes:
        response.set_cookie(PRIVACY_COOKIE, "on" if changes["hide_amounts"] else "off", **kept)
    return response


@require_GET
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain first steps, figures and keys; open to visitors."""
    return render(request, "web/help.html")
