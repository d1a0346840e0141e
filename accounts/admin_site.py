"""Accounts: the administration pages stand behind the site's own sign-in and, for staff, a second factor."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from accounts import queries
from accounts.models import User


def second_factor_required() -> bool:
    """Whether staff need a second factor: as set, else everywhere but in debugging and on a demo site."""
    chosen: bool | None = settings.STAFF_SECOND_FACTOR
    return not (settings.DEBUG or settings.DEMO) if chosen is None else chosen


class _ShownLookups:
    """Addresses of lists name columns and filters of the page, and nothing else.

    Django lets an address narrow a list by any column of its table. Who may look at a list could then find out what it does
    not show, letter by letter: the key of somebody's session, the hash of a password, the digest of an API key.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether an address may narrow the list by this."""
        page: Any = self
        filters = page.list_filter if request is None else page.get_list_filter(request)
        columns = page.list_display if request is None else page.get_list_display(request)
        named = [entry[0] if isinstance(entry, list | tuple) else entry for entry in filters]
        # Filters that are none of a column have a name of their own.
        named += [getattr(entry, "parameter_name", None) for entry in filters]
        shown = [
            name
            for name in ("id", "pk", page.date_hierarchy, *columns, *named)
            if name and isinstance(name, str)
        ]
        known = any(lookup == name or lookup.startswith(f"{name}__") for name in shown)
        return known and bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]


class HoldfastAdminSite(AdminSite):
    """Django's admin with our sign-in, our second factor and our name."""

    site_header = "Holdfast administration"
    site_title = "Holdfast administration"
    index_title = "Administration"
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """As Django's, but lists are narrowed by what is shown alone (`_ShownLookups`), whatever the room says of them."""
        chosen = admin_class or ModelAdmin
        guarded = type(chosen.__name__, (_ShownLookups, chosen), {"__module__": chosen.__module__})
        super().register(model_or_iterable, guarded, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff, with a second factor where one is required; auditors only to look."""
        user = request.user
        if not isinstance(user, User) or not (user.is_active and user.is_staff):
            return False
        return not second_factor_required() or queries.has_second_factor(user)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send strangers to the site's sign-in and staff without a second factor to where it is set up."""
        target = self._target(request)
        user = request.user
        if not isinstance(user, User):
            return redirect_to_login(target, resolve_url(settings.LOGIN_URL))
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if not user.is_staff:
            raise PermissionDenied("Your account may not open the administration pages.")
        messages.warning(request, "The administration pages need a second factor. Set one up first.")
        return HttpResponseRedirect(reverse("mfa_index"))

    @method_decorator(never_cache)
    def logout(  # type: ignore[override]  # a redirect needs no template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Log out where the rest of the site does."""
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(  # type: ignore[override]  # a redirect needs no template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change one's own password where the rest of the site does."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def get_urls(self) -> list[Any]:
        """All that was registered, and a page for each audit table that no room registered itself."""
        from accounts.admin.audit import register_other_rooms

        register_other_rooms(self)
        return super().get_urls()

    def _target(self, request: HttpRequest) -> str:
        wanted = request.GET.get("next", "")
        here = {request.get_host()}
        if wanted and url_has_allowed_host_and_scheme(wanted, here, require_https=request.is_secure()):
            return wanted
        return reverse("admin:index", current_app=self.name)
