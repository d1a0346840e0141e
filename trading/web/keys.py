"""The key pairs of a paper account: which there are, making one, revoking one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import fingerprint_of, once
from trading import operations, queries
from trading.forms_keys import ApiKeyForm
from trading.web.common import can_trade, own_portfolio, person
from trading.web.drafts import Said, asked_again, said_of, typed_in

_MOST_ENDED = 20


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The account's keys, and the form for another; its secret is on the answer to that form and nowhere else."""
    portfolio = own_portfolio(request, portfolio_id)
    if not can_trade(portfolio):
        status = 200 if request.method == "GET" else 422
        return render(request, "trading/not_tradable.html", {"portfolio": portfolio}, status=status)
    form = ApiKeyForm(typed_in(request))
    issued: operations.IssuedKey | None = None
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        try:
            issued = _issue(request, portfolio_id, form)
        except DomainError as error:
            said = said_of(error)
        else:
            if issued is None:
                messages.info(request, "This key was made already. Its secret was shown that one time only.")
                return redirect("trading:keys", portfolio_id)
    if issued is not None:
        form = ApiKeyForm()
    keys = queries.api_keys_of(person(request), portfolio_id)
    context = {
        "portfolio": portfolio,
        "account": queries.visible_account(person(request), portfolio_id),
        "issued": issued,
        "live": [key for key in keys if key.is_live],
        "ended": [key for key in keys if not key.is_live][:_MOST_ENDED],
        "base_url": f"{settings.SITE_URL}/alpaca",
    }
    if issued is not None:
        # The secret is shown in the answer to the form, and nowhere else.
        return render(request, "trading/keys.html", {**context, "form": form})
    return asked_again(request, form, "trading/keys.html", context, said)


@login_required
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, key_pk: int) -> HttpResponse:
    """Revoke a key; GET asks first, for browsers without script."""
    user = person(request)
    key = queries.visible_api_key(user, key_pk)
    if request.method == "GET":
        return render(request, "trading/revoke_key.html", {"key": key})
    operations.revoke_api_key(key_pk=key_pk, actor=user, now=clock.now(), origin=origin_of(request))
    messages.success(request, f"“{key.name}” no longer opens anything.")
    return redirect("trading:keys", key.portfolio_id)


def _issue(request: HttpRequest, portfolio_id: int, form: ApiKeyForm) -> operations.IssuedKey | None:
    """Make the key once for each time the form was shown; None when that was done before. The secret is not kept."""
    data, now, user = form.cleaned_data, clock.now(), person(request)
    made: list[operations.IssuedKey] = []

    def do() -> tuple[int, Any]:
        made.append(
            operations.create_api_key(
                portfolio_id=portfolio_id,
                actor=user,
                name=data["name"],
                rate_limit=data["rate_limit"],
                now=now,
                origin=origin_of(request),
            )
        )
        return 201, {"key": made[0].key.pk}

    wanted = fingerprint_of([portfolio_id, data["name"], data["rate_limit"]])
    once(key=data["form_token"], user=user, route="trading.keys", fingerprint=wanted, do=do)
    return made[0] if made else None
