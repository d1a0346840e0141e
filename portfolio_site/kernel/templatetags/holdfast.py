"""The ground floor: template tags of the site. `{% load holdfast %}`; docs/frontend.md lists them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import heroicons
from django import template
from django.forms import BoundField, Widget
from django.forms.widgets import ChoiceWidget
from django.template.context import Context
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from portfolio_site.kernel import formatting
from portfolio_site.kernel.clock import now
from portfolio_site.kernel.display import Display, display_for

register = template.Library()

NOTHING: Final = format_html(
    '<span class="hf-none" aria-hidden="true">{}</span><span class="visually-hidden">not available</span>',
    formatting.NONE,
)

Figure = Decimal | int | None


def _locale(context: Context) -> str:
    override = context.get("hf_locale")
    return str(override) if override else display_for(getattr(context, "request", None)).locale


def _decimal(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"figures are Decimal, not {type(value).__name__}")


def _private(text: str) -> SafeString:
    return format_html('<span class="amount"><span class="amount-value">{}</span></span>', text)


def _signed(text: str, inner: str) -> SafeString:
    direction = "is-gain" if text[:1] == "+" else "is-loss" if text[:1] == formatting.MINUS else "is-flat"
    return format_html('<span class="{}">{}</span>', direction, inner)


@register.simple_tag(takes_context=True)
def display(context: Context) -> Display:
    """Theme, privacy and locale of this request."""
    return display_for(getattr(context, "request", None))


@register.simple_tag(takes_context=True)
def money(context: Context, value: Figure, currency: str, digits: int | None = None) -> SafeString:
    """An amount that belongs to the person: covered in privacy mode."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    return _private(formatting.format_money(number, currency, locale=_locale(context), digits=digits))


@register.simple_tag(takes_context=True)
def chart_cell(context: Context, value: object, currency: str = "") -> SafeString | str:
    """A cell of a chart's table: a day in the person's way, money covered in privacy mode, words as they are."""
    if isinstance(value, dt.date):
        return when(context, value, "short" if isinstance(value, dt.datetime) else "date")
    if isinstance(value, Decimal) and currency:
        return money(context, value, currency)
    return NOTHING if value is None else conditional_escape(str(value))


@register.simple_tag(takes_context=True)
def signed_money(context: Context, value: Figure, currency: str, digits: int | None = None) -> SafeString:
    """A gain or loss: colour, sign and arrow; covered in privacy mode."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    text = formatting.format_money(number, currency, locale=_locale(context), digits=digits, sign="always")
    return _signed(text, _private(text))


@register.simple_tag(takes_context=True)
def price(context: Context, value: Figure, currency: str = "") -> SafeString:
    """A market price; everybody may see it. The currency is kept beside it for live updates."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    text = formatting.format_price(number, currency, locale=_locale(context))
    return format_html('<span class="tabular" data-currency="{}">{}</span>', currency, text)


@register.simple_tag(takes_context=True)
def pct(context: Context, fraction: Figure, digits: int = 2) -> SafeString:
    """A fraction as a percentage."""
    number = _decimal(fraction)
    if number is None:
        return NOTHING
    text = formatting.format_percent_of(number, locale=_locale(context), digits=digits)
    return format_html('<span class="tabular">{}</span>', text)


@register.simple_tag(takes_context=True)
def signed_pct(context: Context, fraction: Figure, digits: int = 2) -> SafeString:
    """A rise or fall as a percentage: colour, sign and arrow."""
    number = _decimal(fraction)
    if number is None:
        return NOTHING
    text = formatting.format_percent_of(number, locale=_locale(context), digits=digits, sign="always")
    return _signed(text, text)


@register.simple_tag(takes_context=True)
def qty(context: Context, value: Figure, public: bool = False) -> SafeString:
    """A quantity without trailing zeros; covered in privacy mode unless `public`."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    text = formatting.format_number(number, locale=_locale(context))
    return format_html('<span class="tabular">{}</span>', text) if public else _private(text)


@register.simple_tag(takes_context=True)
def number(context: Context, value: Figure, digits: int | None = None) -> SafeString:
    """A plain number in the person's locale."""
    figure = _decimal(value)
    if figure is None:
        return NOTHING
    text = formatting.format_number(figure, locale=_locale(context), digits=digits)
    return format_html('<span class="tabular">{}</span>', text)


