"""Template filters of the counter's pages."""

from __future__ import annotations

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

#: A number that stands alone; times of day (14:03:05) and parts of words are none.
_NUMBER = re.compile(r"(?<![\w.:-])(\d+(?:\.\d+)?)(?![\w:]|\.\d|-\d)")


@register.filter
def private_figures(sentence: str) -> SafeString:
    """A sentence of a trail, escaped, with its figures hidden in privacy mode like all other amounts."""
    parts = _NUMBER.split(sentence)
    return format_html_join(
        "",
        "{}",
        (
            (
                format_html('<span class="amount"><span class="amount-value">{}</span></span>', part)
                if index % 2
                else part,
            )
            for index, part in enumerate(parts)
        ),
    )
