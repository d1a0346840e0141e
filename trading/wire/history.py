"""The wire's portfolio history: what the account was worth, window by window.

Each element is as of the end of its window. By days, profit and loss is the change from the element before (payments
in and out are part of it); within days it counts from the close of the day before, or with ``pnl_reset=no_reset`` from the
beginning. The account begins with its starting cash: that is no profit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from trading import queries
from trading.queries import AccountHistory, EquityPoint, daily_pricing, intraday_pricing
from trading.wire.calls import Call
from trading.wire.data.forms import day_starts
from trading.wire.errors import invalid
from trading.wire.values import EXACT, number_of, read_words, rounded
from trading.wire.windows import Asked, Window, read_asked, windows_of

_ZERO: Final = Decimal(0)
#: Journal type -> activity type that the SDK knows.
_FLOWS: Final = {
    "deposit": "CSD",
    "withdrawal": "CSW",
    "dividend": "DIV",
    "distribution": "DIV",
    "interest": "INT",
    "interest_charge": "INT",
    "fee": "FEE",
    "fee_refund": "FEE",
    "return_of_capital": "DIVROC",
}


def get_history(call: Call) -> Any:
    """``GET /account/portfolio/history``"""
    asked = read_asked(call)
    reset = call.word("pnl_reset", frozenset({"per_day", "no_reset"}), "per_day")
    flows = _wanted_flows(call)
    history = AccountHistory(call.portfolio_id, currency=call.holder.currency)
    began = history.began_at
    windows = [window for window in windows_of(asked, now=call.now) if began and window.ends > began]
    if not windows:
        return _form(asked, [], [], [], history.starting_cash, ())
    base_at = day_starts(windows[0].day)
    daily = daily_pricing(history.instruments, (base_at - timedelta(days=30)).date(), windows[-1].day)
    if asked.is_daily:
        points, before = _daily(history, windows, base_at, daily)
    else:
        points, before = _intraday(history, windows, base_at, daily)
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
        **_form(asked, windows, points, gains, base, flows),
        "profit_loss_pct": shares,
        "base_value_asof": (windows[0].day - timedelta(days=1)).isoformat(),
    }


def _daily(
    history: AccountHistory, windows: Sequence[Window], base_at: datetime, pricing: Any
) -> tuple[list[EquityPoint], EquityPoint]:
    # A day ends an instant before the next one begins.
    last = timedelta(microseconds=1)
    instants = [base_at - last, *(window.ends - last for window in windows)]
    before, *points = history.curve(instants, pricing)
    return points, before


def _intraday(
    history: AccountHistory, windows: Sequence[Window], base_at: datetime, daily: Any
) -> tuple[list[EquityPoint], EquityPoint]:
    base = base_at - timedelta(microseconds=1)
    (before,) = history.curve([base], daily)
    pricing = intraday_pricing(history.instruments, windows[0].begins, windows[-1].ends)
    # From the base on: what was paid before it is none of the first window's.
    _, *points = history.curve([base, *(window.ends for window in windows)], pricing)
    return points, before


def _ending_now(call: Call, windows: Sequence[Window], points: list[EquityPoint]) -> list[EquityPoint]:
    """The window that is not over yet is told as the account tells itself."""
    if windows[-1].ends < call.now:
        return points
    equity = queries.account_figures(call.portfolio_id, now=call.now).equity
    return [*points[:-1], EquityPoint(at=call.now, equity=equity, flows=points[-1].flows)]


def _closes(history: AccountHistory, windows: Sequence[Window], base: Decimal, pricing: Any) -> list[Decimal]:
    """For each window what the account was worth at the close of the day before its day."""
    days = sorted({window.day for window in windows})
    instants = [day_starts(day) - timedelta(microseconds=1) for day in days[1:]]
    values = [point.equity for point in history.curve(instants, pricing)]
    by_day = dict(zip(days, [base, *values], strict=True))
    return [by_day[window.day] for window in windows]


def _wanted_flows(call: Call) -> frozenset[str]:
    words = {word.upper() for word in read_words(call.text("cashflow_types") or "NONE")}
    known = frozenset(_FLOWS.values())
    if "ALL" in words:
        return known
    unknown = words - known - {"NONE"}
    if any(not word.isalpha() or len(word) > 8 for word in unknown):
        raise invalid("invalid cashflow_types")
    return known & words


def _form(
    asked: Asked,
    windows: Sequence[Window],
    points: Sequence[EquityPoint],
    gains: Sequence[Decimal],
    base: Decimal,
    flows: Collection[str],
) -> dict[str, Any]:
    form: dict[str, Any] = {
        "timestamp": [int(window.begins.timestamp()) for window in windows],
        "equity": [_number(point.equity) for point in points],
        "profit_loss": [_number(gain) for gain in gains],
        "profit_loss_pct": [],
        "base_value": _number(base),
        "timeframe": asked.frame,
    }
    cashflow = _cashflow(points, frozenset(flows))
    return {**form, "cashflow": cashflow} if cashflow else form


def _cashflow(points: Sequence[EquityPoint], wanted: frozenset[str]) -> dict[str, list[Any]]:
    """Payments by activity type, one element for each window; a type that nothing was paid of is left out."""
    sums: dict[str, list[Decimal]] = {}
    for place, point in enumerate(points):
        for name, amount in point.flows.items():
            kind = _FLOWS.get(name)
            if kind in wanted and kind is not None:
                sums.setdefault(kind, [_ZERO] * len(points))[place] += amount
    return {kind: [_number(amount) for amount in found] for kind, found in sorted(sums.items())}


def _number(value: Decimal) -> Any:
    return number_of(rounded(value, 6))
