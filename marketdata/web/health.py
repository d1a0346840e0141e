"""Pages of market data: how prices are doing: what is old or missing, why, and what would help."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketdata import operations, queries
from marketdata.domain.troubles import provider_label
from marketdata.forms import SourceForm
from marketdata.models import Instrument
from marketdata.queries.health import (
    RUNS_PROVIDERS,
    SEES_PROVIDERS,
    person_health,
    provider_views,
    troubled_instruments,
)
from marketdata.web.common import may_change
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

#: The most entries about past prices.
PAST: Final = 20


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The state of one's prices; for who runs the site, of all, and of the providers."""
    now = clock.now()
    mine = person_health(request.user, now=now)
    context: dict[str, Any] = {
        "mine": mine,
        "now": now,
        "may_act": not getattr(request.user, "is_read_only", False),
        "can_retry": any(problem.may_retry for problem in mine.problems),
    }
    context |= _real_prices(mine.ids)
    sees_all = request.user.has_perm(SEES_PROVIDERS)
    concerned = None if sees_all else mine.ids
    context |= {
        "gaps": queries.gaps_for(request.user, instrument_ids=concerned, limit=PAST),
        "restatements": queries.restatements_for(request.user, instrument_ids=concerned, limit=PAST),
    }
    if sees_all:
        limits = operations.limits_by_provider()
        count, others = troubled_instruments(user=request.user, now=now)
        own = {problem.instrument.pk for problem in mine.problems}
        context |= {
            "providers": provider_views(limits, limits=limits, now=now),
            "troubled_count": count,
            "troubled": [problem for problem in others if problem.instrument.pk not in own],
            "may_reset": request.user.has_perm(RUNS_PROVIDERS),
            "is_staff_view": True,
        }
    return render(request, "marketdata/health/index.html", context)


def _real_prices(ids: Collection[int]) -> dict[str, Any]:
    """How far the site has got from simulated to real prices, and what of a person's own has to stay."""
    real = queries.real_prices()
    unreachable = tuple((provider_label(name), why) for name, why in real.unreachable)
    made_up = Instrument.objects.shared().active().filter(pk__in=list(ids), provider="simulated")
    mine = {one.pk: one for one in made_up.order_by("symbol_key")} if real.simulated else {}
    used = operations.used_at_simulated_prices(list(mine))
    return {
        "real": replace(real, unreachable=unreachable),
        "bound": [(one, used[pk]) for pk, one in mine.items() if pk in used],
    }


@login_required
@require_POST
def retry_all(request: HttpRequest) -> HttpResponse:
    """Have the sources asked again for everything of one's own list where that can help."""
    may_change(request)
    mine = person_health(request.user, now=clock.now())
    ids = [problem.instrument.pk for problem in mine.problems if problem.may_retry]
    count = operations.retry_quotes(instrument_ids=ids, actor=request.user, now=clock.now())
    return _asked(request, count)


@login_required
@require_POST
def retry(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Have the sources of one instrument asked again."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    return _asked(
        request,
        operations.retry_quotes(instrument_ids=[instrument.pk], actor=request.user, now=clock.now()),
    )


@login_required
@require_POST
def confirm(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Believe a price that is held."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    return _decided(
        request,
        lambda: operations.confirm_held_quote(
            instrument_id=instrument.pk, actor=request.user, now=clock.now()
        ),
        f"The new price of {instrument.symbol} counts from now on.",
    )


@login_required
@require_POST
def dismiss(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Do not believe a price that is held."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    return _decided(
        request,
        lambda: operations.dismiss_held_quote(
            instrument_id=instrument.pk, actor=request.user, now=clock.now()
        ),
        f"{instrument.symbol} keeps the price it had.",
    )


@login_required
@require_http_methods(["GET", "POST"])
def source(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Choose who gives the prices of an instrument of one's own."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    if instrument.owner_id != request.user.pk:
        raise Http404
    choices = [
        (name, "By hand" if name == "manual" else provider_label(name))
        for name in operations.sources_to_choose_from()
    ]
    if request.method == "GET":
        form = SourceForm(
            choices=choices,
            initial={
                "provider": instrument.provider,
                "provider_symbol": instrument.provider_symbols.get(instrument.provider, ""),
            },
        )
        return render(request, "marketdata/health/source.html", {"instrument": instrument, "form": form})
    form = SourceForm(request.POST, choices=choices)
    if form.is_valid():
        try:
            operations.choose_source(
                instrument_id=instrument.pk, actor=request.user, now=clock.now(), **form.cleaned_data
            )
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            label = dict(choices)[form.cleaned_data["provider"]]
            told = (
                f"The prices of {instrument.symbol} are kept by hand now."
                if form.cleaned_data["provider"] == "manual"
                else f"The prices of {instrument.symbol} come from {label} now. The first one is on its way."
            )
            messages.success(request, told)
            return HttpResponseRedirect(reverse("marketdata:health"))
    return render(
        request, "marketdata/health/source.html", {"instrument": instrument, "form": form}, status=422
    )


@login_required
@require_POST
def reset_provider(request: HttpRequest) -> HttpResponse:
    """Let a provider be asked again at once: for who runs the site."""
    if not request.user.has_perm(RUNS_PROVIDERS):
        raise Http404
    name = request.POST.get("provider", "")
    if name not in operations.limits_by_provider():
        raise Http404
    operations.reset_provider(provider=name, actor=request.user, now=clock.now())
    messages.success(request, f"{provider_label(name)} is asked again from now on.")
    return HttpResponseRedirect(reverse("marketdata:health"))


def _asked(request: HttpRequest, count: int) -> HttpResponse:
    if count:
        messages.info(request, "The sources are being asked. Look again in a moment.")
    else:
        messages.info(request, "There is nothing that asking again would mend.")
    return HttpResponseRedirect(reverse("marketdata:health"))


def _decided(request: HttpRequest, decide: Any, told: str) -> HttpResponse:
    try:
        decide()
    except DomainError as error:
        if error.status in (403, 404):
            raise
        messages.warning(request, error.message)
    else:
        messages.success(request, told)
    return HttpResponseRedirect(reverse("marketdata:health"))
