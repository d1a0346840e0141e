"""What an account was worth at past instants: its cash and units as the journal has them, at the prices of then.

Figures are exact: cash and units are replayed from the journal, and every price is one that was stored: minutes within a
day, closes at the end of one, the last trade now. A thing without any price by then counts as nothing, as it does in the
account's figures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from holdings import queries as books
from holdings.queries import Movement
from marketdata.models import Instrument
from marketdata.queries import closes, closes_on, intraday_bars
from trading.queries.market import NEW_YORK, value_factor

ZERO = Decimal(0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: When a day's close is known, in New York.
CLOSE = time(16)


@dataclass(frozen=True, slots=True)
class Price:
    """A price, and when it was made: one from before a split is carried past it."""

    value: Decimal
    at: datetime


#: (instrument, instant) -> its price then; None where there was none.
Pricing = Callable[[int, datetime], Price | None]


@dataclass(slots=True)
class Holding:
    """Cash in the account's currency, and units by instrument."""

    cash: Decimal = ZERO
    units: dict[int, Decimal] = field(default_factory=dict)

    def apply(self, entry: Movement, *, currency: str) -> None:
        """Let an entry happen."""
        if entry.currency == currency:
            self.cash += entry.cash
        if entry.instrument_id is None:
            return
        held = self.units.get(entry.instrument_id, ZERO)
        if entry.ratio is not None:
            held = _EXACT.multiply(held, entry.ratio)
        self.units[entry.instrument_id] = held + entry.units


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What the account was worth at an instant."""

    at: datetime
    equity: Decimal


class AccountHistory:
    """The movements of an account, read once; every question after that costs the prices it needs."""

    def __init__(self, portfolio_id: int, *, currency: str) -> None:
        self.currency = currency
        self.movements: Sequence[Movement] = books.movements_of(portfolio_id)
        ids = {entry.instrument_id for entry in self.movements if entry.instrument_id is not None}
        self.instruments = {
            thing.pk: thing for thing in Instrument.objects.filter(pk__in=ids, currency=currency)
        }
        self._splits: dict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
        for entry in self.movements:
            if entry.ratio is not None and entry.instrument_id is not None:
                self._splits[entry.instrument_id].append((entry.at, entry.ratio))

    @property
    def began_at(self) -> datetime | None:
        """The first entry's instant."""
        return self.movements[0].at if self.movements else None

    @property
    def starting_cash(self) -> Decimal:
        """What the account was opened with: its first entry."""
        return self.movements[0].cash if self.movements else ZERO

    def curve(self, instants: Sequence[datetime], pricing: Pricing) -> list[EquityPoint]:
        """The account at ascending instants, each with everything that had happened by then."""
        holding, place, points = Holding(), 0, []
        for at in instants:
            while place < len(self.movements) and self.movements[place].at <= at:
                holding.apply(self.movements[place], currency=self.currency)
                place += 1
            points.append(EquityPoint(at=at, equity=self._worth(holding, at, pricing)))
        return points

    def _worth(self, holding: Holding, at: datetime, pricing: Pricing) -> Decimal:
        total = holding.cash
        for pk, units in holding.units.items():
            thing = self.instruments.get(pk)
            price = pricing(pk, at) if units and thing is not None else None
            if price is not None and thing is not None:
                worth = _EXACT.multiply(units, self._carried(pk, price, at))
                total += _EXACT.multiply(worth, value_factor(thing))
        return total

    def _carried(self, pk: int, price: Price, at: datetime) -> Decimal:
        """A price in the units of an instant: divided by the splits since it was made."""
        value = price.value
        for when, ratio in self._splits.get(pk, ()):
            if price.at < when <= at:
                value = _EXACT.divide(value, ratio)
        return value


def daily_pricing(ids: Iterable[int], start: date, end: date) -> Pricing:
    """Prices at the ends of New York days: the last close on or before. Two statements."""
    wanted = list(ids)
    by_thing = closes(wanted, start, end, carry_in=True) if wanted else {}
    days = {pk: sorted(found) for pk, found in by_thing.items()}

    def price(pk: int, at: datetime) -> Price | None:
        known = days.get(pk)
        if not known:
            return None
        place = bisect_right(known, at.astimezone(NEW_YORK).date())
        if not place:
            return None
        day = known[place - 1]
        return Price(by_thing[pk][day], datetime.combine(day, CLOSE, NEW_YORK))

    return price


def intraday_pricing(ids: Iterable[int], start: datetime, end: datetime) -> Pricing:
    """Prices within days: the last minute that had ended by then, else the close of the day before. One statement for each
    instrument, one for all closes."""
    wanted = list(ids)
    before = closes_on(wanted, start.astimezone(NEW_YORK).date() - timedelta(days=1)) if wanted else {}
    minutes: dict[int, tuple[list[datetime], list[Decimal]]] = {}
    for pk in wanted:
        bars = intraday_bars(pk, start=start - timedelta(days=5), end=end)
        minutes[pk] = ([bar.at + timedelta(minutes=1) for bar in bars], [bar.close for bar in bars])

    def price(pk: int, at: datetime) -> Price | None:
        ends, prices = minutes[pk]
        place = bisect_right(ends, at)
        if place:
            return Price(prices[place - 1], ends[place - 1])
        if pk not in before:
            return None
        return Price(before[pk].price, datetime.combine(before[pk].date, CLOSE, NEW_YORK))

    return price
