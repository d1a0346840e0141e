"""Accounts: the pages under `/settings/`. Signing in and what guards it are allauth's pages under `/accounts/`."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import operations, queries
from accounts.forms import CloseAccountForm, PreferencesForm, TokenForm
from accounts.models import ApiToken, Locale, Theme, User
from accounts.models.user import zone_or_utc
from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.display import PRIVACY_COOKIE, THEME_COOKIE
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.formatting import format_money, format_number, format_when
from portfolio_site.kernel.idempotency import KeyReused, fingerprint_of, once
from portfolio_site.kernel.money import is_currency

COOKIE_AGE = int(timedelta(days=365).total_seconds())


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The person's preferences."""
    return _preferences(request, template="accounts/profile.html", after=reverse("accounts:profile"))


@login_required
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """The same preferences, asked once after signing up."""
    return _preferences(request, template="accounts/welcome.html", after=reverse("web:home"))


def _preferences(request: HttpRequest, *, template: str, after: str) -> HttpResponse:
    user = _person(request)
    # A copy: a form writes what it was given into its instance before anybody has said that it is good.
    form = PreferencesForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        try:
            operations.update_preferences(user=user, **form.changes())
        except DomainError as error:
            form.add_error(error.field, error.message)
        else:
            messages.success(request, "Saved.")
            return redirect(after)
    context = {
        "form": form,
        "access": queries.access_summary(user, now=clock.now()),
        "preview": _samples(user.base_currency, user.locale, user.time_zone),
    }
    return render(request, template, context, status=422 if form.is_bound else 200)


@login_required
@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """How figures and times look with what is chosen in the form right now."""
    user = _person(request)
    currency = request.GET.get("base_currency", user.base_currency)
    locale = request.GET.get("locale", user.locale)
    samples = _samples(
        currency if is_currency(currency) else user.base_currency,
        locale if locale in Locale.values else user.locale,
        request.GET.get("time_zone", user.time_zone),
    )
    return render(request, "accounts/partials/_preview.html", {"preview": samples})


def _samples(currency: str, locale: str, time_zone: str) -> dict[str, str]:
    with timezone.override(zone_or_utc(time_zone)):
        now = clock.now()
        return {
            "amount": format_money(Decimal("1234567.89"), currency, locale=locale),
            "loss": format_money(Decimal("-98.7"), currency, locale=locale),
            "quantity": format_number(Decimal("1250.375"), locale=locale),
            "date": format_when(now, "date", locale=locale),
            "instant": format_when(now, "datetime", locale=locale),
        }


@require_POST
def display(request: HttpRequest) -> HttpResponse:
    """Switch theme (`theme=auto|light|dark`) or privacy mode (`hide_amounts=on|off`).

    Kept in the person's settings, and in a cookie, which is all there is for visitors. A script gets 204; a form without
    one is sent back to `next`.
    """
    changes: dict[str, Any] = {}
    theme, hidden = request.POST.get("theme"), request.POST.get("hide_amounts")
    if theme is not None:
        if theme not in Theme.values:
            return HttpResponse("theme is auto, light or dark", status=400, content_type="text/plain")
        changes["theme"] = theme
    if hidden is not None:
        if hidden not in {"on", "off"}:
            return HttpResponse("hide_amounts is on or off", status=400, content_type="text/plain")
        changes["hide_amounts"] = hidden == "on"
    if isinstance(request.user, User) and changes:
        operations.update_preferences(user=request.user, **changes)
    scripted = request.headers.get("X-Requested-With") or request.headers.get("HX-Request")
    response = HttpResponse(status=204) if scripted else HttpResponseRedirect(_safe_next(request))
    for cookie, value in ((THEME_COOKIE, theme), (PRIVACY_COOKIE, hidden)):
        if value is not None:
            response.set_cookie(cookie, value, max_age=COOKIE_AGE, samesite="Lax", secure=request.is_secure())
    return response


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if wanted and safe else reverse("web:home")


@login_required
@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """What guards the account and what happened to it."""
    user = _person(request)
    page = Paginator(queries.security_log(user), 50).get_page(request.GET.get("page"))
    context = {"access": queries.access_summary(user, now=clock.now()), "page_obj": page}
    return render(request, "accounts/security.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's API tokens, and the form for another; its key is on the answer to that form and nowhere else."""
    user, now = _person(request), clock.now()
    form = TokenForm(request.POST or None)
    issued: operations.IssuedToken | None = None
    if request.method == "POST" and form.is_valid():
        try:
            issued = _issue(request, user, form)
        except KeyReused:
            form.refuse_reuse()
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            if issued is None:
                messages.info(request, "This token was made already. Its key was shown that one time only.")
                return redirect("accounts:tokens")
            form = TokenForm()
    everything = list(queries.tokens_for(user))
    context = {
        "form": form,
        "issued": issued,
        "live": [token for token in everything if token.is_live(now)],
        "ended": [token for token in everything if not token.is_live(now)][:20],
    }
    return render(request, "accounts/tokens.html", context, status=422 if form.is_bound else 200)


def _issue(request: HttpRequest, user: User, form: TokenForm) -> operations.IssuedToken | None:
    """Make the token once for each time the form was shown; None when that was done before. The key is not kept."""
    now, data = clock.now(), form.cleaned_data
    made: list[operations.IssuedToken] = []

    def do() -> tuple[int, Any]:
        made.append(
            operations.create_token(
                user=user,
                name=data["name"],
                access=ApiToken.Access(data["access"]),
                expires_at=form.expires_at(now),
                allowed_networks=form.networks(),
                now=now,
                origin=origin_of(request),
            )
        )
        return 201, {"token": made[0].token.pk}

    wanted = fingerprint_of([data["name"], data["access"], data["expires"], data["allowed_networks"]])
    once(key=data["form_token"], user=user, route="accounts.tokens", fingerprint=wanted, do=do)
    return made[0] if made else None


@login_required
@require_http_methods(["GET", "POST"])
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke a token; GET asks first, for browsers without script."""
    user = _person(request)
    if request.method == "POST":
        token = operations.revoke_token(
            user=user, token_id=token_id, now=clock.now(), origin=origin_of(request)
        )
        messages.success(request, f"“{token.name}” no longer opens anything.")
        return redirect("accounts:tokens")
    token = queries.visible_token(user, token_id)
    return render(request, "accounts/revoke_token.html", {"token": token})


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True, app="allauth.account")  # type: ignore[untyped-decorator]
def export(request: HttpRequest) -> HttpResponse:
    """Everything this part of the site keeps about the person, as a JSON file."""
    user = _person(request)
    if request.method == "GET":
        return render(request, "accounts/export.html")
    operations.note_export(user=user, now=clock.now(), origin=origin_of(request))
    body = json.dumps(queries.personal_data(user), cls=DjangoJSONEncoder, indent=2)
    response = HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="holdfast-account.json"'
    return response


@login_required
@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True, app="allauth.account")  # type: ignore[untyped-decorator]
def close(request: HttpRequest) -> HttpResponse:
    """Close one's own account, after saying honestly what stays."""
    user = _person(request)
    form = CloseAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.close_account(
                user=user,
                typed_email=form.cleaned_data["typed_email"],
                erase=form.cleaned_data["how"] == "erase",
                now=clock.now(),
                origin=origin_of(request),
            )
        except DomainError as error:
            form.add_error(error.field, error.message)
        else:
            logout(request)
            messages.success(request, "Your account is closed. Good-bye.")
            return redirect("web:home")
    return render(request, "accounts/close.html", {"form": form}, status=422 if form.is_bound else 200)
