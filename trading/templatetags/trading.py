"""Template filters of the counter's pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.template import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from holdings.domain.numbers import plain
from portfolio_site.kernel.display import display_for
from portfolio_site.kernel.formatting import figure_text, figures_in
from portfolio_site.kernel.templatetags.holdfast import status
from trading.forms_account import FEE_CHOICES
from trading.forms_orders import CLASS_CHOICES
from trading.models import ROLE_CHOICES, TIME_IN_FORCE_CHOICES, TYPE_CHOICES
from trading.queries.activities import Activity
from trading.queries.brokers import badges_of

register = template.Library()


@register.simple_tag
def account_words(portfolio_id: int) -> str:
    """What an account is, for a heading. One statement."""
    badge = badges_of([portfolio_id]).get(portfolio_id)
    if badge is None:
        return "Paper account"
    return "At a broker, with real money" if badge == "live_money" else "At a broker, with play money"


@register.simple_tag
def account_badge(portfolio: Any) -> SafeString:
    """Whose money an order of this portfolio moves: play money, a broker's play money, or real money. One statement for
    an account at a broker."""
    return account_badge_of(portfolio.pk, portfolio.kind)


@register.simple_tag
def account_badge_of(portfolio_id: int, kind: str) -> SafeString:
    """The same of a portfolio by its id."""
    if kind != "broker":
        return status("paper")
    return status(badges_of([portfolio_id]).get(portfolio_id, "broker"))


@register.simple_tag(takes_context=True)
def told(context: Context, sentence: str, but: str = "") -> SafeString:
    """A sentence of the counter (a refusal, a line of a trail), escaped: its figures with the person's separators, and hidden in
    privacy mode like all other amounts. ``but`` is a symbol that may consist of digits."""
    locale = display_for(context.get("request")).locale
    return format_html_join(
        "",
        "{}",
        (
            (
                part
                if is_text
                else format_html(
                    '<span class="amount"><span class="amount-value">{}</span></span>',
                    figure_text(part, locale=locale),
                ),
            )
            for is_text, part in figures_in(sentence, but=(but,))
        ),
    )


_WORDS = {
    "type": dict(TYPE_CHOICES),
    "time": dict(TIME_IN_FORCE_CHOICES),
    "class": dict(CLASS_CHOICES),
    "role": dict(ROLE_CHOICES),
    "fees": {"": "No fees", **dict(FEE_CHOICES)},
    "event": {
        "pending_new": "Taken",
        "accepted": "Accepted",
        "new": "At the exchange",
        "held": "Held back",
        "fill": "Filled",
        "partial_fill": "Filled in part",
        "pending_cancel": "Cancellation asked for",
        "canceled": "Cancelled",
        "expired": "Expired",
        "rejected": "Rejected",
        "pending_replace": "Change asked for",
        "replaced": "Replaced",
        "order_replace_rejected": "Change refused",
        "order_cancel_rejected": "Cancellation refused",
        "stopped": "Stopped",
        "suspended": "Suspended",
        "done_for_day": "Done for the day",
        "calculated": "Being settled",
        "restated": "Restated",
    },
}
_ACTIVITIES = {
    "CSD": "Deposit",
    "CSW": "Withdrawal",
    "DIV": "Dividend",
    "INT": "Interest",
    "FEE": "Fee",
    "CFEE": "Crypto fee",
    "SPLIT": "Split",
    "SPIN": "Spin-off",
    "MA": "Merger",
    "NC": "New symbol",
    "DIVROC": "Return of capital",
}


@register.filter
def words_of(value: str, kind: str) -> str:
    """A code of an order in words: ``{{ order.type|words_of:"type" }}``; kinds are type, time, class, role, event and fees."""
    return str(_WORDS[kind].get(value, value.replace("_", " ")))


@register.filter
def activity_words(row: Activity) -> str:
    """A row of an account's activity in a few words."""
    if row.type == "FILL":
        return f"{'Bought' if row.side == 'buy' else 'Sold'} {row.symbol}"
    name = _ACTIVITIES.get(row.type, row.type)
    if row.type in ("FEE", "CFEE") and row.order_id is not None:
        name = row.description
    elif row.type == "DIV" and row.cash < 0:
        name = "Dividend owed on a short position"
    elif row.type == "INT" and row.cash < 0:
        name = "Interest charged"
    return f"{name}: {row.symbol}" if row.symbol else name


@register.filter
def decimal(text: str) -> Decimal:
    """A figure that is kept as a text."""
    return Decimal(text)


@register.filter
def magnitude(value: Decimal | None) -> Decimal | None:
    """A figure without its sign, for where words say the direction."""
    return None if value is None else abs(value)


@register.filter
def plain_number(value: Decimal) -> str:
    """All digits of a number and no more, as a form field takes it back."""
    return plain(value)
