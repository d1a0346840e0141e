"""The print shop: the head that every report has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from portfolio_site.kernel.money import minor_digits
from reports.kinds.base import Order
from reports.kinds.locales import locale_of
from reports.renderers.data import ReportHead


def head_of(
    order: Order,
    *,
    title: str,
    first_day: date | None,
    currencies: Iterable[str],
    is_simulated: bool = False,
    notices: Sequence[str] = (),
) -> ReportHead:
    """The head of a report on ``order``; ``first_day`` is where the period really begins (None: it has no beginning)."""
    return ReportHead(
        title=title,
        portfolio_name=order.portfolio.name,
        owner_name=order.portfolio.owner.get_full_name(),
        currency=order.currency,
        period_from=first_day,
        period_to=order.period_to,
        generated_at=order.made_at,
        currency_digits={code: minor_digits(code) for code in {order.currency, *currencies}},
        locale=locale_of(order.owner),
        is_simulated=is_simulated,
        notices=tuple(notices),
    )
