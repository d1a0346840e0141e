"""The counter of one portfolio during one transaction: what is known, what changes, and how it is written.

The portfolio's row is locked first; from then on the rows in memory are the truth, and ``save`` writes them, their fills,
the journal, the log and the news together. Everything that changes an order goes through the functions beside this file
(``filling``, ``ending``, ``grouping``, ``working``), which change rows in memory and say what to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from holdings import operations as books_operations
from holdings import queries as books
from holdings.operations import LockedPortfolio, lock_portfolio
from marketdata.models import Instrument
from marketdata.queries import latest_quotes
from portfolio_site.kernel.events import Event, publish_within
from portfolio_site.kernel.rows import columns_of
from portfolio_site.kernel.writing import Writing
from trading import events
from trading.engine.fees import FeeModel
from trading.engine.liquidity import FillModel
from trading.engine.states import OPEN, OrderStatus, Trigger, advance
from trading.engine.types import OrderType, Side, Watch
from trading.models import Fill, Order, TradingAccount
from trading.operations.order_locks import locked_with_groups
from trading.operations.posting import BookedTrade, write_trades
from trading.operations.trade_log import LogEntry, append_to_log, log_entry
from trading.queries.accounts import fee_model_of, fill_model_of
from trading.queries.facts import OrderFacts
from trading.queries.holds import Holds, open_holds
from trading.queries.market import Market, markets_of

ZERO = Decimal(0)
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


class Desk:
    """One portfolio on the counter. Made by ``open_desk`` inside the transaction."""

    def __init__(
        self, *, portfolio: LockedPortfolio, account: TradingAccount | None, actor: Any, now: datetime
    ) -> None:
        self.portfolio = portfolio
        self._account = account
        self.actor = actor
        self.now = now
        self.orders: dict[UUID, Order] = {}
        self.markets: dict[int, Market] = {}
        self.trades: list[BookedTrade] = []
        self.log: list[LogEntry] = []
        self.news: list[Event] = []
        #: Orders that began to watch the market because of something that happened on this desk.
        self.awakened: list[Order] = []
        self._new: list[UUID] = []
        self._changed: dict[UUID, None] = {}
        self._cash: dict[str, Decimal] = {}
        self._positions: dict[int, Decimal] = {}
        self._fill_counts: dict[UUID, int] = {}
        self._dated = False
        #: What the books know, as long as nothing was written since it was read.
        self.facts: books.BookFacts | None = None

    # --- what is known ---

    @property
    def account(self) -> TradingAccount:
        """How the portfolio trades; read when it was not given. One statement then."""
        if self._account is None:
            self._account = account_row(self.portfolio, now=self.now)
        return self._account

    @property
    def fees(self) -> FeeModel:
        """The account's tariff."""
        return fee_model_of(self.account)

    @property
    def model(self) -> FillModel:
        """How the exchange treats the account."""
        return fill_model_of(self.account)

    def market(self, instrument: Instrument) -> Market:
        """The market of an instrument, read once per desk: one statement, two for terms that differ."""
        found = self.markets.get(instrument.id)
        if found is None:
            self.load_markets({instrument.id: instrument})
            found = self.markets[instrument.id]
        return found

    def load_markets(self, instruments: dict[int, Instrument]) -> None:
        """Read the markets of several instruments under the lock: an order is never filled at a price older than the
        one that others saw before it. Two statements."""
        missing = {pk: thing for pk, thing in instruments.items() if pk not in self.markets}
        if missing:
            self.markets.update(markets_of(missing, latest_quotes(missing, now=self.now), now=self.now))

    def cash(self, currency: str) -> Decimal:
        """Cash as it stands with everything booked on this desk."""
        if currency not in self._cash:
            self._cash[currency] = books.cash_balance(self.portfolio.id, currency)
        return self._cash[currency]

    def position(self, instrument_id: int) -> Decimal:
        """The position as it stands with everything booked on this desk."""
        if instrument_id not in self._positions:
            self._positions[instrument_id] = books.position_quantity(self.portfolio.id, instrument_id)
        return self._positions[instrument_id]

    @property
    def positions(self) -> Mapping[int, Decimal]:
        """The positions that are known so far, by instrument, with everything booked on this desk."""
        return self._positions

    def know(self, *, currency: str, cash: Decimal, instrument_id: int, position: Decimal) -> None:
        """Take over what somebody else has just read under the same lock."""
        self._cash.setdefault(currency, cash)
        self._positions.setdefault(instrument_id, position)

    def adopt(self, facts: OrderFacts) -> None:
        """Take over everything about one instrument, just read under the same lock."""
        instrument = facts.market.instrument
        self._account = self._account or facts.account
        self.markets.setdefault(instrument.id, facts.market)
        self.facts = facts.books
        self.know(
            currency=instrument.currency,
            cash=facts.books.cash_in(instrument.currency),
            instrument_id=instrument.id,
            position=facts.books.position,
        )

    def holds(self, *, currency: str, instrument_id: int, client_order_id: str = "") -> Holds:
        """What open orders hold: the stored ones, and those in memory as they stand. One statement."""
        stored = open_holds(
            portfolio_id=self.portfolio.id,
            currency=currency,
            instrument_id=instrument_id,
            client_order_id=client_order_id,
            without=self.orders,
        )
        here = [order for order in self.orders.values() if order.is_open]
        if not here:
            return stored
        own = [order for order in here if order.currency == currency]
        return Holds(
            margin=stored.margin + sum((o.reserved_cash for o in own if o.reserves_margin), ZERO),
            cash_only=stored.cash_only + sum((o.reserved_cash for o in own if not o.reserves_margin), ZERO),
            quantity=stored.quantity
            + sum((o.reserved_quantity for o in here if o.instrument_id == instrument_id), ZERO),
            money_here=stored.money_here
            + sum((o.reserved_cash for o in here if o.instrument_id == instrument_id), ZERO),
            open_orders=stored.open_orders + sum(1 for o in here if o.parent_id is None),
            others=stored.others,
            same_client_id=stored.same_client_id,
        )

    def load(self, wanted: Q) -> list[Order]:
        """Lock stored orders that match, with the rest of their groups; returns those that match. One statement, or
        two where groups are among them."""
        found, others = locked_with_groups(
            wanted, within=Q(portfolio_id=self.portfolio.id), known=self.orders
        )
        for row in others:
            self.orders.setdefault(row.id, row)
        return [self.orders.setdefault(row.id, row) for row in found]

    def family(self, order: Order) -> list[Order]:
        """The other members of its group, the head first. Loaded already, or new on this desk."""
        head = order.parent_id or order.id
        members = [each for each in self.orders.values() if head in (each.parent_id, each.id)]
        return sorted(
            (each for each in members if each.id != order.id),
            key=lambda each: (each.id != head, each.submitted_at),
        )

    # --- what changes ---

    def add(self, order: Order) -> None:
        """Take a new order onto the desk; ``save`` inserts it."""
        self.orders[order.id] = order
        self._new.append(order.id)
        self._fill_counts[order.id] = 0

    def touch(self, order: Order) -> None:
        """Say that a row differs from what is stored."""
        order.updated_at = self.now
        self._changed[order.id] = None

    def note(self, order: Order, text: str, *, kind: str = "note") -> None:
        """Add a sentence to the order's trail."""
        order.trail = [*order.trail, {"at": self.now.isoformat(), "kind": kind, "text": text}]
        self.touch(order)

    def move(self, order: Order, trigger: Trigger) -> None:
        """Change the status by the transition table."""
        order.status = advance(OrderStatus(order.status), trigger).value
        self.touch(order)

    def watch(self, order: Order) -> None:
        """Put the order where the book looks for it. One that is held keeps what it was given; one that a broker executes
        is never looked for."""
        status = OrderStatus(order.status)
        if status is OrderStatus.HELD:
            return
        if status not in OPEN or self.account.broker_connection_id is not None:
            order.watch, order.watch_price = Watch.NOTHING.value, None
        elif status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
            order.watch, order.watch_price = Watch.NOW.value, None
        elif order.type in _STOPS and order.triggered_at is None:
            is_trailing = order.type == OrderType.TRAILING_STOP
            order.watch = (Watch.TRAIL if is_trailing else Watch.STOP).value
            order.watch_price = order.stop_price
        else:
            bound = order.limit_price if order.limit_price is not None else order.cap_price
            order.watch = (Watch.NOW if bound is None else Watch.LIMIT).value
            order.watch_price = bound
        self.touch(order)

    def tell(self, event: str, order: Order, item: Event | None = None, *, fill: Fill | None = None) -> None:
        """Take down what just happened: ``event`` for programs (its name on the wire; the order is told as it stands
        now), ``item`` for the other rooms."""
        self.log.append(log_entry(event=event, order=order, at=self.now, fill=fill))
        if item is not None:
            self.news.append(item)

    def tell_routed(self, order: Order) -> None:
        """Say that an order that waited works in the market now."""
        item = events.OrderRouted(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=self.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            status=order.status,
            at=self.now,
        )
        self.tell("new", order, item)

    def book(self, trade: BookedTrade) -> None:
        """Count a trade into cash and position; ``save`` writes it into the journal."""
        order = trade.order
        cash, position = self.cash(order.currency), self.position(order.instrument_id)
        if order.side == Side.BUY:
            self._cash[order.currency] = cash - trade.journal_amount - trade.journal_fees
            self._positions[order.instrument_id] = position + trade.journal_quantity
        else:
            self._cash[order.currency] = cash + trade.journal_amount - trade.journal_fees
            self._positions[order.instrument_id] = position - trade.journal_quantity
        trade.fill.position_quantity = self._positions[order.instrument_id]
        self.trades.append(trade)

    def fill_count(self, order: Order) -> int:
        """How often the order was filled. Counting costs a statement only for one that was partly filled before."""
        if order.id not in self._fill_counts:
            self._fill_counts[order.id] = (
                0 if order.filled_quantity == 0 else Fill.objects.filter(order=order).count()
            )
        return self._fill_counts[order.id]

    def next_number(self, order: Order) -> int:
        """The number of the order's next fill."""
        self._fill_counts[order.id] = self.fill_count(order) + 1
        return self._fill_counts[order.id]

    def date_after_journal(self) -> None:
        """Whoever waited for the lock read the clock before the one who held it: what happens second is dated second."""
        if not self._dated:
            last = books.last_entry_at(self.portfolio.id) if self.facts is None else self.facts.last_entry_at
            self.now = max(self.now, last or self.now)
            self._dated = True

    # --- how it is written ---

    def save(self) -> None:
        """Write orders, journal, fills, log and news: one statement, and what the books need where a trade is not a simple
        one. The desk can be used on afterwards."""
        writing = Writing()
        self.write_into(writing)
        books_operations.write_trade(writing)

    def write_into(self, writing: Writing) -> None:
        """Like ``save``, as a part of a statement that the caller carries out. Until then nothing may be read about this
        portfolio's orders and books."""
        self._write_orders(writing)
        news = write_trades(
            writing, self.trades, portfolio=self.portfolio, facts=self.facts, actor=self.actor, now=self.now
        )
        news += [(item, events.stream_of(self.portfolio.id)) for item in self.news]
        append_to_log(writing, portfolio_id=self.portfolio.id, entries=self.log)
        publish_within(writing, news)
        for pk in self._new:
            self.orders[pk]._state.adding = False
        self.trades, self.log, self.news, self._new, self._changed = [], [], [], [], {}
        self.facts = None

    def _write_orders(self, writing: Writing) -> None:
        new = [self.orders[pk] for pk in self._new]
        writing.insert("trading_order", _ORDER, [columns_of(order, _ORDER) for order in new])
        changed = [self.orders[pk] for pk in self._changed if pk not in self._new]
        writing.update("trading_order", _CHANGING, [columns_of(order, _CHANGED) for order in changed])


