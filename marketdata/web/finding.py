"""Pages of market data: searching beyond the list, with the providers, and adding what they found."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from marketdata import operations
from marketdata.domain.wording import provider_title
from portfolio_site.kernel.errors import DomainError, ForbiddenError


@login_required
@require_GET
def beyond(request: HttpRequest) -> HttpResponse:
    """What providers find that is not in the list: a page, a part for htmx, or JSON for the combobox."""
    text = " ".join(request.GET.get("q", "").split())[:100]
    findings = operations.search_providers(user=request.user, text=text)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(
            {"results": [_result(finding, text) for finding in findings.found], "note": _note(findings)}
        )
    context = {
        "text": text,
        "findings": [_row(finding) for finding in findings.found],
        "note": _note(findings),
        "may_add": not getattr(request.user, "is_read_only", False),
    }
    part = bool(getattr(request, "htmx", False))
    return render(
        request, "marketdata/finding/_found.html" if part else "marketdata/finding/page.html", context
    )


@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put what a provider found into the list: to its page, or as JSON to the combobox."""
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        added = operations.add_found_instrument(
            actor=request.user,
            provider=request.POST.get("provider", "")[:20],
            provider_symbol=request.POST.get("provider_symbol", "")[:100],
            text=request.POST.get("q", "")[:100],
        )
    except ForbiddenError:
        raise
    except DomainError as error:
        if wants_json:
            return JsonResponse({"message": error.message}, status=error.status)
        messages.error(request, error.message)
        return HttpResponseRedirect(
            reverse("marketdata:beyond", query={"q": request.POST.get("q", "")[:100]})
        )
    if wants_json:
        return JsonResponse({"value": added.pk, "label": added.symbol})
    return HttpResponseRedirect(reverse("marketdata:detail", args=[added.pk]))


def _result(finding: operations.Finding, text: str) -> dict[str, Any]:
    """One suggestion for the combobox. `add` says what to post so that it can be chosen."""
    hit, known = finding.hit, finding.instrument
    detail = [hit.name, hit.exchange, hit.currency]
    if known is not None:
        return {
            "value": known.pk,
            "label": known.symbol,
            "detail": " · ".join(part for part in (known.name, known.exchange, known.currency) if part),
        }
    detail.append(f"from {provider_title(hit.provider)}: add")
    return {
        "label": hit.symbol,
        "detail": " · ".join(part for part in detail if part),
        "add": {
            "url": reverse("marketdata:add"),
            "fields": {"provider": hit.provider, "provider_symbol": hit.provider_symbol, "q": text},
        },
    }


def _row(finding: operations.Finding) -> dict[str, Any]:
    return {
        "hit": finding.hit,
        "instrument": finding.instrument,
        "provider": provider_title(finding.hit.provider),
    }


def _note(findings: operations.Findings) -> str:
    """Who was asked, and who could not answer."""
    answered = [provider_title(name) for name in findings.asked if name not in findings.failed]
    failed = [provider_title(name) for name in findings.failed]
    if failed and not answered:
        return f"{' and '.join(failed)} cannot be reached just now."
    if failed:
        return f"Found by {' and '.join(answered)}; {' and '.join(failed)} cannot be reached just now."
    return f"Found by {' and '.join(answered)}." if answered and findings.found else ""
