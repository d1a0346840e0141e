"""Answers in the shape of Yahoo's, made for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

#: What the quote endpoint says to who has lost its crumb.
INVALID_CRUMB = {
    "finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}
}
NO_ACCESS = {
    "finance": {
        "result": None,
        "error": {"code": "Unauthorized", "description": "User is unable to access this feature"},
    }
}
NO_DATA = {
    "chart": {
        "result": None,
        "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
    }
}
NOT_THEN = {
    "chart": {
        "result": None,
        "error": {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate = 2"},
    }
}


def stamp(text: str) -> int:
    """Seconds of an instant written with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


def single(value: float | None) -> float | None:
    """A price as Yahoo sends it: through 32 bits."""
    if value is None:
        return None
    narrow: float = struct.unpack("f", struct.pack("f", value))[0]
    return narrow


def quote(symbol: str = "AAPL", price: Any = 244.6, **fields: Any) -> dict[str, Any]:
    """A row of the list of quotes."""
    return {
        "symbol": symbol,
        "quoteType": "EQUITY",
        "currency": "USD",
        "marketState": "REGULAR",
        "regularMarketPrice": price,
        "regularMarketTime": stamp("2026-11-20T14:25:00-05:00"),
        "regularMarketPreviousClose": 241.53,
        "regularMarketVolume": 40896227,
        "bid": 244.5,
        "ask": 244.7,
        **fields,
    }


def quotes(*rows: dict[str, Any]) -> dict[str, Any]:
    """The list of quotes."""
    return {"quoteResponse": {"result": list(rows), "error": None}}


def chart(
    rows: Sequence[tuple[str, Any, Any, Any, Any, Any]],
    *,
    splits: Sequence[tuple[str, float, float]] = (),
    dividends: Sequence[tuple[str, float]] = (),
    zone: str = "America/New_York",
    currency: str = "USD",
    **meta: Any,
) -> dict[str, Any]:
    """A chart: rows of (instant, open, high, low, close, volume), splits of (instant, numerator, denominator)."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    events: dict[str, Any] = {}
    if splits:
        events["splits"] = {
            str(stamp(at)): {
                "date": stamp(at),
                "numerator": top,
                "denominator": bottom,
                "splitRatio": f"{top}:{bottom}",
            }
            for at, top, bottom in splits
        }
    if dividends:
        events["dividends"] = {
            str(stamp(at)): {"date": stamp(at), "amount": amount} for at, amount in dividends
        }
    return {
        "chart": {
            "error": None,
            "result": [
                {
                    "meta": {
                        "currency": currency,
                        "symbol": "AAPL",
                        "exchangeTimezoneName": zone,
                        "gmtoffset": -18000,
                        "regularMarketPrice": 244.87,
                        "regularMarketTime": stamp("2026-11-20T14:25:00-05:00"),
                        "regularMarketVolume": 32129951,
                        "chartPreviousClose": 243.5,
                        **meta,
                    },
                    "timestamp": [stamp(at) for at in columns[0]],
                    "events": events,
                    "indicators": {
                        "quote": [
                            dict(
                                zip(
                                    ("open", "high", "low", "close", "volume"),
                                    map(list, columns[1:]),
                                    strict=True,
                                )
                            )
                        ]
                    },
                }
            ],
        }
    }


def day(date: str, close: float, *, volume: int | None = 1000, at: str = "09:30:00-05:00") -> tuple[Any, ...]:
    """A day that opened and closed at the same price."""
    price = single(close)
    return (f"{date}T{at}", price, price, price, price, volume)
