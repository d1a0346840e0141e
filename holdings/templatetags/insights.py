"""`{% load insights %}`: the link from a figure to where it comes from."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_block_tag(takes_context=True)
def explained(context: Context, content: SafeString, figure: str, **query: Any) -> SafeString:
    """Wrap a figure in the link that explains it: `{% explained "twr" %}…{% endexplained %}`.

    The period, currency and benchmark of the page go along (`explain_query`); keywords narrow or replace them.
    With JavaScript it opens in the page's dialog, without it is a page of its own.
    """
    carried = dict(parse_qsl(str(context.get("explain_query", ""))))
    carried |= {name: str(value) for name, value in query.items() if value not in (None, "")}
    url = reverse("holdings:explain", args=[context["portfolio"].pk, figure])
    address = f"{url}?{urlencode(carried)}" if carried else url
    return format_html(
        '<a class="hf-explain" href="{}" data-dialog="#explain" hx-get="{}" hx-target="#explain-body"'
        ' hx-swap="innerHTML" title="Explain this number">{}</a>',
        address,
        address,
        content,
    )


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
