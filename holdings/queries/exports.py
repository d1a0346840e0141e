"""A portfolio as a file that goes out, piece by piece: a long journal is never one long string."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from holdings.domain import types as domain
from holdings.domain import writing
from holdings.domain.numbers import plain
from holdings.models import Portfolio, Transaction
from holdings.queries.outgoing import Names, extent_of, written_entries
from holdings.queries.rates import rates_since
from holdings.queries.valuing import snapshot, unit_of
from holdings.queries.whole import frame_of, today_in
from marketdata.queries import closes_written

_GHOSTFOLIO_TYPES = {
    "buy": "BUY",
    "sell": "SELL",
    "dividend": "DIVIDEND",
    "distribution": "DIVIDEND",
    "interest": "INTEREST",
    "staking": "INTEREST",
    "fee": "FEE",
    "liability": "LIABILITY",
    "delivery_in": "BUY",
    "delivery_out": "SELL",
}


def portfolio_export(portfolio: Portfolio, *, now: datetime) -> Iterator[str]:
    """The portfolio file (portfolio/1), with the prices and rates that its figures on the page are made of.

    `analyse` of it gives the page's figures: the latest quotes stand in it as prices of their days.
    """
    today = today_in(portfolio, now)
    extent = extent_of(portfolio.pk)
    frame = extent.frame
    places = unique_names({key: account.name or key for key, account in frame.accounts.items()})
    things = unique_names({key: thing.symbol or key for key, thing in frame.instruments.items()})
    head = writing.document(_readable(frame_of(portfolio, frame, today=today), places, things))
    for key in ("transactions", "prices", "fx"):
        head.pop(key)
    yield json.dumps(head, ensure_ascii=False, indent=1).rstrip().removesuffix("}").rstrip()
    yield ',\n "transactions": ['
    yield from _lines(written_entries(portfolio.pk, Names(frame.accounts, places, things)))
    yield '\n ],\n "prices": {'
    # One day earlier, because a period begins at the end of the day before.
    start = (extent.first or today) - timedelta(days=1)
    ids = [int(key) for key in frame.instruments]
    series = closes_written(ids, start, today, instead=_instead(portfolio, ids, today, now))
    yield from _lines(f"{json.dumps(things[str(pk)], ensure_ascii=False)}: {{{text}}}" for pk, text in series)
    yield '\n },\n "fx": {'
    rates = rates_since(extent.currencies, portfolio.base_currency, start, today)
    yield from _lines(
        f'"{base}/{quote}": '
        + json.dumps({day.isoformat(): plain(rate) for day, rate in sorted(dated.items())})
        for (base, quote), dated in rates.items()
    )
    yield "\n }\n}\n"


def _readable(
    frame: domain.Portfolio, places: Mapping[str, str], things: Mapping[str, str]
) -> domain.Portfolio:
    """The same frame with symbols for instrument ids and names for account ids, so that a person can read it."""
    return replace(
        frame,
        accounts={
            places[key]: replace(
                account,
                id=places[key],
                cash_account=None if account.cash_account is None else places[account.cash_account],
            )
            for key, account in frame.accounts.items()
        },
        instruments={things[key]: replace(i, id=things[key]) for key, i in frame.instruments.items()},
    )


def _instead(
    portfolio: Portfolio, ids: Iterable[int], today: date, now: datetime
) -> dict[int, tuple[date, Decimal]]:
    """The prices on the page, by instrument, at the day they stand at in the file."""
    wanted = set(ids)
    rows = snapshot(portfolio, now=now).holdings
    prices = [row.price for row in rows if row.price is not None and row.instrument_id in wanted]
    return {
        price.instrument_id: (min(price.day, today), price.price)
        for price in prices
        if price.origin != "trade"
    }


def ghostfolio_export(portfolio: Portfolio, *, now: datetime) -> Iterator[str]:
    """Ghostfolio's JSON. What it has no word for (deposits, splits, transfers …) is left out."""
    rows = (
        Transaction.objects.filter(portfolio=portfolio, type__in=_GHOSTFOLIO_TYPES)
        .counting()
        .select_related("instrument")
        .order_by("occurred_at", "sequence")
    )
    profiles: dict[str, dict[str, Any]] = {}
    yield "{\n"
    yield f'"meta": {json.dumps({"date": _instant(now), "version": "holdfast"})},\n"accounts": [],\n"activities": ['
    yield from _joined(_activity(row, profiles) for row in rows.iterator(chunk_size=2000))
    yield '\n],\n"assetProfiles": ['
    yield from _joined(iter(profiles.values()))
    user = {"settings": {"currency": portfolio.base_currency, "performanceCalculationType": "ROAI"}}
    yield f'\n],\n"user": {json.dumps(user)}\n}}\n'


