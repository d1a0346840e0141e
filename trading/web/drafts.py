"""A ticket, or another form, between two pages: what was typed, and what was said to it, in the address.

Every answer to a form that was sent is an address to read (303), so that going back, reloading or opening the page again
asks nobody to "send the form again". What stands in the address is signed for one person and one page: a link from
elsewhere can fill a ticket in, but never lead to a review that only waits for Enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.forms import OneTimeFormMixin
from portfolio_site.kernel.idempotency import KeyReused
from trading.web.common import in_words

_SALT = "trading.ticket"
#: Longer addresses are cut off by some proxies. Who types more than this has typed nonsense.
_LONGEST = 3500


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the counter answered: a refusal at a field, or the order that stands in the way (``order_id``)."""

    message: str
    code: str
    field: str = ""
    order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A ticket that was sent. ``step`` is the page that follows: ``review``, or ``edit`` for the ticket itself."""

    step: str
    fields: dict[str, str] = field(default_factory=dict)
    said: Said | None = None


def kept(
    request: HttpRequest, address: str, *, step: str, names: tuple[str, ...], said: Said | None = None
) -> HttpResponseRedirect | None:
    """The redirect to the page of a form that was just sent from ``address``; None where it is too long for an address."""
    fields = {name: request.POST[name] for name in names if request.POST.get(name)}
    content = {
        "u": request.user.pk,
        "p": address,
        "s": step,
        "f": fields,
        "a": None if said is None else [said.message, said.code, said.field, said.order_id],
    }
    if sum(map(len, fields.values())) > _LONGEST:
        return None
    text = signing.dumps(content, salt=_SALT, compress=True)
    if len(text) > _LONGEST:
        return None
    others = [(name, value) for name, value in request.GET.items() if name != "draft"]
    return HttpResponseRedirect(f"{address}?{urlencode([*others, ('draft', text)])}", status=303)


def draft_of(request: HttpRequest) -> Draft | None:
    """The ticket that the address carries; None if it carries none that this person has sent from this page."""
    if request.method != "GET":
        return None
    try:
        content: dict[str, Any] = signing.loads(request.GET.get("draft", ""), salt=_SALT)
    except signing.BadSignature:
        return None
    if content["u"] != request.user.pk or content["p"] != request.path:
        return None
    said = content["a"]
    return Draft(
        step=content["s"],
        fields=content["f"],
        said=None if said is None else Said(message=said[0], code=said[1], field=said[2], order_id=said[3]),
    )


def typed_in(request: HttpRequest) -> Any:
    """What a form is filled with: what is being sent, or what was sent before and came back (``came_back``); None for a fresh
    one."""
    if request.method == "POST":
        return request.POST
    draft = draft_of(request)
    return None if draft is None else draft.fields


def said_of(refusal: DomainError, **others: str) -> Said:
    """What a refusal says; ``others`` are the form's own ``field``, ``message`` or ``order_id``."""
    return Said(**{"message": refusal.message, "code": refusal.code, "field": refusal.field or "", **others})


def came_back(
    request: HttpRequest, form: forms.Form, said: Said | None = None
) -> HttpResponseRedirect | None:
    """Lead a form that was not taken back to its page, by an address; None where no address can hold it. Never for a form with
    a password or a key in it: addresses are written into logs."""
    # A search box sends its text beside what was chosen.
    names = tuple(name + end for name in form.fields for end in ("", "_text", "_shown"))
    return kept(request, request.path, step="edit", names=names, said=said)


def asked_again(
    request: HttpRequest,
    form: forms.Form,
    template: str,
    context: dict[str, Any],
    said: Said | None = None,
) -> HttpResponse:
    """The page of a form that is filled in with ``typed_in``: fresh, or with what is wrong with it. What was just sent and not
    taken (``said``: by the operation) is led back to its own address, so that going back asks nobody to send it again."""
    if request.method == "POST":
        back = came_back(request, form, said)
        if back is not None:
            return back
    else:
        draft = draft_of(request)
        said = None if draft is None else draft.said
        if draft is not None:
            form.is_valid()
    if said is not None:
        _say(request, form, said)
    return render(
        request, template, {**context, "form": form}, status=422 if request.method == "POST" else 200
    )


def _say(request: HttpRequest, form: forms.Form, said: Said) -> None:
    if said.code == KeyReused.code and isinstance(form, OneTimeFormMixin):
        form.refuse_reuse()
    else:
        form.add_error(said.field if said.field in form.fields else None, in_words(request, said.message))
