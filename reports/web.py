"""The print shop: its pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from holdings.queries import portfolios_for
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import KeyReused, fingerprint_of, once
from reports import operations, queries
from reports.forms import ReportForm
from reports.registry import KINDS, why_off

PER_PAGE = 20


@login_required
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The form and the person's reports; a POST asks for one."""
    user: Any = request.user
    now = clock.now()
    portfolios = portfolios_for(user, now=now)
    form = ReportForm(
        request.POST or None,
        initial=_asked_for(request),
        portfolios=portfolios,
        own_currency=user.base_currency,
        today=clock.day_in(user.time_zone, now),
    )
    if request.method == "POST" and form.is_valid():
        wanted = {
            name: value for name, value in form.cleaned_data.items() if name not in ("form_token", "period")
        }

        def do() -> tuple[int, Any]:
            job = operations.request_report(
                actor=user,
                portfolio_id=wanted["portfolio"],
                kind=wanted["kind"],
                format=wanted["format"],
                period_from=wanted["period_from"],
                period_to=wanted["period_to"],
                currency=wanted["currency"],
                now=now,
            )
            return 201, {"id": str(job.pk)}

        try:
            once(
                key=form.cleaned_data["form_token"],
                user=user,
                route="reports.index",
                fingerprint=fingerprint_of(wanted),
                do=do,
            )
        except KeyReused:
            form.refuse_reuse()
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, "Your report is being made. It appears below and in your documents.")
            return redirect("reports:index")
    context = {
        "form": form,
        "has_portfolios": bool(portfolios),
        "kinds": list(KINDS.values()),
        "pdf_off": why_off("pdf"),
        **_jobs(request),
    }
    return render(request, "reports/index.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """The list alone, for a page that renews itself."""
    return render(request, "reports/partials/_jobs.html", _jobs(request))


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Ask (without JavaScript), then throw the report and its file away."""
    if request.method == "POST":
        operations.delete_report(job_id=job_id, actor=request.user, now=clock.now())
        messages.success(request, "The report was deleted.")
        return redirect("reports:index")
    return render(request, "reports/delete.html", {"job": queries.visible_report(request.user, job_id)})


def _jobs(request: HttpRequest) -> dict[str, Any]:
    page = Paginator(queries.reports_for(request.user), PER_PAGE).get_page(request.GET.get("page"))
    return {"page_obj": page, "is_busy": any(job.state in ("queued", "running") for job in page.object_list)}


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    """What a link to this page chose beforehand (``?portfolio=3&kind=transaction_history``)."""
    return {
        name: request.GET[name] for name in ("portfolio", "kind", "format", "period") if name in request.GET
    }
