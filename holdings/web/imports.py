"""Importing: upload, preview, decide, undo; and the files that go out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from holdings import operations, queries
from holdings.forms import ImportForm, refuse, too_large_message
from holdings.models import ImportBatch
from holdings.models.imports import ImportState
from holdings.operations import ImportRefused, ImportUnknown, PaperJournalClosed
from holdings.web.common import done_once, may_write, own_portfolio, person, shown_portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

# What a multipart body has besides the file.
_ENVELOPE = 64 * 1024
_SHOWN_ROWS = 500

View = Callable[..., HttpResponseBase]


def refuses_large_uploads(view: View) -> View:
    """Answer 413 with the form and a message, before the body of a request that is too large is read at all."""
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest, portfolio_id: int) -> HttpResponseBase:
        try:
            size = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            size = 0
        if request.method == "POST" and size > settings.UPLOAD_MAX_BYTES + _ENVELOPE:
            if not request.user.is_authenticated:
                return HttpResponse(status=403)
            portfolio = own_portfolio(request, portfolio_id)
            return _upload_page(request, portfolio, ImportForm(), problem=too_large_message(size), status=413)
        return protected(request, portfolio_id)

    return checked


@refuses_large_uploads
@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Step one: choose a file. Below: what was imported before."""
    portfolio = own_portfolio(request, portfolio_id)
    if portfolio.is_traded:
        raise PaperJournalClosed
    form = ImportForm(request.POST or None, request.FILES or None)
    problems: list[dict[str, str]] = []
    more = 0
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]

        def do() -> str:
            batch = operations.upload_import(
                portfolio_id=portfolio.pk,
                filename=file.name,
                content=file.read(),
                actor=person(request),
                now=clock.now(),
            )
            return reverse("holdings:import_preview", args=[portfolio.pk, batch.pk])

        try:
            return done_once(request, form, route=f"holdings.import:{portfolio.pk}", do=do)
        except ImportRefused as refusal:
            refuse(form, refusal)
            problems = refusal.details["problems"]
            more = refusal.details["problem_count"] - len(problems)
        except DomainError as refusal:
            refuse(form, refusal)
    status = 422 if form.is_bound and form.errors else 200
    return _upload_page(request, portfolio, form, problems=problems, more=more, status=status)


def _upload_page(
    request: HttpRequest,
    portfolio: Any,
    form: ImportForm,
    *,
    problem: str = "",
    problems: list[dict[str, str]] | None = None,
    more: int = 0,
    status: int = 200,
) -> HttpResponse:
    earlier = (
        ImportBatch.objects.filter(portfolio=portfolio)
        .defer("content")
        .select_related("created_by")
        .order_by("-created_at")[:50]
    )
    return render(
        request,
        "holdings/import.html",
        {
            "portfolio": portfolio,
            "form": form,
            "problem": problem,
            "problems": problems or [],
            "more_problems": more,
            "batches": earlier,
            "most_megabytes": settings.UPLOAD_MAX_BYTES // (1024 * 1024),
        },
        status=status,
    )


@login_required
@require_GET
def preview(request: HttpRequest, portfolio_id: int, batch_id: int) -> HttpResponse:
    """Step two: what the import would do, row by row. For one that was decided: what it did."""
    portfolio = own_portfolio(request, portfolio_id)
    batch = _batch(portfolio, batch_id)
    outcome = None
    problem = ""
    if batch.state == ImportState.PREVIEW:
        try:
            outcome = operations.preview_import(batch_id=batch.pk, actor=person(request), now=clock.now())
        except DomainError as refusal:
            problem = refusal.message
    wanted = request.GET.get("show", "")
    rows = [row for row in outcome.rows if not wanted or row.state == wanted] if outcome else []
    return render(
        request,
        "holdings/import_preview.html",
        {
            "portfolio": portfolio,
            "batch": batch,
            "outcome": outcome,
            "problem": problem,
            "rows": rows[:_SHOWN_ROWS],
            "hidden_rows": max(0, len(rows) - _SHOWN_ROWS),
            "show": wanted,
            "may_write": may_write(request, portfolio),
        },
        status=422 if problem else 200,
    )


