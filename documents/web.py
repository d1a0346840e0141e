"""The cellar: its pages."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from documents import operations, queries
from documents.links import disposition
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import audited

PER_PAGE = 25


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The person's files, newest first, with search."""
    text = request.GET.get("q", "").strip()[:100]
    kind = request.GET.get("kind", "")
    if kind not in queries.KINDS.values:
        kind = ""
    found = queries.documents_for(request.user, now=clock.now(), text=text, kind=kind)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "text": text, "kind": kind, "kinds": queries.KINDS.choices}
    partial = getattr(request, "htmx", False) and request.headers.get("HX-Target") == "documents"
    return render(request, "documents/partials/_list.html" if partial else "documents/index.html", context)


@login_required
@require_GET
@audited
def download(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Send the person on to a fresh link to the file."""
    link = operations.issue_link(document_id=document_id, actor=request.user, now=clock.now())
    response = HttpResponseRedirect(link.url)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_GET
@audited
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The bytes behind a link: as a download, never shown in the page, never kept by a cache."""
    document, content = operations.open_by_link(token=token, actor=request.user, now=clock.now())
    response: HttpResponseBase
    if isinstance(request, ASGIRequest):
        # A synchronous stream would block the server's loop; documents are at most 50 MB.
        with content:
            response = HttpResponse(content.read(), content_type=document.content_type)
    else:
        response = FileResponse(content, content_type=document.content_type)
    response.headers["Content-Length"] = str(document.size)
    response.headers["Content-Disposition"] = disposition(document)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Ask (without JavaScript), then throw the file away."""
    now = clock.now()
    if request.method == "POST":
        operations.delete_document(document_id=document_id, actor=request.user, now=now)
        messages.success(request, "The file was deleted.")
        return redirect("documents:index")
    document = queries.visible_document(request.user, document_id, now=now)
    return render(request, "documents/delete.html", {"document": document})
