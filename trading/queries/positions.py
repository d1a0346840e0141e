"""The positions of an account as brokers show them: at average entry price, with today's change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TypeAlias
from uuid import UUID

from django.db.models import QuerySet, Sum

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import QuoteView, closes_on, latest_quotes
from trading.engine.entry_price import Entry, Step, entry_of
from trading.engine.terms import Tradable
from trading.models import Fill, Order
from trading.queries.market import NEW_YORK, things_of

ZERO = Decimal(0)
_Row: TypeAlias = tuple[int, str, Decimal, Decimal, Decimal, Decimal, datetime]
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: Fills read at first: a program that trades back and forth has many, and few since it was last flat.
_CHUNK = 500
_PRICE, _MONEY = Decimal("0.000000000001"), Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position in its instrument's currency. Quantity, market value and cost basis of a short one are negative.

    ``available`` are the units (unsigned) that no open order is going to close. ``lastday_price`` is the previous close;
    ``intraday_pl`` counts from it, or from the entry of what was opened today. Fractions: 0.01 is 1 %; None where their base
    is zero.
    """

    instrument_id: int
    asset_id: UUID
    symbol: str
    name: str
    exchange: str
    asset_class: str
    currency: str
    is_marginable: bool
    quantity: Decimal
    available: Decimal
    avg_entry_price: Decimal
    current_price: Decimal
    lastday_price: Decimal
    market_value: Decimal
    cost_basis: Decimal
    intraday_pl: Decimal
    intraday_base: Decimal

    @property
    def side(self) -> str:
        """long or short."""
        return "long" if self.quantity > 0 else "short"

    @property
    def unrealized_pl(self) -> Decimal:
        """Gain since the entry."""
        return self.market_value - self.cost_basis

    @property
    def unrealized_plpc(self) -> Decimal | None:
        """The same as a fraction of the cost."""
        return _fraction(self.unrealized_pl, abs(self.cost_basis))

    @property
    def intraday_plpc(self) -> Decimal | None:
        """Today's gain as a fraction of what it is counted from."""
        return _fraction(self.intraday_pl, self.intraday_base)

    @property
    def change_today(self) -> Decimal | None:
        """The price's change since the previous close, as a fraction of it."""
        return _fraction(self.current_price - self.lastday_price, self.lastday_price)


def _fraction(part: Decimal, whole: Decimal) -> Decimal | None:
    return None if not whole else _EXACT.divide(part, whole)


def positions_of(portfolio_id: int, *, now: datetime) -> list[PositionView]:
    """The open positions of an account by symbol. Eight statements at most, however many there are."""
    return _positions(portfolio_id, books.position_quantities(portfolio_id), now=now)


def position_of(portfolio_id: int, instrument_id: int, *, now: datetime) -> PositionView | None:
    """One position; None where nothing is held."""
    quantity = books.position_quantity(portfolio_id, instrument_id)
    found = _positions(portfolio_id, {instrument_id: quantity} if quantity else {}, now=now)
    return found[0] if found else None


def _positions(portfolio_id: int, held: Mapping[int, Decimal], *, now: datetime) -> list[PositionView]:
    if not held:
        return []
    instruments = {thing.pk: thing for thing in Instrument.objects.filter(pk__in=held)}
    things = things_of(instruments.values())
    quotes = latest_quotes(instruments, now=now)
    missing = [pk for pk in instruments if pk not in quotes]
    closes = {pk: close.price for pk, close in closes_on(missing, now.date()).items()} if missing else {}
    held_back = dict(
        Order.objects.open()
        .filter(portfolio_id=portfolio_id, instrument_id__in=held)
        .values_list("instrument_id")
        .annotate(Sum("reserved_quantity"))
    )
    entries = _entries(portfolio_id, held, now=now)
    costs = books.position_costs(portfolio_id)
    views = [
        _view(
            instrument,
            things[pk],
            quantity=held[pk],
            quote=quotes.get(pk),
            close=closes.get(pk, ZERO),
            entry=_agreeing(entries.get(pk), held[pk], costs.get(pk), things[pk]),
            held_back=held_back.get(pk) or ZERO,
        )
        for pk, instrument in instruments.items()
    ]
    return sorted(views, key=lambda view: (view.symbol, view.instrument_id))


