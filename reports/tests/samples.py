"""What the renderers are given in tests: texts that mean harm, things without a price, odd digits."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from reports.renderers.data import (
    Breakdown,
    CashLine,
    Figure,
    HoldingLine,
    Locale,
    PortfolioSummary,
    ReportHead,
    SeriesPoint,
    Slice,
    TransactionHistory,
    TransactionLine,
    TypeTotal,
)

EVIL = '=1+1<script>alert("x")</script><img src="http://evil.example/a.png">'
HEAD = ReportHead(
    title="Portfolio summary",
    portfolio_name=f"Family {EVIL}",
    owner_name="Ada Sample",
    currency="EUR",
    period_from=date(2026, 1, 1),
    period_to=date(2026, 11, 20),
    generated_at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    currency_digits={"JPY": 0, "BTC": 8},
    locale=Locale(time_zone="Europe/Zurich"),
    is_simulated=True,
    notices=("No price is known of PRIV.",),
)


def holding(**more):
    """A holding, in yen, with a name that means harm."""
    values = {
        "symbol": "AAA", "name": EVIL, "asset_class": "Equity", "currency": "JPY", "quantity": Decimal("1234.5"),
        "price": Decimal(1000), "price_date": date(2026, 11, 20), "price_is_simulated": True,
        "cost_basis_base": Decimal("7000.00"), "market_value": Decimal(1234500),
        "market_value_base": Decimal("7654.321"), "unrealised_gain_base": Decimal("654.321"), "weight": Decimal("0.5"),
    }  # fmt: skip
    return HoldingLine(**{**values, **more})


def summary(**more):
    """A whole summary."""
    values = {
        "head": HEAD,
        "figures": (
            Figure(label="Net worth", value=Decimal("15308.64"), kind="money"),
            Figure(label="Return", value=Decimal("-0.0512"), kind="signed_percent"),
            Figure(label="Unknown", value=None, kind="percent"),
        ),
        "statement": (
            Figure(label="Opening", value=Decimal(0), kind="money"),
            Figure(label="Contributions", value=Decimal(15000), kind="signed_money"),
            Figure(label="Closing", value=Decimal("15308.64"), kind="money"),
        ),
        "value_series": tuple(
            SeriesPoint(day=date(2026, 1, 1) + timedelta(days=n), value=Decimal(10000 + n * 7)) for n in range(300)
        ),
        "breakdowns": (
            Breakdown(title="By class", slices=(Slice(label=EVIL, value=Decimal(1), weight=Decimal(1)),)),
        ),
        "holdings": (
            holding(),
            holding(symbol="PRIV", price=None, market_value=None, market_value_base=None, unrealised_gain_base=None,
                     weight=None, price_date=None),
        ),
        "cash": (CashLine(account="Cash", currency="EUR", balance=Decimal("-1.5"), balance_base=Decimal("-1.5")),),
        "method": "first in, first out",
    }  # fmt: skip
    return PortfolioSummary(**{**values, **more})


def line(number=0, **more):
    """A line of the history."""
    values = {
        "occurred_at": datetime(2026, 1, 1, 23, 30, tzinfo=UTC) + timedelta(hours=number), "is_date_only": False,
        "occurred_date": date(2026, 1, 1),
        "type": "buy", "type_label": "Buy", "account": "Depot", "symbol": "AAA", "instrument_name": EVIL,
        "quantity": Decimal("3.000000000000"), "price": Decimal("1.5"), "amount": Decimal("4.5"), "fees": Decimal("0.1"),
        "taxes": Decimal(0), "currency": "EUR", "cash_effect": Decimal("-4.6"), "note": "", "external_id": "",
    }  # fmt: skip
    return TransactionLine(**{**values, **more})


def history(rows):
    """A history of these lines."""
    total = TypeTotal(
        type_label="Buy", currency="EUR", count=len(rows), amount=Decimal(1), fees=Decimal(0), taxes=Decimal(0),
        cash_effect=Decimal(-1),
    )  # fmt: skip
    return TransactionHistory(
        head=dataclasses.replace(HEAD, title="Transaction history"),
        figures=(Figure(label="Entries", value=Decimal(len(rows)), kind="count"),),
        totals=(total,) if rows else (),
        rows=rows,
    )
