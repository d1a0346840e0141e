"""Market data, pure: the trading days on which a price should be there and is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from marketdata.domain.calendars import knows, session_days, weekdays

#: Without a calendar a holiday looks like a gap; so many weekdays in a row are no holiday any more.
MOST_HOLIDAYS = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """Trading days in a row without a bar: from `first` to `last`, `days` of them."""

    first: date
    last: date
    days: int


def gaps_between(known: Sequence[date], *, exchange: str, asset_class: str) -> list[Gap]:
    """Return the gaps between the first and the last of the known days (ascending), oldest first.

    Coins trade every day, exchanges by their calendar; where there is none, Monday to Friday, and up to four missing
    weekdays in a row are taken for holidays.
    """
    if not known:
        return []
    start, until = known[0], known[-1]
    if asset_class == "crypto":
        expected = [start + timedelta(days=n) for n in range((until - start).days + 1)]
        holidays = 0
    elif exchange and knows(exchange, until.year):
        expected, holidays = session_days(exchange, start, until), 0
    else:
        expected, holidays = weekdays(start, until), MOST_HOLIDAYS
    return [gap for gap in _runs(expected, set(known)) if gap.days > holidays]


def _runs(expected: Iterable[date], known: set[date]) -> Iterable[Gap]:
    run: list[date] = []
    for day in expected:
        if day in known:
            if run:
                yield Gap(run[0], run[-1], len(run))
                run = []
        else:
            run.append(day)
    if run:
        yield Gap(run[0], run[-1], len(run))
