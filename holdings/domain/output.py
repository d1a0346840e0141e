"""The ``analysis/1`` document: money as plain decimal strings, rates and ratios as numbers or null, days as YYYY-MM-DD."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

from holdings.domain.analysis import Analysis
from holdings.domain.ledger.state import Realised
from holdings.domain.numbers import exact, plain
from holdings.domain.performance import BenchmarkFigures, Performance
from holdings.domain.positions import Position
from holdings.domain.statement import Statement, Totals

Json = dict[str, Any]

TOTALS = (
    "market_value", "cash", "liabilities", "net_worth", "cost_basis", "unrealised_gain", "realised_gain", "dividends",
    "interest", "fees", "taxes", "currency_gain", "net_contributions", "total_gain",
)  # fmt: skip
STATEMENT = (
    "opening_value", "contributions", "withdrawals", "realised_gain", "unrealised_gain", "dividends", "interest", "fees",
    "taxes", "currency_gain", "closing_value",
)  # fmt: skip


def document(analysis: Analysis, *, daily: bool = False) -> Json:
    """The whole document, ready for ``json.dumps``."""
    with exact():
        body: Json = {
            "format": "analysis/1",
            "as_of": analysis.end.isoformat(),
            "base_currency": analysis.portfolio.base_currency,
            "method": str(analysis.method),
            "totals": totals(analysis.totals),
            "cash": [
                {
                    "account": row.account,
                    "currency": row.currency,
                    "balance": plain(row.balance),
                    "balance_base": plain(row.balance_base),
                }
                for row in analysis.cash
            ],
            "statement": statement(analysis.statement),
            "performance": performance(analysis.performance),
            "positions": [
                position(row, analysis.totals.market_value + analysis.totals.cash)
                for row in analysis.positions
            ],
            "realised": [realised(row) for row in in_closing_order(analysis.replay.effects.realised)],
        }
        if daily:
            body["daily"] = daily_rows(analysis.performance)
        body["warnings"] = [
            {"code": notice.code, "message": notice.message, "path": notice.path}
            for notice in analysis.notices
        ]
        return body


def totals(values: Totals) -> Json:
    """Totals since the first transaction."""
    return {name: plain(getattr(values, name)) for name in TOTALS}


def statement(values: Statement) -> Json:
    """The statement of the period."""
    dates: Json = {"from": values.start.isoformat(), "to": values.end.isoformat()}
    return dates | {name: plain(getattr(values, name)) for name in STATEMENT}


def number(value: float | None) -> float | None:
    """A ratio as JSON can hold it: null where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def performance(values: Performance) -> Json:
    """Returns and risk of the period."""

    def day(index: int | None) -> str | None:
        return None if index is None else date.fromordinal(values.first + index).isoformat()

    fall, ends, stats = values.drawdown, values.extremes, values.statistics
    return {
        "from": day(0),
        "to": date.fromordinal(values.last).isoformat(),
        "twr": number(values.twr),
        "twr_annualised": number(values.twr_annualised),
        "irr": number(values.irr.rate),
        "irr_status": values.irr.status,
        "irr_roots": [float(root) for root in values.irr.roots],
        "simple_return": number(values.simple_return),
        "volatility": number(stats["volatility"]),
        "downside_deviation": number(stats["downside_deviation"]),
        "max_drawdown": None if fall is None else number(fall.depth),
        "max_drawdown_from": None if fall is None else day(fall.peak),
        "max_drawdown_to": None if fall is None else day(fall.trough),
        "max_drawdown_recovered": None if fall is None else day(fall.recovered),
        "sharpe": number(stats["sharpe"]),
        "sortino": number(stats["sortino"]),
        "best_day": None if ends is None else number(ends.best),
        "worst_day": None if ends is None else number(ends.worst),
        "benchmark": None if values.benchmark is None else benchmark(values.benchmark),
    }


