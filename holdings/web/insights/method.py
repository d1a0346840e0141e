"""Another cost-basis method: what it would change, before it does."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from holdings.models import CostBasisMethod
from holdings.operations import update_portfolio
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.methods import method_effects
from holdings.web.common import own_portfolio, person
from holdings.web.insights.common import page_context
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError


@login_required
@require_http_methods(["GET", "POST"])
def method(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Each method beside the present one; posting `method` applies it."""
    portfolio = own_portfolio(request, portfolio_id)
    problem = ""
    if request.method == "POST":
        chosen = request.POST.get("method", "")
        try:
            updated = update_portfolio(
                portfolio_id=portfolio.pk, actor=person(request), now=clock.now(), cost_basis_method=chosen
            )
        except DomainError as refusal:
            problem = refusal.message
        else:
            label = CostBasisMethod(updated.cost_basis_method).label
            messages.success(request, f"Gains are now worked out by “{label}”.")
            return HttpResponseRedirect(reverse("holdings:realised", args=[portfolio.pk]), status=303)
    lens = Lens(portfolio, now=clock.now())
    effects = method_effects(lens)
    return render(
        request,
        "holdings/insights/method.html",
        {
            **page_context(request, lens, current="realised", carries=()),
            "effects": effects,
            "present": next((row for row in effects if row.is_current), None),
            "problem": problem,
            "can_change": portfolio.archived_at is None,
        },
        status=422 if problem else 200,
    )
