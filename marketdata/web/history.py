"""Pages of market data: the history of an instrument on its way, and past prices that a source tells otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketdata import operations, queries
from marketdata.models import Instrument
from marketdata.web.common import may_change
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError, ForbiddenError

#: Who opens a page sees to it that its history is here; whether it is, is looked at once in so many seconds.
_LOOKED_SECONDS = 300


def history_context(request: HttpRequest, instrument: Instrument) -> dict[str, Any]:
    """What the part of an instrument's page about its history shows; the first visit has the history fetched."""
    if cache.add(f"marketdata:history-wanted:{instrument.pk}", 1, timeout=_LOOKED_SECONDS):
        operations.request_history(instrument_id=instrument.pk, reason="opened", now=clock.now())
    return _shown(request, instrument)


def _shown(request: HttpRequest, instrument: Instrument) -> dict[str, Any]:
    gaps = queries.gaps_for(request.user, instrument_ids=[instrument.pk])
    return {
        "history_job": queries.history_job(instrument.pk),
        "history_gaps": gaps,
        "gap_days": sum(gap.days for gap in gaps),
        "restatements": queries.restatements_for(request.user, instrument_ids=[instrument.pk]),
        "may_ask": not getattr(request.user, "is_read_only", False),
    }


@login_required
@require_GET
def state(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """That part alone, asked for while a job runs; when it is over, the page is to be loaded anew."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    shown = _shown(request, instrument)
    response = render(request, "marketdata/partials/_history.html", {"instrument": instrument, **shown})
    job = shown["history_job"]
    if getattr(request, "htmx", False) and (job is None or job.state == "done"):
        response.headers["HX-Refresh"] = "true"
    return response


@login_required
@require_POST
def again(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Ask for the history once more: after a failure, or for days that are missing."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    job = operations.request_history(instrument_id=instrument.pk, reason="again", now=clock.now(), again=True)
    if job is None:
        messages.info(request, "Nobody who gives prices of this keeps a history.")
    return HttpResponseRedirect(reverse("marketdata:detail", args=[instrument.pk]), status=303)


@login_required
@require_http_methods(["GET", "POST"])
def restatement(request: HttpRequest, instrument_id: int, restatement_id: int) -> HttpResponse:
    """What is stored beside what the source says now, and the decision about it."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    found = queries.visible_restatement(request.user, restatement_id)
    if found is None or found.instrument_id != instrument.pk:
        raise Http404
    if request.method == "POST":
        return _decide(request, instrument, restatement_id)
    return render(
        request,
        "marketdata/restatement.html",
        {
            "instrument": instrument,
            "restatement": found,
            "days": queries.restated_days(found.id),
            "price_unit": "" if instrument.quote_unit == "percent" else instrument.currency,
            "may_decide": found.is_open and operations.may_decide(instrument, request.user),
        },
    )


def _decide(request: HttpRequest, instrument: Instrument, restatement_id: int) -> HttpResponse:
    decide = (
        operations.accept_restatement
        if request.POST.get("decision") == "accept"
        else operations.keep_against_restatement
    )
    try:
        decide(restatement_id=restatement_id, actor=request.user, now=clock.now())
    except ForbiddenError:
        raise
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            "The new prices are taken over; the old ones are kept on this page."
            if request.POST.get("decision") == "accept"
            else "The stored prices stay as they are.",
        )
    return HttpResponseRedirect(
        reverse("marketdata:restatement", args=[instrument.pk, restatement_id]), status=303
    )