def load_desks(desks: Mapping[int, Desk], order_ids: Sequence[UUID]) -> None:
    """Lock orders of several desks, with the rest of their groups, and put each on its own (by its portfolio). One
    statement, or two where groups are among them. Orders of other portfolios are left alone."""
    found, others = locked_with_groups(Q(pk__in=order_ids), within=Q(portfolio_id__in=list(desks)))
    for row in (*found, *others):
        desks[row.portfolio_id].orders[row.id] = row


_ORDER = tuple(column.attname for column in Order._meta.concrete_fields)
_CHANGING = tuple(
    "status quantity limit_price stop_price trail_price hwm cap_price watch watch_price "
    "filled_quantity filled_avg_price filled_amount reserved_cash reserved_quantity reason_code reason trail "
    "parent_id replaced_by_id eligible_at triggered_at expires_at "
    "updated_at filled_at canceled_at expired_at rejected_at replaced_at".split()
)
_CHANGED = ("id", *_CHANGING)


def open_desk(*, portfolio_id: int, actor: Any, now: datetime) -> Desk:
    """Lock a portfolio and lay out its desk. Two statements; raises what ``lock_portfolio`` raises."""
    portfolio = lock_portfolio(portfolio_id)
    return Desk(portfolio=portfolio, account=account_row(portfolio, now=now), actor=actor, now=now)


def desk_with(portfolio: LockedPortfolio, facts: OrderFacts, *, actor: Any, now: datetime) -> Desk:
    """The desk of a locked portfolio for which everything about one instrument was just read. No statement."""
    desk = Desk(portfolio=portfolio, account=None, actor=actor, now=now)
    desk.adopt(facts)
    return desk


def account_row(portfolio: LockedPortfolio, *, now: datetime) -> TradingAccount:
    """The portfolio's trading account; one that came about without is given a cash account."""
    found = TradingAccount.objects.filter(portfolio_id=portfolio.id).first()
    if found is None:
        found = TradingAccount(
            portfolio_id=portfolio.id, currency=portfolio.base_currency, created_at=now, updated_at=now
        )
        if portfolio.is_paper:
            found.save(force_insert=True)
    return found
