"""From typed values back to the portfolio file: what `parse` reads from it is equal to what was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from holdings.domain.numbers import plain
from holdings.domain.series import Series
from holdings.domain.types import ONE, Account, Instrument, Portfolio, Transaction

Json = dict[str, Any]
NUMBERS = ("quantity", "price", "amount", "fx_rate", "instrument_rate", "cost")
NAMES = ("account", "to_account", "cash_account", "instrument", "to_instrument")
TEXTS = ("external_id", "note")


def document(portfolio: Portfolio) -> Json:
    """The JSON-able portfolio file."""
    body: Json = {
        "format": "portfolio/1",
        "name": portfolio.name,
        "base_currency": portfolio.base_currency,
        "as_of": (portfolio.as_of_at or portfolio.as_of).isoformat(),
        "timezone": portfolio.timezone,
        "cost_basis_method": str(portfolio.cost_basis_method),
        "allow_short": portfolio.allow_short,
    }
    if portfolio.allow_negative_cash:
        body["allow_negative_cash"] = True
    if portfolio.tax_country:
        body["tax_country"] = portfolio.tax_country
    if portfolio.risk_free_rate:
        body["risk_free_rate"] = portfolio.risk_free_rate
    body["accounts"] = [_account(account) for account in portfolio.accounts.values()]
    body["instruments"] = [_instrument(instrument) for instrument in portfolio.instruments.values()]
    body["transactions"] = [transaction(row) for row in portfolio.transactions]
    body["prices"] = _all_series(portfolio.prices)
    body["fx"] = {f"{source}/{target}": _series(series) for (source, target), series in portfolio.fx.items()}
    if portfolio.benchmarks:
        body["benchmarks"] = _all_series(portfolio.benchmarks)
    return body


def _account(account: Account) -> Json:
    row: Json = {
        "id": account.id,
        "name": account.name,
        "kind": str(account.kind),
        "currency": account.currency,
    }
    if account.cash_account is not None:
        row["cash_account"] = account.cash_account
    return row


def _instrument(instrument: Instrument) -> Json:
    row: Json = {
        "id": instrument.id,
        "currency": instrument.currency,
        "asset_class": str(instrument.asset_class),
    }
    for name in ("symbol", "name", "isin", "exchange", "sector", "country"):
        if getattr(instrument, name):
            row[name] = getattr(instrument, name)
    if instrument.multiplier != ONE:
        row["multiplier"] = plain(instrument.multiplier)
    if instrument.maturity is not None:
        row["maturity"] = instrument.maturity.isoformat()
    if instrument.coupon is not None:
        row["coupon"] = plain(instrument.coupon)
    if instrument.quote_percent:
        row["quote_unit"] = "percent"
    return row


def transaction(tx: Transaction) -> Json:
    """One row of the journal; what is empty is left out."""
    row: Json = {"id": tx.id, "date": _when(tx), "type": str(tx.type)}
    for name in NAMES:
        if getattr(tx, name) is not None:
            row[name] = getattr(tx, name)
    for name in NUMBERS:
        value: Decimal | None = getattr(tx, name)
        if value is not None:
            row[name] = plain(value)
    for name in ("fees", "taxes"):
        if getattr(tx, name):
            row[name] = plain(getattr(tx, name))
    row["currency"] = tx.currency
    if tx.ratio is not None:
        row["ratio"] = ratio(tx.ratio)
    if tx.lots:
        row["lots"] = list(tx.lots)
    for name in TEXTS:
        if getattr(tx, name):
            row[name] = getattr(tx, name)
    if tx.tags:
        row["tags"] = list(tx.tags)
    return row


def _when(tx: Transaction) -> str:
    when: date = tx.day if tx.at is None else tx.at
    return when.isoformat()


def ratio(value: Fraction) -> str:
    """A ratio as new shares to old shares."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}:{value.denominator}"


def _all_series(series: Mapping[str, Series]) -> Json:
    return {name: _series(values) for name, values in series.items()}


def _series(series: Series) -> dict[str, str]:
    return {day.isoformat(): plain(value) for day, value in series.items()}
