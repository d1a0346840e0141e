"""Accounts at brokers: the list, connecting one, and the page of one with everything that can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import origin_of
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.idempotency import Answer, KeyReused, earlier, fingerprint_of, once
from trading import operations, queries
from trading.forms_brokers import ConnectBrokerForm, KeysForm, OpenBrokerAccountForm, RealMoneyForm
from trading.web.common import person


@never_cache
@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The person's connections."""
    found = queries.broker_connections_of(person(request))
    context = {
        "live": [each for each in found if not each.is_ended],
        "ended": [each for each in found if each.is_ended],
    }
    return render(request, "trading/brokers/index.html", context)


@sensitive_post_parameters("key_id", "secret")
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """Ask for keys, try them, and keep them sealed; once however often the form is sent."""
    user = person(request)
    form = ConnectBrokerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data

        kept: dict[str, Any] = {
            "key": data["form_token"],
            "user": user,
            "route": "trading.connect_broker",
            "fingerprint": fingerprint_of([data["name"], data["environment"], data["key_id"][-4:]]),
        }
        try:
            answer = earlier(**kept) or _connected(request, data, kept)
        except KeyReused:
            form.refuse_reuse()
        except DomainError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "The keys work. Open a portfolio for the account to trade in it.")
            return redirect("trading:broker", answer.body["connection_id"])
    return render(
        request, "trading/brokers/connect.html", {"form": form}, status=422 if form.is_bound else 200
    )


@sensitive_variables()
def _connected(request: HttpRequest, data: dict[str, Any], kept: dict[str, Any]) -> Answer:
    """Try the keys, before any transaction begins, and keep them."""
    user = person(request)
    tried = operations.try_keys(
        actor=user,
        name=data["name"],
        environment=data["environment"],
        key_id=data["key_id"],
        secret=data["secret"],
        base_url=data.get("base_url", ""),
    )

    def do() -> tuple[int, dict[str, str]]:
        made = operations.keep_connection(actor=user, tried=tried, now=clock.now(), origin=origin_of(request))
        return 201, {"connection_id": str(made)}

    return once(do=do, **kept)


@never_cache
@login_required
@require_GET
def detail(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """One connection: how it does, what differs, and what can be done."""
    return _page(request, connection_id)


@login_required
@require_POST
def open_account(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Open a portfolio with what the broker holds."""
    form = OpenBrokerAccountForm(request.POST)

    def do() -> HttpResponse:
        portfolio_id = operations.open_broker_account(
            connection_id=connection_id,
            actor=person(request),
            name=form.cleaned_data["name"],
            clock=clock.now,
        )
        messages.success(request, "The portfolio is open, with the positions and the cash the broker has.")
        return redirect("trading:new", portfolio_id)

    return _done(request, connection_id, form, "open_form", do)


@login_required
@require_POST
def check(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Catch up and compare at once."""

    def do() -> HttpResponse:
        count = operations.check_connection_now(
            connection_id=connection_id, actor=person(request), clock=clock.now
        )
        if count:
            messages.warning(request, f"Compared: {count} difference{'s' if count > 1 else ''} found.")
        else:
            messages.success(request, "Compared: positions and cash agree with the broker's.")
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, None, "", do)


@login_required
@require_POST
def book(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Book what differs as corrections."""

    def do() -> HttpResponse:
        count = operations.book_differences(
            connection_id=connection_id, actor=person(request), clock=clock.now
        )
        messages.success(request, f"Booked {count} correction{'' if count == 1 else 's'}.")
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, None, "", do)


@sensitive_post_parameters("key_id", "secret")
@login_required
@require_POST
def renew_keys(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Put new keys in the place of the old ones."""
    form = KeysForm(request.POST)

    def do() -> HttpResponse:
        operations.renew_keys(
            connection_id=connection_id,
            actor=person(request),
            key_id=form.cleaned_data["key_id"],
            secret=form.cleaned_data["secret"],
            now=clock.now(),
            origin=origin_of(request),
        )
        messages.success(request, "The new keys work.")
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, form, "keys_form", do)


@login_required
@require_POST
def enable_live(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Switch real money on, with the account number typed."""
    form = RealMoneyForm(request.POST)

    def do() -> HttpResponse:
        operations.enable_live(
            connection_id=connection_id,
            actor=person(request),
            typed=form.cleaned_data["typed"],
            now=clock.now(),
            origin=origin_of(request),
        )
        messages.warning(
            request, "Real money is switched on: orders of this account are executed by the broker."
        )
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, form, "live_form", do)


@login_required
@require_POST
def disable_live(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Switch real money off, at once."""

    def do() -> HttpResponse:
        operations.disable_live(
            connection_id=connection_id, actor=person(request), now=clock.now(), origin=origin_of(request)
        )
        messages.success(request, "Real money is switched off. Open orders are being cancelled.")
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, None, "", do)


@login_required
@require_POST
def pause(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Pause the connection, or let it go on."""
    on = request.POST.get("on") == "yes"

    def do() -> HttpResponse:
        operations.pause_connection(
            connection_id=connection_id,
            actor=person(request),
            on=on,
            now=clock.now(),
            origin=origin_of(request),
        )
        if on:
            messages.warning(
                request, "Paused: no new order leaves. What is open at the broker stays open there."
            )
        else:
            messages.success(request, "New orders are sent again.")
        return redirect("trading:broker", connection_id)

    return _done(request, connection_id, None, "", do)


@login_required
@require_POST
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Forget the keys."""

    def do() -> HttpResponse:
        found = queries.broker_connection(person(request), connection_id)
        is_own = found is not None and found.owner_id == person(request).pk
        if is_own and request.POST.get("confirm") != "yes":
            raise operations.BrokerConnectionRefusedError("Tick that the keys are to be deleted.")
        operations.disconnect_broker(
            connection_id=connection_id, actor=person(request), now=clock.now(), origin=origin_of(request)
        )
        messages.success(request, "Disconnected. The keys are deleted here; delete them at the broker, too.")
        return redirect("trading:brokers")

    return _done(request, connection_id, None, "", do)


def _done(
    request: HttpRequest,
    connection_id: UUID,
    form: forms.Form | None,
    name: str,
    do: Callable[[], HttpResponse],
) -> HttpResponse:
    """Do it, or show the page again with what stands in the way."""
    if form is not None and not form.is_valid():
        return _page(request, connection_id, status=422, **{name: form})
    try:
        return do()
    except (operations.BrokerConnectionUnknownError, operations.ReadOnlyError):
        raise
    except DomainError as refusal:
        if form is None:
            return _page(request, connection_id, status=refusal.status, refusal=refusal.message)
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _page(request, connection_id, status=refusal.status, **{name: form})


def _page(request: HttpRequest, connection_id: UUID, *, status: int = 200, **context: Any) -> HttpResponse:
    user = person(request)
    found = queries.broker_connection(user, connection_id)
    if found is None:
        raise operations.BrokerConnectionUnknownError
    shown = {
        "connection": found,
        "may_change": found.owner_id == user.pk,
        "open_form": OpenBrokerAccountForm(initial={"name": found.name}),
        "keys_form": KeysForm(auto_id="id_new_%s"),
        "live_form": RealMoneyForm(),
        **context,
    }
    return render(request, "trading/brokers/detail.html", shown, status=status)