@register.simple_tag(takes_context=True)
def when(context: Context, value: dt.datetime | dt.date | None, style: str = "datetime") -> SafeString:
    """An instant or a day as `<time>`; the full instant with its zone is in the title."""
    if value is None or value == "":
        return NOTHING
    locale = _locale(context)
    if not isinstance(value, dt.datetime):
        text = formatting.format_when(value, "date", locale=locale)
        return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)
    text = _written(value, style, locale)
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    full = f"{formatting.format_when(value, locale=locale)} {local.tzname() or ''}".strip()
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), full, text)


def _written(value: dt.datetime, style: str, locale: str) -> str:
    if style == "relative":
        return formatting.format_ago(value, now=now())
    return formatting.format_when(value, style, locale=locale)  # type: ignore[arg-type]


@register.simple_tag
def icon(name: str, *, size: int = 20, style: str = "outline", label: str = "", **attrs: str) -> SafeString:
    """A heroicon, inline. Decorative unless it has a `label`."""
    extra = {key.rstrip("_"): str(value) + "" for key, value in attrs.items()}
    extra |= {"role": "img", "aria-label": label + ""} if label else {"aria-hidden": "true"}
    return _svg(style, name, size, tuple(extra.items()))


@lru_cache(maxsize=512)
def _svg(style: str, name: str, size: int, attrs: tuple[tuple[str, str], ...]) -> SafeString:
    # Drawn by the icon set itself, through an XML writer that escapes the attributes.
    return SafeString(heroicons._render_icon(style, name, size, dict(attrs)))


#: State -> (words, look, icon). One vocabulary for orders, jobs, files, imports and portfolios.
STATES: Final[dict[str, tuple[str, str, str]]] = {
    "new": ("Open", "live", "clock"),
    "accepted": ("Accepted", "live", "clock"),
    "pending_new": ("Being checked", "live", "clock"),
    "pending_cancel": ("Being cancelled", "warn", "clock"),
    "partially_filled": ("Partly filled", "live", "chart-pie"),
    "filled": ("Filled", "good", "check-circle"),
    "canceled": ("Cancelled", "", "x-circle"),
    "expired": ("Expired", "", "clock"),
    "rejected": ("Rejected", "bad", "exclamation-circle"),
    "replaced": ("Replaced", "", "arrow-path"),
    "queued": ("Waiting", "", "clock"),
    "running": ("In progress", "live", "arrow-path"),
    "done": ("Ready", "good", "check-circle"),
    "ready": ("Ready", "good", "check-circle"),
    "failed": ("Failed", "bad", "exclamation-circle"),
    "undone": ("Undone", "", "arrow-uturn-left"),
    "voided": ("Removed", "", "x-circle"),
    "draft": ("Draft", "warn", "pencil"),
    "paper": ("Paper", "sim", "beaker"),
    "paused": ("Paused", "warn", "pause-circle"),
    "broker": ("At a broker", "live", "building-library"),
    "broker_paper": ("Broker, paper", "sim", "building-library"),
    "live_money": ("Live: real money", "bad", "banknotes"),
    "tracked": ("Tracked", "", "book-open"),
    "archived": ("Archived", "", "archive-box"),
    "active": ("Active", "good", "check-circle"),
    "suspended": ("Suspended", "bad", "no-symbol"),
    "verified": ("Verified", "good", "check-circle"),
    "unverified": ("Not verified", "warn", "exclamation-triangle"),
    "stale": ("Old price", "warn", "exclamation-triangle"),
    "simulated": ("Simulated", "sim", "beaker"),
    "open": ("Open", "good", "clock"),
    "closed": ("Closed", "", "clock"),
}


@register.simple_tag
def status(state: str, label: str = "") -> SafeString:
    """A badge for a state, with words and a sign; a state nobody listed is shown by its own name."""
    key = str(state)
    words, look, sign = STATES.get(key, (key.replace("_", " ").capitalize(), "", "information-circle"))
    return format_html(
        '<span class="hf-badge{}">{} {}</span>',
        f" hf-badge-{look}" if look else "",
        icon(sign, size=16, style="micro" if sign != "beaker" else "outline"),
        label or words,
    )


