"""`{% load markets %}`: small drawings and words that only pages of the market need."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portfolio_site.kernel import formatting
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.templatetags.holdfast import NOTHING

register = template.Library()
_THOUSAND = Decimal(1000)
_STEPS = (("T", 4), ("B", 3), ("M", 2), ("K", 1))


@register.simple_tag
def range_bar(low: Decimal | None, high: Decimal | None, value: Decimal | None) -> SafeString:
    """Where a price stands between its lowest and highest; decorative, the figures stand beside it."""
    if low is None or high is None or value is None or high <= low:
        return SafeString("")
    place = float(min(max((value - low) / (high - low), Decimal(0)), Decimal(1))) * 100
    return format_html(
        '<svg class="hf-range" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect y="3" width="100" height="2" rx="1"/><rect y="3" width="{}" height="2" rx="1"/>'
        '<rect x="{}" width="3" height="8" rx="1"/></svg>',
        f"{place:.1f}",
        f"{min(max(place - 1.5, 0), 97):.1f}",
    )


@register.simple_tag(takes_context=True)
def signed_price(context: Context, value: Decimal | None, currency: str = "") -> SafeString:
    """How far a price moved, in its currency: colour, sign and arrow; everybody may see it."""
    if value is None:
        return NOTHING
    locale = display_for(getattr(context, "request", None)).locale
    text = formatting.format_price(abs(value), currency, locale=locale)
    sign, way = ("+", "gain") if value > 0 else (formatting.MINUS, "loss") if value < 0 else ("", "flat")
    return format_html(
        '<span class="is-{} tabular" data-currency="{}">{}{}</span>', way, currency, sign, text
    )


@register.simple_tag(takes_context=True)
def volume(context: Context, value: Decimal | None) -> SafeString:
    """A traded quantity in few signs: `12.3M`; everybody may see it."""
    if value is None:
        return NOTHING
    locale = display_for(getattr(context, "request", None)).locale
    sign, step = next(((s, n) for s, n in _STEPS if abs(value) >= _THOUSAND**n), ("", 0))
    short = value / _THOUSAND**step
    digits = 0 if abs(short) >= 100 or not step else 1
    text = formatting.format_number(short, locale=locale, digits=digits)
    return format_html('<span class="tabular" title="{}">{}{}</span>', f"{value:,.0f}", text, sign)


@register.simple_tag
def trend_line(values: Sequence[float], label: str = "") -> SafeString:
    """A small line of closes, coloured by where it ended against where it began."""
    points = list(values)
    if len(points) < 2:
        return NOTHING
    low, high = min(points), max(points)
    step, reach = 96 / (len(points) - 1), 24.0
    coordinates = " ".join(
        f"{at * step:.1f},{2 + (reach * (high - value) / (high - low) if high > low else reach / 2):.1f}"
        for at, value in enumerate(points)
    )
    way = "up" if points[-1] > points[0] else "down" if points[-1] < points[0] else "flat"
    words = {"up": "rising", "down": "falling", "flat": "unchanged"}[way]
    return format_html(
        '<svg class="hf-spark hf-spark-{}" viewBox="0 0 96 28" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><polyline points="{}"/></svg>',
        way,
        f"{label}: {words}" if label else words.capitalize(),
        coordinates,
    )
