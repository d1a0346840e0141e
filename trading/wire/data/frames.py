"""Market data on the wire: time frames, and minutes or days gathered into them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from trading.wire.data.forms import WireBar, day_starts
from trading.wire.errors import invalid
from trading.wire.values import NEW_YORK

_FRAME = re.compile(r"(\d{1,2})(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_UNITS = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
_ALLOWED = {
    "Min": range(1, 60),
    "Hour": range(1, 24),
    "Day": (1,),
    "Week": (1,),
    "Month": (1, 2, 3, 4, 6, 12),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """So many minutes, hours, days, weeks or months."""

    amount: int
    unit: str

    @property
    def is_intraday(self) -> bool:
        """Whether it is made of minutes."""
        return self.unit in {"Min", "Hour"}

    @property
    def minutes(self) -> int:
        """Its length, where it is made of minutes."""
        return self.amount * (60 if self.unit == "Hour" else 1)

    def begins(self, at: datetime) -> datetime:
        """The beginning of the frame that an instant falls into, counted from New York midnight."""
        local = at.astimezone(NEW_YORK)
        if not self.is_intraday:
            return day_starts(self.first_day(local.date()))
        midnight = day_starts(local.date())
        passed = int((at - midnight).total_seconds()) // 60
        return midnight + timedelta(minutes=passed - passed % self.minutes)

    def first_day(self, day: date) -> date:
        """The first day of the day, week (Monday) or run of months (from January) that a day falls into."""
        if self.unit == "Week":
            return day - timedelta(days=day.weekday())
        if self.unit == "Month":
            return date(day.year, day.month - (day.month - 1) % self.amount, 1)
        return day

    def after_last_day(self, day: date) -> date:
        """The day after the last of the frame that a day falls into."""
        first = self.first_day(day)
        if self.unit == "Week":
            return first + timedelta(days=7)
        if self.unit == "Month":
            months = first.year * 12 + first.month - 1 + self.amount
            return date(months // 12, months % 12 + 1, 1)
        return first + timedelta(days=1)


def read_frame(text: str | None) -> Frame:
    """``5Min``, ``1Hour``, ``1Day`` … Raises ``WireError`` (422)."""
    found = _FRAME.fullmatch(text or "")
    if found is not None:
        unit = _UNITS.get(found[2], found[2])
        amount = int(found[1])
        if amount in _ALLOWED[unit]:
            return Frame(amount, unit)
    raise invalid(f"invalid timeframe: {(text or '')[:20]!r}")


def gathered(bars: Iterable[WireBar], frame: Frame) -> list[WireBar]:
    """Bars, oldest first, joined into frames: first open, highest high, lowest low, last close, sum of volumes."""
    joined: list[WireBar] = []
    for bar in bars:
        at = frame.begins(bar.at)
        if joined and joined[-1].at == at:
            joined[-1] = _and(joined[-1], bar)
        else:
            joined.append(
                WireBar(
                    at=at,
                    open=bar.open,
                    high=bar.high,
                    low=bar.low,
                    close=bar.close,
                    volume=bar.volume,
                )
            )
    return joined


def _and(first: WireBar, then: WireBar) -> WireBar:
    volumes = [volume for volume in (first.volume, then.volume) if volume is not None]
    return WireBar(
        at=first.at,
        open=first.open,
        high=max(first.high, then.high),
        low=min(first.low, then.low),
        close=then.close,
        volume=sum(volumes) if volumes else None,
    )
