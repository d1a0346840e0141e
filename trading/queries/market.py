"""The market an order meets: its instrument and the terms it trades under, the latest quote, and the hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from marketdata.models import AssetClass, Instrument, QuoteUnit
from marketdata.queries import QuoteView, SessionView, exchange_sessions, latest_quote, market_session
from trading.engine.rules import price_grid
from trading.engine.terms import Tradable
from trading.engine.types import MarketQuote, Phase, TimeInForce
from trading.models import InstrumentTerms

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: A good-till-canceled order is taken back so many days after it was placed, soon after the close in New York.
GTC_LIFETIME = timedelta(days=90)
GTC_ENDS = time(16, 15)
#: How long after its time an auction may still be held, for want of a price.
AUCTION_WINDOW = timedelta(minutes=15)
#: Exchanges with trading before and after the session, in New York time.
EXTENDED_EXCHANGES = frozenset({"XNYS", "XNAS", "ARCX", "XASE", "BATS"})
NEW_YORK = ZoneInfo("America/New_York")
EXTENDED_OPENS, EXTENDED_CLOSES = time(4), time(20)
#: An opening order is refused from this long before the open, a closing order before the close, until the evening.
OPENING_CUTOFF, CLOSING_CUTOFF = timedelta(minutes=2), timedelta(minutes=10)
EVENING = timedelta(hours=3)
#: In New York never earlier than this, also after a half day.
NEW_YORK_EVENING = time(19)
_STOCKS = frozenset({AssetClass.EQUITY, AssetClass.ETF})


@dataclass(frozen=True, kw_only=True)
class Market:
    """An instrument, the terms it trades under, its latest quote and its session.

    ``closed_at`` is the close of today's session until its evening begins (None otherwise): three hours later, in New York at
    19:00.
    """

    instrument: Instrument
    thing: Tradable
    quote: QuoteView | None
    phase: Phase
    opens_at: datetime | None
    closes_at: datetime | None
    closed_at: datetime | None = None
    extended_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the regular session runs."""
        return self.phase is Phase.REGULAR

    @property
    def never_closes(self) -> bool:
        """Whether there is neither an opening nor an end."""
        return self.is_open and self.closes_at is None

    def tick(self) -> MarketQuote | None:
        """The quote as the matching engine takes it."""
        return self._tick

    @cached_property
    def _tick(self) -> MarketQuote | None:
        return None if self.quote is None else tick_of(self.quote, self.thing, in_session=self.is_open)

    def expires_at(self, time_in_force: TimeInForce, now: datetime, *, extended: bool = False) -> datetime:
        """When an order placed now ends by itself: at the end of the session it is for (midnight UTC where
        the market never closes), 90 days on at 16:15 in New York, or soon after its auction."""
        if time_in_force is TimeInForce.GTC:
            last_day = now.astimezone(NEW_YORK).date() + GTC_LIFETIME
            return datetime.combine(last_day, GTC_ENDS, tzinfo=NEW_YORK).astimezone(UTC)
        if time_in_force in (TimeInForce.OPG, TimeInForce.CLS):
            return self.auction_at(time_in_force, now) + AUCTION_WINDOW
        if extended and self.extended_until is not None:
            return self.extended_until
        return self.closes_at if self.closes_at is not None else _next_midnight(now)

    def auction_at(self, time_in_force: TimeInForce, now: datetime) -> datetime:
        """When the auction is held that an order placed now is for. Where the market never closes, midnight UTC is
        both its opening and its close."""
        if self.closes_at is None:
            return _next_midnight(now)
        if time_in_force is TimeInForce.CLS or self.opens_at is None:
            return self.closes_at
        return self.opens_at

    def is_past_cutoff(self, time_in_force: TimeInForce, now: datetime) -> bool:
        """Whether an auction order comes too late for today's auction and too early for the next."""
        if self.never_closes:
            return False
        if self.closed_at is not None:
            return True
        if time_in_force is TimeInForce.OPG:
            return self.is_open or (self.opens_at is not None and now >= self.opens_at - OPENING_CUTOFF)
        return self.is_open and self.closes_at is not None and now >= self.closes_at - CLOSING_CUTOFF


def value_factor(instrument: Instrument) -> Decimal:
    """What turns price x quantity into money: the multiplier, a hundredth of it for percent quotes."""
    if instrument.quote_unit == QuoteUnit.PERCENT:
        return _EXACT.divide(instrument.multiplier, Decimal(100))
    factor: Decimal = instrument.multiplier
    return factor


def kind_of(asset_class: str) -> str:
    """stock, crypto or other: the three sets of rules."""
    if asset_class in _STOCKS:
        return "stock"
    return "crypto" if asset_class == AssetClass.CRYPTO else "other"