def benchmark(values: BenchmarkFigures) -> Json:
    """The benchmark's figures."""
    compared = values.comparison
    return {
        "id": values.id,
        "twr": number(values.twr),
        "twr_annualised": number(values.twr_annualised),
        "volatility": number(compared.volatility),
        "beta": number(compared.beta),
        "alpha": number(compared.alpha),
        "correlation": number(compared.correlation),
        "tracking_error": number(compared.tracking_error),
        "information_ratio": number(compared.information_ratio),
    }


def position(row: Position, total: Decimal) -> Json:
    """One position; ``total`` is the value its weight is a part of (securities and cash)."""
    shown: Json = {"instrument": row.instrument, "account": row.account, "currency": row.currency}
    shown["quantity"] = plain(row.quantity)
    for name in ("average_cost", "cost_basis"):
        _twins(shown, row, name)
    shown["price"] = None if row.price is None else plain(row.price)
    shown["price_base"] = None if row.price_base is None else plain(row.price_base)
    shown["price_date"] = None if row.price_date is None else row.price_date.isoformat()
    for name in (
        "market_value",
        "unrealised_gain",
        "realised_gain",
        "dividends",
        "interest",
        "fees",
        "taxes",
    ):
        _twins(shown, row, name)
    shown["irr"] = number(row.irr.rate)
    shown["irr_base"] = number(row.irr_base.rate)
    shown["weight"] = float(row.market_value_base / total) if total > 0 else None
    shown["lots"] = [
        {
            "id": lot.id,
            "opened": lot.opened.isoformat(),
            "quantity": plain(lot.quantity),
            "cost": plain(lot.cost),
            "cost_base": plain(lot.cost_base),
        }
        for lot in row.lots
    ]
    return shown


def _twins(shown: Json, row: Position, name: str) -> None:
    shown[name] = plain(getattr(row, name))
    shown[name + "_base"] = plain(getattr(row, name + "_base"))


def in_closing_order(rows: list[Realised]) -> list[Realised]:
    """Rows by the day they were closed, else as the ledger wrote them (a 30-day match is written at its purchase)."""
    return sorted(rows, key=lambda row: row.closed)


def realised(row: Realised) -> Json:
    """One realised row."""
    return {
        "instrument": row.instrument,
        "account": row.account,
        "currency": row.currency,
        "direction": str(row.direction),
        "opened": row.opened.isoformat(),
        "closed": row.closed.isoformat(),
        "quantity": plain(row.quantity),
        "proceeds": plain(row.proceeds),
        "proceeds_base": plain(row.proceeds_base),
        "cost": plain(row.cost),
        "cost_base": plain(row.cost_base),
        "fees": plain(row.fees),
        "fees_base": plain(row.fees_base),
        "gain": plain(row.proceeds - row.cost),
        "gain_base": plain(row.proceeds_base - row.cost_base),
        "holding_days": row.holding_days,
        "term": str(row.term),
        "lot": row.lot,
        "match": None if row.match is None else str(row.match),
        "wash_sale_adjustment": plain(row.wash_sale_adjustment),
        "wash_sale_adjustment_base": plain(row.wash_sale_adjustment_base),
    }


def daily_rows(values: Performance) -> list[Json]:
    """Value, flow and index of every calendar day of the period."""
    scale = values.scale
    return [
        {
            "date": date.fromordinal(values.first + day).isoformat(),
            "value": scaled_text(value, scale),
            "flow": scaled_text(values.inflows.get(day, 0) - values.outflows.get(day, 0), scale),
            "twr_index": level,
        }
        for day, (value, level) in enumerate(zip(values.values, values.index, strict=True))
    ]


def scaled_text(mantissa: int, scale: int) -> str:
    """``mantissa × 10^-scale`` as plain digits without trailing zeros."""
    if not mantissa:
        return "0"
    if not scale:
        return str(mantissa)
    digits = str(abs(mantissa)).zfill(scale + 1)
    fraction = digits[-scale:].rstrip("0")
    text = f"{digits[:-scale]}.{fraction}" if fraction else digits[:-scale]
    return f"-{text}" if mantissa < 0 else text