def _activity(row: Transaction, profiles: dict[str, dict[str, Any]]) -> dict[str, Any]:
    instrument = row.instrument
    if instrument is None or row.type in ("fee", "liability"):
        symbol, source = f"holdfast-{row.pk}", "MANUAL"
        profiles[symbol] = _profile(symbol, source, row.note or row.get_type_display(), row.currency, None)
    else:
        symbol = str(instrument.provider_symbols.get("yahoo") or instrument.symbol)
        source = "MANUAL" if instrument.owner_id is not None else "YAHOO"
        profiles[symbol] = _profile(
            symbol, source, instrument.name, instrument.currency, instrument.isin or None
        )
    quantity, price, fee = _figures(row)
    return {
        "accountId": None,
        "comment": row.note or None,
        "currency": row.currency,
        "dataSource": source,
        "date": _instant(row.occurred_date if row.is_date_only else row.occurred_at),
        "fee": _number(fee),
        "id": f"holdfast-{row.pk}",
        "quantity": _number(quantity),
        "symbol": symbol,
        "tags": [],
        "type": _GHOSTFOLIO_TYPES[row.type],
        "unitPrice": _number(price),
    }


def _figures(row: Transaction) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity, price of one and fee, as Ghostfolio multiplies them."""
    amount = row.amount if row.amount is not None else row.cost
    if row.type == "fee":
        return Decimal(0), Decimal(0), (amount or Decimal(0)) + row.fees
    if (
        row.quantity
        and row.type in ("buy", "sell", "delivery_in", "delivery_out")
        and row.instrument is not None
    ):
        if row.price is not None:
            return row.quantity * unit_of(row.instrument), row.price, row.fees
        return row.quantity, (amount or Decimal(0)) / row.quantity, row.fees
    return Decimal(1), amount or Decimal(0), row.fees


def _profile(symbol: str, source: str, name: str, currency: str, isin: str | None) -> dict[str, Any]:
    return {"symbol": symbol, "dataSource": source, "name": name, "currency": currency, "isin": isin}


class _Number(str):
    """A number for JSON, with exactly the digits of its decimal."""

    __slots__ = ()


def _number(value: Decimal) -> _Number:
    return _Number(plain(value))


def _instant(when: date) -> str:
    at = when if isinstance(when, datetime) else datetime.combine(when, time(0), tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lines(items: Iterable[str]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield f"{',' if number else ''}\n  {item}"


def _joined(items: Iterator[Any]) -> Iterator[str]:
    for number, item in enumerate(items):
        yield f"{',' if number else ''}\n  {_dumps(item)}"


def _dumps(item: dict[str, Any]) -> str:
    parts = (
        f"{json.dumps(key)}: {value if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)}"
        for key, value in item.items()
    )
    return "{" + ", ".join(parts) + "}"


def unique_names(names: dict[str, str]) -> dict[str, str]:
    """Names by key, those that several have with the key behind them."""
    taken: dict[str, int] = {}
    for name in names.values():
        taken[name] = taken.get(name, 0) + 1
    return {key: name if taken[name] == 1 else f"{name} #{key}" for key, name in names.items()}