@register.simple_tag
def sparkline(
    values: Iterable[Decimal | int | None], label: str = "", width: int = 96, height: int = 28
) -> SafeString:
    """A small line, coloured by where it ended against where it began; gaps are skipped."""
    points = [figure for figure in map(_decimal, values) if figure is not None]
    if len(points) < 2:
        return NOTHING
    low, high = min(points), max(points)
    step = Decimal(width) / (len(points) - 1)
    reach = Decimal(height - 4)
    coordinates = " ".join(
        f"{index * step:.1f},{2 + (reach * (high - value) / (high - low) if high > low else reach / 2):.1f}"
        for index, value in enumerate(points)
    )
    trend = "up" if points[-1] > points[0] else "down" if points[-1] < points[0] else "flat"
    words = {"up": "rising", "down": "falling", "flat": "unchanged"}[trend]
    return format_html(
        '<svg class="hf-spark hf-spark-{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><polyline points="{}"/></svg>',
        trend,
        width,
        height,
        f"{label}: {words}" if label else words.capitalize(),
        coordinates,
    )


@register.simple_tag
def share_bar(fraction: Figure) -> SafeString:
    """A small bar for a weight between 0 and 1; decorative, the figure stands beside it."""
    filled = min(max(_decimal(fraction) or Decimal(0), Decimal(0)), Decimal(1)) * 100
    return format_html(
        '<svg class="hf-share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="100" height="6" rx="3"/><rect width="{}" height="6" rx="3"/></svg>',
        f"{filled:.1f}",
    )


@register.simple_tag(takes_context=True)
def sort_header(
    context: Context, field: str, label: str, *, numeric: bool = False, default: str = "", css: str = ""
) -> SafeString:
    """A column head that sorts: `?sort=field`, then `?sort=-field`. `default` is the order without one."""
    request = getattr(context, "request", None)
    query = request.GET.copy() if request is not None else None
    current = (query.get("sort") if query is not None else None) or default
    state = "ascending" if current == field else "descending" if current == f"-{field}" else "none"
    # Figures are wanted largest first, words from A.
    first = f"-{field}" if numeric else field
    target = (field if current == f"-{field}" else f"-{field}") if state != "none" else first
    href = f"?sort={target}"
    if query is not None:
        for name in [name for name in query if name == "page" or name.endswith("_page")]:
            del query[name]
        query["sort"] = target
        href = f"?{query.urlencode()}"
    classes = " ".join(part for part in ("num" if numeric else "", css) if part)
    return format_html(
        '<th scope="col"{} aria-sort="{}"><a href="{}">{}</a></th>',
        format_html(' class="{}"', classes) if classes else "",
        state,
        href,
        label,
    )


@register.simple_tag(takes_context=True)
def page_address(context: Context, number: int, param: str = "") -> str:
    """The address of another page of a list, with the rest of the query kept; `param` where a page has several lists."""
    query = context["request"].GET.copy()
    query[param or "page"] = str(number)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def nav_current(context: Context, *namespaces: str) -> SafeString:
    """`aria-current` for a navigation link, when the page is in one of these URL namespaces or names."""
    match = getattr(getattr(context, "request", None), "resolver_match", None)
    if match is None:
        return SafeString("")
    here = {match.namespace, match.view_name}
    return SafeString('aria-current="page"') if here & set(namespaces) else SafeString("")


@register.filter
def initials(name: str) -> str:
    """Up to two letters for a person's mark: `Ada Lovelace` → `AL`, `ada@…` → `A`."""
    words = str(name).split("@")[0].replace(".", " ").split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


@register.simple_tag
def data_attrs(**values: object) -> SafeString:
    """`data-*` attributes from keywords; `None` and `False` are left out, underscores become hyphens."""
    return format_html_join(
        "",
        ' data-{}="{}"',
        (
            (key.replace("_", "-"), "" if value is True else value)
            for key, value in values.items()
            if value is not None and value is not False
        ),
    )


# What the form templates ask.

_INPUT_CLASSES: Final = {
    "hidden": "",
    "checkbox": "form-check-input",
    "radio": "form-check-input",
    "range": "form-range",
    "color": "form-control form-control-color",
}


@register.filter
def input_class(kind: str) -> str:
    """The Bootstrap class of an input by its type."""
    return _INPUT_CLASSES.get(str(kind), "form-control")


@register.filter
def lookup(mapping: Mapping[str, Any], key: str) -> Any:
    """`mapping[key]` for keys that a template cannot spell; empty when it is not there."""
    return mapping.get(key, "")


@register.filter
def widget_kind(widget: Widget) -> str:
    """`checkbox` for a single check box, else the input's type or an empty string."""
    return str(getattr(widget, "input_type", "") or "") if not isinstance(widget, ChoiceWidget) else ""


@register.filter
def says_optional(field: BoundField) -> bool:
    """Whether the label says "(optional)"; search and filter forms set `mark_optional = False`."""
    return not field.field.required and getattr(field.form, "mark_optional", True)
