"""The internet on this machine: Yahoo, CoinGecko and the ECB behind one vendor, and a site that may ask them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from marketdata.models import Instrument
from marketdata.providers import registry
from marketdata.tests.scripted import forget_gateway
from marketdata.tests.support import yahoo
from marketdata.tests.support.vendor import Reply

QUOTES = "/v7/finance/quote"
CHARTS = "/v8/finance/chart/"
COINS = "/gecko/simple/price"


@pytest.fixture
def internet(vendor: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What can be asked, through the real clients and without limits. Nothing is there yet. Patience is short only where
    something hangs: a busy machine must not make a good answer late."""
    forget_gateway()
    registry._made.cache_clear()
    settings.MARKET_DATA = "auto"
    settings.PROVIDER_LIMITS = dict.fromkeys(("ecb", "yahoo", "coingecko", "alpha_vantage"), (None, None))
    answer_with = vendor.on

    def on(*arguments: Any, **reply: Any) -> None:
        answer_with(*arguments, **reply)
        seconds = 0.4 if vendor.keeps_waiting else 10.0
        settings.MARKET_DATA_PROVIDERS = {
            "ecb": {"base_url": f"{vendor.url}/ecb", "timeout": seconds},
            "yahoo": {"base_url": vendor.url, "timeout": seconds},
            "coingecko": {"base_url": f"{vendor.url}/gecko", "timeout": seconds},
        }

    monkeypatch.setattr(vendor, "on", on)
    monkeypatch.setattr("marketdata.operations.gateway.calling._sleep", lambda _seconds: None)
    vendor.on("/v1/test/getcrumb", Reply("crumb"))
    yield vendor
    registry._made.cache_clear()
    forget_gateway()


def quotes_of(rows: dict[str, dict[str, Any]]) -> Any:
    """Answer the list of quotes with those of the rows that are asked for."""
    return lambda asked: Reply(
        yahoo.quotes(*(rows[s] for s in asked.query["symbols"].split(",") if s in rows))
    )


def days_until(last: date, closes: list[float]) -> list[tuple[Any, ...]]:
    """Rows of a chart that end on a day, one for each working day."""
    days: list[date] = []
    day = last
    while len(days) < len(closes):
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return [yahoo.day(day.isoformat(), close) for day, close in zip(reversed(days), closes, strict=True)]


def everything(at: datetime | None = None) -> Any:
    """A Yahoo that knows all that is on the list now, in the currency it is expected in, as of an instant."""
    time = {"regularMarketTime": int(at.timestamp())} if at else {}
    rows = {
        symbol: yahoo.quote(
            symbol,
            50.0 * _minor(one),
            bid=49.9 * _minor(one),
            ask=50.1 * _minor(one),
            regularMarketPreviousClose=49.5 * _minor(one),
            currency=one.quoted_in or one.currency,
            **time,
        )
        for one, symbol in _on_the_list()
    }
    return quotes_of(rows)


def charts_of_everything(last: date, closes: list[float]) -> Any:
    """Charts of all that is on the list now, each with the same closes up to a day, in the currency of each."""
    rows = {unit: days_until(last, [close * unit for close in closes]) for unit in (1, 100)}
    charts = {
        symbol: yahoo.chart(rows[_minor(one)], currency=one.quoted_in or one.currency)
        for one, symbol in _on_the_list()
    }
    return lambda asked: Reply(charts[asked.path.removeprefix(CHARTS)])


def _minor(one: Instrument) -> int:
    """How many of the units it is quoted in make one of its currency: London quotes in pence."""
    return 100 if one.quoted_in and one.quoted_in != one.currency else 1


def _on_the_list() -> Iterator[tuple[Instrument, str]]:
    for one in Instrument.objects.shared():
        if symbol := one.provider_symbols.get("yahoo"):
            yield one, symbol
