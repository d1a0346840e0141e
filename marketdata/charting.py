"""Market data: an instrument's prices in the shape that static/js/charts.js draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketdata.models import ActionKind, CorporateAction, Instrument
from marketdata.queries import BarView, QuoteView, bars, corporate_actions

#: Range codes and how many days they look back; None: as far as there is.
RANGES: dict[str, int | None] = {
    "1M": 31,
    "3M": 92,
    "6M": 183,
    "YTD": 0,
    "1Y": 366,
    "3Y": 3 * 366,
    "5Y": 5 * 366,
    "10Y": 3653,
    "MAX": None,
}
DEFAULT_RANGE = "1Y"
AT_MOST = 500
_PLACES = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHistory:
    """The bars of a range, adjusted for splits, with what the quote of today adds."""

    bars: list[BarView]
    actions: list[CorporateAction]

    @property
    def change_fraction(self) -> Decimal | None:
        """From the first close to the last, as a fraction."""
        if len(self.bars) < 2 or not self.bars[0].close:
            return None
        return self.bars[-1].close / self.bars[0].close - 1


def range_code(text: str | None) -> str:
    """Return a known range code, whatever the address says."""
    wanted = (text or "").upper()
    return wanted if wanted in RANGES else DEFAULT_RANGE


def start_of(code: str, now: datetime) -> date:
    """Return the first day of a range that ends today (UTC)."""
    today = now.astimezone(UTC).date()
    if code == "YTD":
        return date(today.year, 1, 1)
    days = RANGES[code]
    return date(1800, 1, 1) if days is None else today - timedelta(days=days)


def price_history(
    instrument: Instrument, quote: QuoteView | None, *, code: str, now: datetime
) -> PriceHistory:
    """Return at most some 500 bars of a range, and today's price as the last. Three statements."""
    today = now.astimezone(UTC).date()
    start = start_of(code, now)
    found = bars(instrument.pk, start, today, at_most=AT_MOST)
    if quote is not None and (not found or quote.quoted_at.astimezone(UTC).date() > found[-1].date):
        found.append(
            BarView(
                date=quote.quoted_at.astimezone(UTC).date(),
                open=None,
                high=None,
                low=None,
                close=quote.last,
                volume=quote.volume,
                source="simulated" if quote.is_simulated else quote.source,
            )
        )
    return PriceHistory(bars=found, actions=corporate_actions(instrument.pk, start, today) if found else [])


def chart(
    instrument: Instrument, history: PriceHistory, *, code: str, kind: str, now: datetime
) -> dict[str, Any]:
    """Return the JSON of the price chart: `line` or `candles`."""
    if not history.bars:
        return {"labels": [], "empty": "No prices in this time. Choose a longer range."}
    body: dict[str, Any] = {
        "kind": kind,
        "unit": "price",
        "currency": "%" if instrument.quote_unit == "percent" else instrument.currency,
        "markers": _markers(history),
        "summary": summary(history, code, now=now, real_until=instrument.anchor_date),
    }
    if instrument.quote_unit == "percent":
        body |= {"unit": "number"}
        del body["currency"]
    if kind == "candles":
        body["bars"] = [_candle(bar) for bar in history.bars]
        return body
    body["labels"] = [bar.date.isoformat() for bar in history.bars]
    body["series"] = [
        {
            "key": "close",
            "label": "Close",
            "values": [plain(bar.close) for bar in history.bars],
            "style": "area",
        }
    ]
    return body


_SPANS = {
    "1M": "over a month",
    "3M": "over three months",
    "6M": "over six months",
    "YTD": "this year",
    "1Y": "over a year",
    "3Y": "over three years",
    "5Y": "over five years",
    "10Y": "over ten years",
}


def summary(history: PriceHistory, code: str, *, now: datetime, real_until: date | None = None) -> str:
    """Say in a sentence or two what the chart shows, and from when on it is made up (after `real_until`, if
    known)."""
    change, first = history.change_fraction, history.bars[0].date
    if change is None:
        words = "One price in this time."
    else:
        whole = code in _SPANS and first - start_of(code, now) < timedelta(days=8)
        span = _SPANS[code] if whole else f"since {first.isoformat()}"
        moved = f"{'Up' if change > 0 else 'Down'} {abs(change * 100):.2f}%" if change else "Unchanged"
        has_split = any(
            action.kind == ActionKind.SPLIT and action.ex_date > first for action in history.actions
        )
        words = f"{moved} {span}{', adjusted for splits' if has_split else ''}."
    simulated = [bar.date for bar in history.bars if bar.source == "simulated"]
    if not simulated:
        return words
    if simulated[0] == first:
        return f"{words} Simulated prices."
    return f"{words} Simulated after {(real_until or simulated[0]).isoformat()}."


def _markers(history: PriceHistory) -> list[dict[str, str]]:
    first = history.bars[0].date
    events: Sequence[CorporateAction] = [action for action in history.actions if action.ex_date >= first]
    dividends = [action for action in events if action.kind == ActionKind.DIVIDEND]
    # Forty little flags say nothing any more.
    shown = [action for action in events if action.kind == ActionKind.SPLIT or len(dividends) <= 24]
    return [
        {
            "at": action.ex_date.isoformat(),
            "kind": action.kind,
            "label": f"Split {plain(action.value)}:1"
            if action.kind == ActionKind.SPLIT
            else f"Dividend {plain(action.value)}",
        }
        for action in shown
    ]


def _candle(bar: BarView) -> dict[str, str | None]:
    def known(value: Decimal | None) -> str:
        return plain(bar.close if value is None else value)

    return {
        "at": bar.date.isoformat(),
        "open": known(bar.open),
        "high": known(bar.high),
        "low": known(bar.low),
        "close": plain(bar.close),
        "volume": None if bar.volume is None else plain(bar.volume),
    }


def plain(value: Decimal) -> str:
    """Write a price without the zeros at its end."""
    text = f"{value.quantize(_PLACES):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
