"""A ticket between two pages: what was typed, and what was said to it, in the address.

Every answer to a form that was sent is an address to read (303), so that going back, reloading or opening the page again
asks nobody to "send the form again". What stands in the address is signed for one person and one page: a link from
elsewhere can fill a ticket in, but never lead to a review that only waits for Enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponseRedirect

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
    return HttpResponseRedirect(f"{address}?{urlencode({'draft': text})}", status=303)


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
