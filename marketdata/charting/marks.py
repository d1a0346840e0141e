"""Charts of prices: what happened on the way, as marks at the period it fell into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from marketdata.charting.writing import plain
from marketdata.models import ActionKind
from marketdata.queries import ActionView, HeldView, TradeView

#: More little flags than these say nothing any more.
MOST_DIVIDENDS = 60
MOST_LINES = 4

Mark = dict[str, Any]


def action_marks(actions: Sequence[ActionView], days: Any, labels: Sequence[str]) -> list[Mark]:
    """Return the splits and the latest dividends whose ex-date lies between the first and the last day."""
    inside = [
        action for action in actions if len(days) and days[0] <= np.datetime64(action.ex_date) <= days[-1]
    ]
    dividends = [action for action in inside if action.kind == ActionKind.DIVIDEND][-MOST_DIVIDENDS:]
    shown = [action for action in inside if action.kind == ActionKind.SPLIT or action in dividends]
    return [
        {
            "at": labels[_place(days, action.ex_date)],
            "kind": action.kind,
            "on": action.ex_date.isoformat(),
            "label": _words(action),
        }
        for action in shown
    ]


def _words(action: ActionView) -> str:
    if action.kind == ActionKind.SPLIT:
        return f"Split {plain(action.value)}:1"
    return f"Dividend {plain(action.value)}"


def trade_marks(trades: Sequence[TradeView], days: Any, labels: Sequence[str]) -> list[Mark]:
    """Return a mark for each period and side that has trades. What they say of the person (`label`) gives way to
    `cover` in privacy mode."""
    if not len(days):
        return []
    grouped: dict[tuple[str, str], list[TradeView]] = {}
    for trade in trades:
        place = _trade_place(days, trade)
        if place is not None:
            grouped.setdefault((labels[place], trade.side), []).append(trade)
    marks = []
    for (at, side), found in grouped.items():
        verb = "Bought" if side == "buy" else "Sold"
        lines = [_trade_words(verb, trade) for trade in found[:MOST_LINES]]
        if len(found) > MOST_LINES:
            lines.append(f"and {len(found) - MOST_LINES} more")
        marks.append({"at": at, "kind": side, "label": "; ".join(lines), "cover": verb})
    return marks


def _trade_words(verb: str, trade: TradeView) -> str:
    price = "" if trade.price is None else f" at {plain(trade.price)}"
    paper = ", paper" if trade.is_paper else ""
    return f"{verb} {plain(trade.quantity)}{price} on {trade.day.isoformat()} ({trade.portfolio}{paper})"


def cost_line(held: Sequence[HeldView]) -> list[dict[str, Any]]:
    """Return the average cost of what is held as a line across the chart: of what is really owned, else of the
    paper accounts."""
    own = [view for view in held if not view.is_paper and view.quantity] or [
        view for view in held if view.quantity
    ]
    units = sum((view.quantity * view.unit for view in own), Decimal(0))
    cost = sum((view.cost_basis for view in own), Decimal(0))
    if not units or cost / units <= 0:
        return []
    return [{"value": plain(cost / units), "label": "Average cost", "is_private": True}]


def _trade_place(days: Any, trade: TradeView) -> int | None:
    """The period of a trade: by its day; among minutes by its instant, if that is known."""
    when: Any = np.datetime64(trade.day)
    if days.dtype != np.dtype("datetime64[D]"):
        if trade.at is None:
            return None
        # A step carries the instant at which it begins.
        when = np.datetime64(int(trade.at.timestamp()), "s")
        return int(np.searchsorted(days, when, side="right")) - 1 if days[0] <= when else None
    return int(np.searchsorted(days, when)) if days[0] <= when <= days[-1] else None


def _place(days: Any, day: date) -> int:
    """The period that a day falls into: the first that ends on it or later."""
    return int(np.searchsorted(days, np.datetime64(day)))