@login_required
@require_POST
def commit(request: HttpRequest, portfolio_id: int, batch_id: int) -> HttpResponse:
    """Step three: book it. A second click finds it done."""
    portfolio = own_portfolio(request, portfolio_id)
    batch = _batch(portfolio, batch_id)
    if batch.state == ImportState.COMMITTED:
        return HttpResponseRedirect(reverse("holdings:detail", args=[portfolio.pk]), status=303)
    try:
        outcome = operations.commit_import(batch_id=batch.pk, actor=person(request), now=clock.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(
            reverse("holdings:import_preview", args=[portfolio.pk, batch.pk]), status=303
        )
    messages.success(
        request, f"Imported {outcome.importable} entries of {batch.filename}. You can undo this under Import."
    )
    return HttpResponseRedirect(reverse("holdings:detail", args=[portfolio.pk]), status=303)


@login_required
@require_POST
def discard(request: HttpRequest, portfolio_id: int, batch_id: int) -> HttpResponse:
    """Forget an uploaded file."""
    portfolio = own_portfolio(request, portfolio_id)
    batch = _batch(portfolio, batch_id)
    if batch.state == ImportState.PREVIEW:
        operations.discard_import(batch_id=batch.pk, actor=person(request), now=clock.now())
        messages.info(request, f"{batch.filename} was discarded; nothing was imported.")
    return HttpResponseRedirect(reverse("holdings:import", args=[portfolio.pk]), status=303)


@login_required
@require_http_methods(["GET", "POST"])
def undo(request: HttpRequest, portfolio_id: int, batch_id: int) -> HttpResponse:
    """Take an import back, after asking."""
    portfolio = own_portfolio(request, portfolio_id)
    batch = _batch(portfolio, batch_id)
    problem = ""
    if request.method == "POST":
        try:
            count = operations.undo_import(batch_id=batch.pk, actor=person(request), now=clock.now())
        except DomainError as refusal:
            problem = refusal.message
        else:
            messages.success(
                request, f"The import of {batch.filename} is undone: {count} entries no longer count."
            )
            return HttpResponseRedirect(reverse("holdings:import", args=[portfolio.pk]), status=303)
    return render(
        request,
        "holdings/confirm.html",
        {
            "portfolio": portfolio,
            "title": f"Undo the import of {batch.filename}?",
            "text": f"Its {batch.posted_count} entries no longer count. The file can be imported again.",
            "problem": problem,
            "submit": "Undo the import",
            "danger": True,
            "cancel_url": reverse("holdings:import", args=[portfolio.pk]),
        },
        status=422 if problem else 200,
    )


@login_required
@require_GET
def export(request: HttpRequest, portfolio_id: int, kind: str) -> HttpResponseBase:
    """The portfolio as a file: `portfolio` (with the prices and rates its figures need) or `ghostfolio`."""
    portfolio = shown_portfolio(request, portfolio_id)
    now = clock.now()
    if kind == "ghostfolio":
        chunks = queries.ghostfolio_export(portfolio, now=now)
    else:
        chunks = queries.portfolio_export(portfolio, now=now)
    name = f"{slugify(portfolio.name) or 'portfolio'}-{kind}-{now:%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    if isinstance(request, ASGIRequest):
        # An ASGI server would gather a synchronous stream in memory itself, and warn about it.
        return HttpResponse("".join(chunks), content_type="application/json", headers=headers)
    return StreamingHttpResponse(
        (chunk.encode() for chunk in chunks), content_type="application/json", headers=headers
    )


def _batch(portfolio: Any, batch_id: int) -> ImportBatch:
    batch = ImportBatch.objects.filter(portfolio=portfolio, pk=batch_id).defer("content").first()
    if batch is None:
        raise ImportUnknown
    return batch
