"""Portfolios, instruments and prices for tests of the books."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from holdings.entries import Entry
from holdings.models import Portfolio, Transaction
from holdings.operations import create_portfolio, post_transaction
from holdings.queries.verification import verify_portfolio
from marketdata.models import FxRate, Instrument, PriceBar

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
D = Decimal
GHOSTFOLIO = json.dumps(
    {
        "activities": [
            {"type": "BUY", "symbol": "ACME", "dataSource": "YAHOO", "currency": "USD", "quantity": 2,
             "unitPrice": 50.5, "fee": 1, "date": "2026-02-03T00:00:00.000Z"},
            {"type": "SELL", "symbol": "ACME", "dataSource": "YAHOO", "currency": "USD", "quantity": 900,
             "unitPrice": 60, "fee": 0, "date": "2026-02-04T00:00:00.000Z"},
        ]
    }
).encode()  # fmt: skip


def make_instrument(symbol: str = "ACME", *, currency: str = "USD", **fields: Any) -> Instrument:
    """A shared instrument without prices."""
    return Instrument.objects.create(symbol=symbol, name=f"{symbol} Inc.", currency=currency, **fields)


def make_prices(instrument: Instrument, closes: dict[str, str]) -> None:
    """Daily closes."""
    PriceBar.objects.bulk_create(
        PriceBar(instrument=instrument, date=date.fromisoformat(day), close=D(close), source="test")
        for day, close in closes.items()
    )


def make_rates(**rates: str) -> None:
    """Rates from 2020 on: `make_rates(EURUSD="1.25")`."""
    for pair, rate in rates.items():
        FxRate.objects.create(
            base=pair[:3], quote=pair[3:], date=date(2020, 1, 1), rate=D(rate), source="test"
        )


def make_portfolio(
    owner: Any, *, name: str = "Long run", base_currency: str = "EUR", **fields: Any
) -> Portfolio:
    """An empty portfolio."""
    return create_portfolio(owner=owner, name=name, base_currency=base_currency, now=NOW, **fields)


def post(
    portfolio: Portfolio, type_: str, day: str | date, *, now: datetime = NOW, **fields: Any
) -> Transaction:
    """Post an entry as the owner; numbers may be text."""
    occurred = date.fromisoformat(day) if isinstance(day, str) else day
    numbers = {"quantity", "price", "amount", "fees", "taxes", "fx_rate", "instrument_rate", "cost"}
    values = {
        key: D(value) if key in numbers and isinstance(value, str) else value for key, value in fields.items()
    }
    row = post_transaction(
        portfolio_id=portfolio.pk,
        entry=Entry(type=type_, occurred=occurred, **values),
        actor=portfolio.owner,
        now=now,
    )
    assert isinstance(row, Transaction)
    return row


def assert_books_are_right(portfolio: Portfolio) -> None:
    """The tables follow from the journal, to the last digit."""
    assert verify_portfolio(portfolio.pk).problems == ()


def days_from(start: str, count: int) -> list[date]:
    """So many days in a row."""
    first = date.fromisoformat(start)
    return [first + timedelta(days=n) for n in range(count)]


def form_of(client: Any, url: str) -> dict[str, str]:
    """What a form page would post if nobody typed anything: its token, and every value shown."""
    form = client.get(url).context["form"]
    values = {}
    for name in form.fields:
        value = form[name].value()
        if value not in (None, False):
            values[form[name].html_name] = str(form.fields[name].prepare_value(value))
    return values
