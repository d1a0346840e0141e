"""The bell: its pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from notifications import operations, queries
from notifications.forms import PreferencesForm
from portfolio_site.kernel import clock

PER_PAGE = 30


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The inbox, newest first; `?show=unread` for what is new."""
    return _inbox(request, "notifications/index.html")


@login_required
@require_GET
def entries(request: HttpRequest) -> HttpResponse:
    """The list alone, for a page that renews itself."""
    return _inbox(request, "notifications/partials/_list.html")


@login_required
@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """The bell of the page header, for a page that renews it."""
    return render(request, "partials/_bell.html")


@login_required
@require_GET
def open_entry(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Go to what an entry is about; it counts as read from then on."""
    entry = operations.mark_read(notification_id=notification_id, actor=request.user, now=clock.now())
    if url_has_allowed_host_and_scheme(entry.url, allowed_hosts=None):
        return redirect(entry.url)
    return redirect("notifications:index")


@login_required
@require_POST
def mark(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark one entry as read or, with `unread`, as not read."""
    if "unread" in request.POST:
        operations.mark_unread(notification_id=notification_id, actor=request.user)
    else:
        operations.mark_read(notification_id=notification_id, actor=request.user, now=clock.now())
    return _back(request)


@login_required
@require_POST
def mark_all(request: HttpRequest) -> HttpResponse:
    """Mark as read what the page showed and everything before it."""
    text = request.POST.get("up_to", "")
    up_to = int(text) if text.isdecimal() and len(text) < 19 else None
    operations.mark_all_read(actor=request.user, now=clock.now(), up_to=up_to)
    return _back(request)


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """What the person wants to hear of."""
    form = PreferencesForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        operations.set_preferences(actor=request.user, wanted=form.wanted())
        messages.success(request, "Your choice was saved.")
        return redirect("notifications:preferences")
    return render(request, "notifications/preferences.html", {"form": form})


def _inbox(request: HttpRequest, template: str) -> HttpResponse:
    unread_only = request.GET.get("show") == "unread"
    found = queries.inbox(request.user, unread_only=unread_only)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    newest = page.object_list[0].pk if page.object_list else None
    return render(request, template, {"page_obj": page, "unread_only": unread_only, "newest": newest})


def _back(request: HttpRequest) -> HttpResponse:
    if getattr(request, "htmx", False):
        return _inbox(request, "notifications/partials/_list.html")
    target = "/notifications/"
    if request.GET.get("show") == "unread":
        target += "?show=unread"
    return redirect(target)
