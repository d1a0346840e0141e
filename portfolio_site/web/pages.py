"""The front hall: home page for visitors, dashboard for those who are in, help."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portfolio_site.kernel import clock
from portfolio_site.web.dashboard import DEFAULT_RANGE, chart_of, dashboard_for

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_LOOPBACK = {"127.0.0.1", "::1"}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is to a visitor, and the desk to a person who is signed in."""
    if request.user.is_authenticated:
        context = dashboard_for(
            request.user,
            now=clock.now(),
            range_code=request.GET.get("range", DEFAULT_RANGE),
            with_table=request.GET.get("table") == "1",
        )
        return render(request, "web/dashboard.html", context)
    return render(request, "web/home.html", {"demo_logins": _demo_logins(request)})


@require_safe
@login_required
def value_chart(request: HttpRequest) -> HttpResponse:
    """Answer the combined value chart of the person's tracked portfolios as JSON."""
    code = request.GET.get("range", DEFAULT_RANGE)
    return JsonResponse(chart_of(request.user, now=clock.now(), range_code=code))


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain first steps, figures and keys; open to visitors."""
    return render(request, "web/help.html")


def _demo_logins(request: HttpRequest) -> list[dict[str, Any]]:
    """The demo logins, for a browser on the demo's own machine and for nobody else."""
    direct = request.META.get("REMOTE_ADDR") in _LOOPBACK and "HTTP_X_FORWARDED_FOR" not in request.META
    path = settings.BASE_DIR / ".local" / "demo-logins.json"
    if not (settings.DEMO and direct and path.is_file()):
        return []
    logins: list[dict[str, Any]] = json.loads(path.read_text())
    return logins
