"""Opening a paper account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import fingerprint_of, once
from trading import operations
from trading.forms import PaperAccountForm
from trading.web.common import person
from trading.web.drafts import asked_again, said_of, typed_in

#: What is offered beside the person's own base currency.
CURRENCIES = ["USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD"]


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def open_account(request: HttpRequest) -> HttpResponse:
    """Ask for a name and play money, and open the account once however often the form is sent."""
    user = person(request)
    currencies = list(dict.fromkeys(["USD", user.base_currency, *CURRENCIES]))
    form = PaperAccountForm(typed_in(request), currencies=currencies)
    if request.method == "GET" or not form.is_valid():
        return asked_again(request, form, "trading/open_account.html", {})
    data = form.cleaned_data

    def do() -> tuple[int, dict[str, int]]:
        portfolio_id = operations.open_paper_account(
            owner=user,
            name=data["name"],
            cash=data["cash"],
            currency=data["currency"],
            multiplier=int(data["multiplier"]),
            now=clock.now(),
        )
        return 201, {"portfolio_id": portfolio_id}

    try:
        answer = once(
            key=data["form_token"],
            user=user,
            route="trading.open_account",
            fingerprint=fingerprint_of(
                {name: str(data[name]) for name in ("name", "cash", "currency", "multiplier")}
            ),
            do=do,
        )
    except DomainError as refusal:
        field = {"starting_cash": "cash", "base_currency": "currency"}.get(
            refusal.field or "", refusal.field or ""
        )
        said = said_of(refusal, field=field)
        return asked_again(request, form, "trading/open_account.html", {}, said)
    messages.success(request, "Your paper account is open. Prices may be simulated; the money always is.")
    return redirect("trading:account_page", answer.body["portfolio_id"])
