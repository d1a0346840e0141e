"""Many entries at once: tag them, remove them, and undo that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from holdings.operations import void_transactions
from holdings.operations.bulk import restore_transactions, tag_transactions
from holdings.web.common import own_portfolio, person
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

_LONGEST_TAG = 60


def undo_key(portfolio_id: int) -> str:
    """Where the session keeps what was removed last."""
    return f"holdings-removed-{portfolio_id}"


@login_required
@require_POST
def bulk(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Do to the chosen entries (`entry`) what the button (`action`) says: `tag`, `untag` or `remove`."""
    portfolio = own_portfolio(request, portfolio_id)
    ids = [
        int(text)
        for text in request.POST.getlist("entry")
        if text.isascii() and text.isdigit() and len(text) <= 18
    ]
    action = request.POST.get("action", "")
    tags = [tag.strip()[:_LONGEST_TAG] for tag in request.POST.get("tags", "").split(",") if tag.strip()]
    back = HttpResponseRedirect(reverse("holdings:journal", args=[portfolio.pk]), status=303)
    if action in ("tag", "untag") and not tags:
        messages.error(request, "Say which tag.")
        return back
    actor, now = person(request), clock.now()
    try:
        if action == "remove":
            if not ids:
                messages.error(request, "Choose at least one entry.")
                return back
            void_transactions(portfolio_id=portfolio.pk, transaction_ids=ids, actor=actor, now=now)
            request.session[undo_key(portfolio.pk)] = ids
            messages.success(request, f"Removed {_entries(len(ids))}. The history keeps them.")
        elif action in ("tag", "untag"):
            changed = tag_transactions(
                portfolio_id=portfolio.pk,
                transaction_ids=ids,
                add=tags if action == "tag" else (),
                remove=tags if action == "untag" else (),
                actor=actor,
                now=now,
            )
            messages.success(request, f"{_entries(changed).capitalize()} changed.")
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return back


@login_required
@require_POST
def undo(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Bring back what was removed last."""
    portfolio = own_portfolio(request, portfolio_id)
    ids = request.session.pop(undo_key(portfolio.pk), [])
    try:
        count = restore_transactions(
            portfolio_id=portfolio.pk, transaction_ids=ids, actor=person(request), now=clock.now()
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{_entries(count).capitalize()} brought back.")
    return HttpResponseRedirect(reverse("holdings:journal", args=[portfolio.pk]), status=303)


def _entries(count: int) -> str:
    return "one entry" if count == 1 else f"{count} entries"
