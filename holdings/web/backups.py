"""Backups: put away now or by plan, download, restore with a preview."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from documents.operations import open_document
from holdings import operations
from holdings.forms import refuse
from holdings.forms.backups import BackupPlanForm, BackupUploadForm, NewBackupForm, RestoreForm
from holdings.models import BackupPlan
from holdings.web.common import done_once, person
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What was put away, and the three forms."""
    return _page(request)


@login_required
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Put one away now."""
    form = NewBackupForm(request.POST, owner=person(request))
    if not form.is_valid():
        return _page(request, new=form, status=422)

    try:
        made = operations.make_backup(
            owner=person(request),
            portfolio_id=form.portfolio_id(),
            now=clock.now(),
            source=f"form:{form.cleaned_data['form_token']}",
        )
    except DomainError as refusal:
        refuse(form, refusal)
        return _page(request, new=form, status=422)
    messages.success(request, f"{made.filename} was put away.")
    return redirect("holdings:backups")


@login_required
@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """How often it happens by itself."""
    form = BackupPlanForm(request.POST)
    if not form.is_valid():
        return _page(request, plan_form=form, status=422)
    operations.set_backup_plan(owner=person(request), now=clock.now(), **form.cleaned_data)
    messages.success(request, "The plan was saved.")
    return redirect("holdings:backups")


@login_required
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """A backup from elsewhere: checked, and kept for a day for the decision."""
    form = BackupUploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, upload_form=form, status=422)
    file = form.cleaned_data["file"]
    try:
        kept, _ = operations.take_in_backup(
            owner=person(request), filename=file.name, content=file, now=clock.now(),
            source=f"upload:{form.cleaned_data['form_token']}",
        )  # fmt: skip
    except DomainError as refusal:
        refuse(form, refusal)
        return _page(request, upload_form=form, status=422)
    return redirect("holdings:backup_restore", backup_id=kept.id)


@login_required
@require_http_methods(["GET", "POST"])
def restore(request: HttpRequest, backup_id: UUID) -> HttpResponse:
    """Choose, see what would change, say yes."""
    document, file = open_document(document_id=backup_id, actor=person(request), now=clock.now())
    content: Any = file
    with content:
        try:
            manifest = operations.look_into_backup(content=content)
        except DomainError as refusal:
            return render(
                request,
                "holdings/restore.html",
                {"document": document, "problem": refusal.message},
                status=422,
            )
        form = RestoreForm(request.POST or None, owner=person(request), members=manifest.members)
        outcome: operations.RestoreOutcome | None = None
        if request.method == "POST" and form.is_valid():
            wanted: dict[str, Any] = {
                "owner": person(request),
                "content": content,
                "file": form.cleaned_data["file"],
                "portfolio_id": form.portfolio_id(),
                "is_exact": form.cleaned_data["exact"],
            }
            try:
                if request.POST.get("step") == "restore":
                    return done_once(
                        request,
                        form,
                        route=f"holdings.restore:{backup_id}",
                        do=lambda: _restore(request, wanted),
                    )
                outcome = operations.restore_backup(**wanted, now=clock.now(), is_preview=True)
            except DomainError as refusal:
                refuse(form, refusal)
    context = {"document": document, "manifest": manifest, "form": form, "outcome": outcome}
    return render(
        request, "holdings/restore.html", context, status=422 if form.is_bound and form.errors else 200
    )


def _restore(request: HttpRequest, wanted: dict[str, Any]) -> str:
    outcome = operations.restore_backup(**wanted, now=clock.now())
    if outcome.changes_nothing:
        messages.info(request, f"{outcome.name} is as in the backup already. Nothing was changed.")
    else:
        messages.success(
            request,
            f"{outcome.name} was restored: {outcome.added} entries added, {outcome.removed} taken back, "
            f"{outcome.unchanged} left as they are.",
        )
    return reverse("holdings:detail", args=[outcome.portfolio_id])


def _page(
    request: HttpRequest,
    *,
    new: NewBackupForm | None = None,
    plan_form: BackupPlanForm | None = None,
    upload_form: BackupUploadForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user, now = person(request), clock.now()
    plan_row = BackupPlan.objects.visible_to(user).first()
    said = {"every": plan_row.every, "keep": plan_row.keep} if plan_row else {"every": "never", "keep": 7}
    context = {
        "backups": operations.backups_for(user, now=now),
        "plan": plan_row,
        "new_form": new or NewBackupForm(owner=user),
        "plan_form": plan_form or BackupPlanForm(initial=said),
        "upload_form": upload_form or BackupUploadForm(),
    }
    return render(request, "holdings/backups.html", context, status=status)
