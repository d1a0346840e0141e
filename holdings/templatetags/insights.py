"""`{% load insights %}`: the link from a figure to where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

DESK: Final = "desk_"
LINK: Final = '<a class="hf-explain" href="{}">{}</a>'
_PERIOD: Final = ("range", "from", "to")


@register.simple_block_tag(takes_context=True)
def explained(
    context: Context,
    content: SafeString,
    figure: str,
    of: Mapping[str, Any] | None = None,
    portfolio_id: int | None = None,
    **query: Any,
) -> SafeString:
    """Wrap a figure in the link that explains it: `{% explained "twr" %}…{% endexplained %}`.

    The period, currency and benchmark of the page go along (`explain_query`); keywords, and those in `of`, narrow or
    replace them. With JavaScript it opens in the page's dialog (`static/js/explain.js`), without it is a page of its own.
    """
    if not figure:
        return content
    if figure.startswith(DESK):
        return format_html(LINK, desk_address(figure), content)
    if portfolio_id is None:
        portfolio_id = context["portfolio"].pk
        carried = dict(parse_qsl(str(context.get("explain_query", ""))))
    else:
        carried = {}
    narrowed = {**(of or {}), **query}
    if any(name in narrowed for name in _PERIOD):
        carried = {name: value for name, value in carried.items() if name not in _PERIOD}
    carried |= {name: str(value) for name, value in narrowed.items() if value is not None}
    path = f"{portfolio_address(portfolio_id)}{figure}/"
    return format_html(LINK, f"{path}?{urlencode(carried)}" if carried else path, content)


@lru_cache(maxsize=1024)
def portfolio_address(portfolio_id: int) -> str:
    """Where the explanations of a portfolio's figures begin: a page has hundreds of links there."""
    return reverse("holdings:explain", args=[portfolio_id, "x"]).removesuffix("x/")


@lru_cache(maxsize=16)
def desk_address(figure: str) -> str:
    """Where a figure of all portfolios together is explained."""
    return reverse("holdings:explain_desk", args=[figure])


@register.inclusion_tag("holdings/insights/_bulk.html", takes_context=True)
def bulk_actions(context: Context) -> dict[str, Any]:
    """What can be done with the entries that are ticked (`name="entry" form="bulk"`), and undoing the last removal."""
    request, portfolio = context["request"], context["portfolio"]
    return {
        "portfolio": portfolio,
        "csrf_token": context.get("csrf_token"),
        "request": request,
        "removed_count": len(request.session.get(f"holdings-removed-{portfolio.pk}", [])),
    }
