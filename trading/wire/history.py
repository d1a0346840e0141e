"""The wire's portfolio history: what the account was worth, window by window.

Each element is as of the end of its window. By days, profit and loss is the change from the element before (payments
in and out are part of it); within days it counts from the close of the day before, or with ``pnl_reset=no_reset`` from the
beginning. The account begins with its starting cash: that is no profit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from trading import queries
from trading.queries import AccountHistory, EquityPoint, daily_pricing, intraday_pricing
from trading.wire.calls import Call
from trading.wire.data.forms import day_starts
from trading.wire.errors import invalid
from trading.wire.values import EXACT, number_of, rounded
from trading.wire.windows import Asked, Window, read_asked, windows_of

_ZERO: Final = Decimal(0)
#: A day ends an instant before the next one begins.
_INSTANT: Final = timedelta(microseconds=1)
#: What cash moves by beside executions, in the words of activities (of which the SDK knows each).
_FLOWS: Final = queries.ALL_TYPES - {"FILL"}


def get_history(call: Call) -> Any:
    """``GET /account/portfolio/history``"""
    asked = read_asked(call)
    reset = call.word("pnl_reset", frozenset({"per_day", "no_reset"}), "per_day")
    flows = _wanted_flows(call)
    history = AccountHistory(call.portfolio_id, currency=call.holder.currency)
    began = history.began_at
    windows = [window for window in windows_of(asked, now=call.now) if began and window.ends > began]
    if not windows:
        return _form(asked, [], [], [], history.starting_cash)
    base_at = day_starts(windows[0].day)
    daily = daily_pricing(history.instruments, (base_at - timedelta(days=30)).date(), windows[-1].day)
    ends = [window.ends - _INSTANT if asked.is_daily else window.ends for window in windows]
    pricing = daily
    if not asked.is_daily:
        pricing = intraday_pricing(history.instruments, windows[0].begins, windows[-1].ends)
    (before,) = history.curve([base_at - _INSTANT], daily)
    points = history.curve(ends, pricing)
    points = _ending_now(call, windows, points)
    base = history.starting_cash if began is None or base_at <= began else before.equity
    if asked.is_daily:
        bases = [base, *(point.equity for point in points[:-1])]
    elif reset == "no_reset":
        bases = [base] * len(points)
    else:
        bases = _closes(history, windows, base, daily)
    gains = [point.equity - start for point, start in zip(points, bases, strict=True)]
    shares = [
        number_of(rounded(EXACT.divide(gain, start), 9)) if start else None
        for gain, start in zip(gains, bases, strict=True)
    ]
    return {
        **_form(asked, windows, points, gains, base),
        "profit_loss_pct": shares,
        "base_value_asof": (windows[0].day - timedelta(days=1)).isoformat(),
        **_cashflow(call, flows, since=base_at - _INSTANT, ends=ends),
    }


def _ending_now(call: Call, windows: Sequence[Window], points: list[EquityPoint]) -> list[EquityPoint]:
    """The window that is not over yet is told as the account tells itself."""
    if windows[-1].ends < call.now:
        return points
    equity = queries.account_figures(call.portfolio_id, now=call.now).equity
    return [*points[:-1], EquityPoint(at=call.now, equity=equity)]


def _closes(history: AccountHistory, windows: Sequence[Window], base: Decimal, pricing: Any) -> list[Decimal]:
    """For each window what the account was worth at the close of the day before its day."""
    days = sorted({window.day for window in windows})
    instants = [day_starts(day) - timedelta(microseconds=1) for day in days[1:]]
    values = [point.equity for point in history.curve(instants, pricing)]
    by_day = dict(zip(days, [base, *values], strict=True))
    return [by_day[window.day] for window in windows]


def _wanted_flows(call: Call) -> frozenset[str]:
    words = {word.upper() for word in call.words("cashflow_types")}
    if "ALL" in words:
        return _FLOWS
    if any(not word.isalpha() or len(word) > 8 for word in words - _FLOWS):
        raise invalid("invalid cashflow_types")
    return _FLOWS & words


def _form(
    asked: Asked,
    windows: Sequence[Window],
    points: Sequence[EquityPoint],
    gains: Sequence[Decimal],
    base: Decimal,
) -> dict[str, Any]:
    return {
        "timestamp": [int(window.begins.timestamp()) for window in windows],
        "equity": [_number(point.equity) for point in points],
        "profit_loss": [_number(gain) for gain in gains],
        "profit_loss_pct": [],
        "base_value": _number(base),
        "timeframe": asked.frame,
    }


def _cashflow(
    call: Call, wanted: frozenset[str], *, since: datetime, ends: Sequence[datetime]
) -> dict[str, dict[str, list[Any]]]:
    """Payments by activity type, one element for each window: what came after the end of the one before. A type that nothing
    was paid of is left out."""
    if not wanted:
        return {}
    sums: dict[str, list[Decimal]] = {}
    found = queries.cashflows_of(
        call.portfolio_id, currency=call.holder.currency, types=wanted, after=since, until=ends[-1]
    )
    for at, kind, amount in found:
        sums.setdefault(kind, [_ZERO] * len(ends))[bisect_left(ends, at)] += amount
    told = {kind: [_number(amount) for amount in amounts] for kind, amounts in sorted(sums.items())}
    return {"cashflow": told} if told else {}


def _number(value: Decimal) -> Any:
    return number_of(rounded(value, 6))