def _entries(portfolio_id: int, held: Iterable[int], *, now: datetime) -> dict[int, Entry]:
    """Average entries from the fills and splits since the position was last flat. Two statements, a third where very much
    has happened since: the newest fills are read first, and none from before."""
    steps: dict[int, list[tuple[datetime, Step]]] = defaultdict(list)
    unknown = set(held)
    fills = (
        Fill.objects.filter(portfolio_id=portfolio_id, instrument_id__in=list(unknown))
        .order_by("-executed_at", "-transaction_id")
        .values_list(
            "instrument_id", "side", "quantity", "fee_quantity", "price", "position_quantity", "executed_at"
        )
    )
    since = books.journal_begins_at(portfolio_id)
    if since is not None:
        fills = fills.filter(executed_at__gte=since)
    for pk, side, quantity, coins, price, after, at in _newest(fills):
        if pk not in unknown:
            continue
        if not after:
            unknown.discard(pk)
            if not unknown:
                break
            continue
        signed = quantity - coins if side == "buy" else -quantity
        paid = _EXACT.divide(quantity * price, quantity - coins) if side == "buy" and coins else price
        steps[pk].append((at, Step(day=_day(at), quantity=signed, price=paid)))
    for found in steps.values():
        found.reverse()
    for pk, at, ratio in books.splits_of(portfolio_id, list(steps)):
        if steps[pk] and at >= steps[pk][0][0]:
            steps[pk].append((at, Step(day=_day(at), ratio=ratio)))
    today = _day(now)
    return {
        pk: entry_of([step for _, step in sorted(found, key=lambda each: each[0])], today=today)
        for pk, found in steps.items()
    }


def _newest(fills: QuerySet[Fill, _Row]) -> Iterator[_Row]:
    first = list(fills[:_CHUNK])
    yield from first
    if len(first) == _CHUNK:
        yield from fills[_CHUNK:].iterator()


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def _agreeing(
    entry: Entry | None, quantity: Decimal, cost: tuple[Decimal, Decimal] | None, thing: Tradable
) -> Entry:
    """The entry from the fills where it explains the position; else the books' own cost (another corporate action, coins that a
    broker took as its fee, what was held before an account was connected). What was opened today is known from the fills all
    the same: its gain of today is counted from what it cost, and not from the previous close."""
    if entry is not None and entry.quantity == quantity:
        return entry
    if cost is None or not cost[0]:
        return Entry(quantity=quantity, average=ZERO)
    average = _EXACT.divide(cost[1], _EXACT.multiply(cost[0], thing.value_factor))
    if entry is None or entry.today_quantity * quantity <= 0:
        return Entry(quantity=quantity, average=average)
    today = quantity if abs(entry.today_quantity) > abs(quantity) else entry.today_quantity
    return Entry(quantity=quantity, average=average, today_quantity=today, today_average=entry.today_average)


def _view(
    instrument: Instrument,
    thing: Tradable,
    *,
    quantity: Decimal,
    quote: QuoteView | None,
    close: Decimal,
    entry: Entry,
    held_back: Decimal,
) -> PositionView:
    price = close if quote is None else quote.last
    lastday = price if quote is None or not quote.previous_close else quote.previous_close
    average, today, today_average = entry.average, entry.today_quantity, entry.today_average

    def worth(units: Decimal, unit_price: Decimal) -> Decimal:
        return _EXACT.multiply(_EXACT.multiply(units, unit_price), thing.value_factor)

    base = worth(quantity - today, lastday) + worth(today, today_average).quantize(_MONEY)
    value = worth(quantity, price)
    return PositionView(
        instrument_id=instrument.pk,
        asset_id=instrument.public_id,
        symbol=instrument.symbol,
        name=instrument.name,
        exchange=instrument.exchange,
        asset_class=instrument.asset_class,
        currency=instrument.currency,
        is_marginable=thing.is_marginable,
        quantity=quantity,
        available=max(abs(quantity) - held_back, ZERO),
        avg_entry_price=average.quantize(_PRICE, context=_EXACT),
        current_price=price,
        lastday_price=lastday,
        market_value=value,
        cost_basis=worth(quantity, average).quantize(_MONEY, context=_EXACT),
        intraday_pl=value - base,
        intraday_base=abs(base),
    )
