"""Pages of market data: watchlists, and the menu that puts an instrument on one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketdata import operations, queries
from marketdata.models import Instrument
from marketdata.web.common import may_change, wants_part
from marketdata.web.rows import rows_of, with_history
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

#: What the first list is called that nobody gave a name.
FIRST_NAME = "Watchlist"
#: What a list can be sorted by, beside the order its owner keeps it in.
SORTS = ("symbol", "last", "change", "volume")


@login_required
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The person's first list; where there is none, how to begin. POST makes a list."""
    if request.method == "POST":
        may_change(request)
        try:
            made = operations.create_watchlist(
                owner=request.user, name=request.POST.get("name", ""), now=clock.now()
            )
        except DomainError as error:
            context = {"error": error.message, "name": request.POST.get("name", "")[:100]}
            return _page(request, None, status=error.status, **context)
        return HttpResponseRedirect(_url(made.id))
    first = next(iter(queries.watchlists_of(request.user)), None)
    return HttpResponseRedirect(_url(first.id)) if first else _page(request, None)


@login_required
@require_GET
def detail(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """A list with live prices; with `edit` what changes it."""
    shown = queries.visible_watchlist(request.user, watchlist_id)
    if request.headers.get("X-Have-Version") == shown.updated_at.isoformat():
        # The window that asks is the one that made the change: it shows it already.
        return HttpResponse(status=204)
    return _page(request, shown)


@login_required
@require_POST
def add(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Put an instrument on a list: the one chosen from the search, or, without JavaScript, the one typed."""
    shown = _own(request, watchlist_id)
    typed = request.POST.get("instrument_text", "").strip()
    try:
        wanted = _number(request.POST.get("instrument")) or _called(request, typed)
        changed = operations.add_to_watchlist(
            watchlist_id=shown.id, actor=request.user, instrument_id=wanted, now=clock.now()
        )
    except DomainError as error:
        return _answer(request, shown, problem=error.message)
    return _answer(request, changed)


def _called(request: HttpRequest, typed: str) -> int:
    """The instrument that a text typed in full means."""
    found = queries.the_instrument_called(user=request.user, text=typed)
    if found is None:
        raise queries.InstrumentNotFound(
            f"There is no symbol or ISIN “{typed[:40]}”. Choose from the list as you type."
        )
    return found.pk


@login_required
@require_POST
def remove(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Take an instrument off a list; one that is gone already is gone."""
    shown = _own(request, watchlist_id)
    if (instrument_id := _number(request.POST.get("instrument"))) in shown:
        shown = operations.remove_from_watchlist(
            watchlist_id=shown.id, actor=request.user, instrument_id=instrument_id, now=clock.now()
        )
    return _answer(request, shown)


@login_required
@require_POST
def order(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Put the items of a list in another order: one `up` or `down` a place, or all as `items` says."""
    shown = _own(request, watchlist_id)
    ids = list(shown.instrument_ids)
    if "items" in request.POST:
        ids = [_number(text) for text in request.POST["items"].split(",")]
    else:
        for way, step in (("up", -1), ("down", 1)):
            moved = _number(request.POST.get(way))
            if moved in ids and 0 <= (place := ids.index(moved)) + step < len(ids):
                ids[place], ids[place + step] = ids[place + step], ids[place]
    changed = operations.reorder_watchlist(
        watchlist_id=shown.id, actor=request.user, instrument_ids=ids, now=clock.now()
    )
    return _answer(request, changed)


@login_required
@require_POST
def rename(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Give a list another name."""
    shown = _own(request, watchlist_id)
    try:
        operations.rename_watchlist(
            watchlist_id=shown.id, actor=request.user, name=request.POST.get("name", ""), now=clock.now()
        )
    except DomainError as error:
        return _page(request, shown, status=error.status, edit=True, rename_error=error.message)
    return HttpResponseRedirect(_url(shown.id, edit=True))


@login_required
@require_POST
def shift(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Move a list one place among the person's lists."""
    shown = _own(request, watchlist_id)
    ids = [view.id for view in queries.watchlists_of(request.user)]
    place = ids.index(shown.id)
    other = place + (-1 if request.POST.get("way") == "left" else 1)
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]
        operations.order_watchlists(actor=request.user, watchlist_ids=ids)
    return HttpResponseRedirect(_url(shown.id, edit=True))


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, watchlist_id: UUID) -> HttpResponse:
    """Ask, then delete a list."""
    shown = _own(request, watchlist_id)
    if request.method == "GET":
        return render(request, "marketdata/watchlists/delete.html", {"watchlist": shown})
    operations.delete_watchlist(watchlist_id=shown.id, actor=request.user)
    messages.success(request, f"The watchlist “{shown.name}” was deleted.")
    return HttpResponseRedirect(reverse("marketdata:watchlists"))


@login_required
@require_http_methods(["GET", "POST"])
def watch(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """The menu of lists at an instrument: GET shows it, POST puts the instrument on a list, takes it off, or makes a
    list with it."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    error, is_quick = "", "quick" in request.POST
    if request.method == "POST":
        may_change(request)
        try:
            _watch(request, instrument)
        except DomainError as refused:
            error = refused.message
    if getattr(request, "htmx", False) and is_quick:
        return _star(request, instrument, error)
    if getattr(request, "htmx", False):
        context = {"instrument": instrument, "watch_error": error, **watching(request, instrument)}
        is_open = {"watch_open": request.method == "POST"}
        return render(request, "marketdata/instrument/_watch.html", context | is_open)
    if error:
        messages.error(request, error)
    return HttpResponseRedirect(_next(request) or reverse("marketdata:detail", args=[instrument.pk]))


def _star(request: HttpRequest, instrument: Instrument, error: str) -> HttpResponse:
    """The star beside an instrument as it is now; what was refused is told beside it."""
    lists = queries.watchlists_of(request.user)
    on = next((view.id for view in lists if instrument.pk in view), None)
    context = {"instrument": instrument, "list_id": on, "here": _next(request)}
    response = render(request, "marketdata/partials/_star.html", context)
    if error:
        note = {"hf:toast": {"level": "danger", "title": error}}
        response.headers["HX-Trigger"] = json.dumps(note)
    return response


def watching(request: HttpRequest, instrument: Instrument) -> dict[str, Any]:
    """What the menu of lists shows at an instrument. One statement."""
    lists = queries.watchlists_of(request.user)
    return {"watchlists": lists, "is_watched": any(instrument.pk in view for view in lists)}


def _watch(request: HttpRequest, instrument: Instrument) -> None:
    now, name = clock.now(), request.POST.get("name", "").strip()
    if "quick" in request.POST:
        # The star beside a row: onto the first list, which is made where there is none.
        lists = queries.watchlists_of(request.user)
        if not lists:
            operations.create_watchlist(
                owner=request.user, name=FIRST_NAME, now=now, instrument_ids=[instrument.pk]
            )
        elif not any(instrument.pk in view for view in lists):
            operations.add_to_watchlist(
                watchlist_id=lists[0].id, actor=request.user, instrument_id=instrument.pk, now=now
            )
        return
    if name:
        operations.create_watchlist(owner=request.user, name=name, now=now, instrument_ids=[instrument.pk])
        return
    shown = _own(request, _uuid(request.POST.get("watchlist")))
    if request.POST.get("on") == "1":
        operations.add_to_watchlist(
            watchlist_id=shown.id, actor=request.user, instrument_id=instrument.pk, now=now
        )
    elif instrument.pk in shown:
        operations.remove_from_watchlist(
            watchlist_id=shown.id, actor=request.user, instrument_id=instrument.pk, now=now
        )


def _own(request: HttpRequest, watchlist_id: UUID) -> queries.WatchlistView:
    shown = queries.visible_watchlist(request.user, watchlist_id)
    may_change(request)
    return shown


def _page(
    request: HttpRequest, shown: queries.WatchlistView | None, *, status: int = 200, **more: Any
) -> HttpResponse:
    lists = queries.watchlists_of(request.user)
    context: dict[str, Any] = {
        "watchlists": lists,
        "watchlist": shown,
        "is_own": shown is not None and shown.owner_id == request.user.pk,
        "is_full": len(lists) >= operations.MOST_WATCHLISTS,
        "edit": False,
        **more,
    }
    if shown is not None:
        place = [view.id for view in lists].index(shown.id) if context["is_own"] else 0
        context |= {"is_first": place == 0, "is_last": place == len(lists) - 1}
        context |= _table(request, shown, edit=more.get("edit", False))
    template = (
        "marketdata/watchlists/_list.html"
        if wants_part(request, "watchlist")
        else "marketdata/watchlists/page.html"
    )
    return render(request, template, context, status=status)


def _table(request: HttpRequest, shown: queries.WatchlistView, *, edit: bool) -> dict[str, Any]:
    now = clock.now()
    rows = with_history(rows_of(queries.watchlist_instruments(shown, user=request.user), now=now), now=now)
    edit = edit or (request.GET.get("edit") == "1" and shown.owner_id == request.user.pk)
    sort = request.GET.get("sort", "")
    key = sort.removeprefix("-")
    sorts = key in SORTS and not edit
    if sorts:
        known = [row for row in rows if row.sort_value(key) is not None]
        unknown = [row for row in rows if row.sort_value(key) is None]
        rows = sorted(known, key=lambda row: row.sort_value(key), reverse=sort.startswith("-")) + unknown
    return {
        "rows": rows,
        "edit": edit,
        "query": "?edit=1" if edit else f"?sort={sort}" if sorts else "",
        "version": shown.updated_at.isoformat(),
        "most": operations.MOST_ITEMS,
    }


def _answer(request: HttpRequest, shown: queries.WatchlistView, *, problem: str = "") -> HttpResponse:
    """After a change: the table for htmx, the page for a form."""
    edit = request.POST.get("edit") == "1"
    if wants_part(request, "watchlist") or problem:
        return _page(request, shown, status=422 if problem else 200, edit=edit, add_error=problem)
    return HttpResponseRedirect(_url(shown.id, edit=edit))


def _url(watchlist_id: UUID, *, edit: bool = False) -> str:
    return reverse("marketdata:watchlist", args=[watchlist_id]) + ("?edit=1" if edit else "")


def _next(request: HttpRequest) -> str:
    """Where a form wants to go on, if that is on this site."""
    wanted = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if allowed else ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


def _uuid(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError as error:
        raise queries.WatchlistNotFound from error