def tradable_of(instrument: Instrument, terms: InstrumentTerms | None = None) -> Tradable:
    """The terms of an instrument: those of its class, but for what an administrator set otherwise."""
    kind = kind_of(instrument.asset_class)
    is_stock = kind == "stock"

    def own(name: str, usual: bool) -> bool:
        value = None if terms is None else getattr(terms, name)
        return usual if value is None else bool(value)

    return Tradable(
        symbol=instrument.symbol,
        currency=instrument.currency,
        kind=kind,
        asset_class=instrument.asset_class,
        is_active=instrument.is_active,
        is_tradable=instrument.is_tradable,
        quantity_step=instrument.quantity_step,
        value_factor=value_factor(instrument),
        price_increment=None if terms is None else terms.price_increment,
        is_marginable=own("is_marginable", is_stock),
        is_shortable=own("is_shortable", is_stock),
        is_easy_to_borrow=own("is_easy_to_borrow", is_stock),
        maintenance_rate=None if terms is None else terms.maintenance_rate,
        borrow_rate=None if terms is None else terms.borrow_rate,
        status="normal" if terms is None else terms.status,
        status_reason="" if terms is None else terms.reason,
    )


def things_of(instruments: Iterable[Instrument]) -> dict[int, Tradable]:
    """The terms of several instruments. One statement."""
    wanted = {instrument.pk: instrument for instrument in instruments}
    special = InstrumentTerms.objects.in_bulk(list(wanted)) if wanted else {}
    return {pk: tradable_of(instrument, special.get(pk)) for pk, instrument in wanted.items()}


def tick_of(quote: QuoteView, thing: Tradable | None = None, *, in_session: bool = True) -> MarketQuote:
    """A stored quote as the matching engine takes it.

    The range is the regular session's: it binds nothing outside of it (``in_session``), nor a quote that a person holds.
    """
    has_range = in_session and not quote.is_held
    asset_class = quote.asset_class if thing is None else thing.asset_class
    return MarketQuote(
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        quoted_at=quote.quoted_at,
        is_stale=quote.is_stale,
        is_firm=quote.is_held,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        volume=quote.volume,
        low=None if quote.day_low is None or not has_range else min(quote.day_low, quote.last),
        high=None if quote.day_high is None or not has_range else max(quote.day_high, quote.last),
        tick=price_grid(
            quote.last,
            asset_class=asset_class,
            price_increment=None if thing is None else thing.price_increment,
        ),
    )


def market_of(instrument: Instrument, *, now: datetime, thing: Tradable | None = None) -> Market:
    """The market an order for ``instrument`` meets now. The quote is read from its table: one statement, and one for
    the terms unless they are given."""
    if thing is None:
        thing = things_of([instrument])[instrument.pk]
    return market_with(instrument, thing, latest_quote(instrument.pk, now=now), now=now)


def markets_of(
    instruments: Mapping[int, Instrument], quotes: Mapping[int, QuoteView], *, now: datetime
) -> dict[int, Market]:
    """The same for several instruments whose quotes are at hand. One statement."""
    things = things_of(instruments.values())
    return {
        pk: market_with(instrument, things[pk], quotes.get(pk), now=now)
        for pk, instrument in instruments.items()
    }


def market_with(instrument: Instrument, thing: Tradable, quote: QuoteView | None, *, now: datetime) -> Market:
    """The market from its parts. No statement."""
    session = market_session(instrument, now)
    phase = Phase.REGULAR if session.is_open else Phase.CLOSED
    closed_at = extended_until = None
    if not (session.is_open and session.closes_at is None):
        closed_at, extended_until, is_extended = _around(instrument, session, now)
        if is_extended:
            phase = Phase.EXTENDED
    return Market(
        instrument=instrument,
        thing=thing,
        quote=quote,
        phase=phase,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        closed_at=closed_at,
        extended_until=extended_until,
    )


def _around(
    instrument: Instrument, session: SessionView, now: datetime
) -> tuple[datetime | None, datetime | None, bool]:
    """(close of a session that just ended, end of the extended hours an order is for, whether they run now)."""
    local = now.astimezone(NEW_YORK)
    sessions = exchange_sessions(instrument.exchange, local.date(), local.date())
    closed_at = None
    is_us = instrument.exchange in EXTENDED_EXCHANGES
    if sessions:
        evening = sessions[0].closes_at + EVENING
        if is_us:
            evening = datetime.combine(local.date(), NEW_YORK_EVENING, NEW_YORK)
        if sessions[0].closes_at <= now < evening:
            closed_at = sessions[0].closes_at
    if not is_us:
        return closed_at, None, False
    if sessions:
        first = datetime.combine(local.date(), EXTENDED_OPENS, NEW_YORK)
        last = datetime.combine(local.date(), EXTENDED_CLOSES, NEW_YORK).astimezone(UTC)
        if now < last:
            return closed_at, last, not session.is_open and first <= now
    if session.closes_at is None:
        return closed_at, None, False
    day = session.closes_at.astimezone(NEW_YORK).date()
    return closed_at, datetime.combine(day, EXTENDED_CLOSES, NEW_YORK).astimezone(UTC), False


def _next_midnight(now: datetime) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)
