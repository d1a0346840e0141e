"""What has to be so after every step of a walk: the books, the orders and the figures as the oracle reckons them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from holdings import queries as books
from holdings.models import Lot, RealisedTrade
from marketdata.models import CorporateAction
from marketdata.queries import latest_quotes
from trading import operations
from trading.models import AppliedAction, Fill, Order, TradeEvent, TradingAccount
from trading.models.orders import OPEN_STATUSES
from trading.queries import account_figures, activities_of, positions_of
from trading.tests.oracle import Shadow, Thing, cost_of, sums

F = Fraction
D = Decimal
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SPECK = F(1, 10**7)


def fraction_of(value: Any) -> F:
    """The exact ratio that a rounded one stands for."""
    return F(value).limit_denominator(10_000)


@dataclass
class Side:
    """One account and what it has to look like."""

    user: Any
    portfolio: int
    shadow: Shadow
    schedule: str
    slips: bool = False
    began: datetime = START
    at: dict[int, F] = field(default_factory=dict)  # held when the day began
    known: set[Any] = field(default_factory=set)  # fills
    acted: set[int] = field(default_factory=set)  # corporate actions


class Proofs:
    """The comparisons. What they look at is the world's."""

    dice: Random
    now: datetime
    things: dict[int, Thing]
    quote: dict[int, dict[str, Any]]
    quotes: dict[tuple[int, datetime], dict[str, Any]]
    sides: list[Side]

    def check(self) -> None:
        for side in self.sides:
            known = len(side.known)
            self.sync(side)
            if len(side.known) == known and self.dice.random() < 0.5:
                continue  # nothing was executed: every other time is enough
            self.check_books_of(side)
            self.check_orders_of(side)
            self.check_figures_of(side)
            self.check_nothing_was_missed(side)
        assert operations.check_reservations() == []
        assert operations.check_orders(since=START, now=self.now) == []

    def sync(self, side: Side) -> None:
        """Tell the oracle what happened since, and compare what that came to."""
        due = CorporateAction.objects.exclude(pk__in=side.acted).filter(ex_date__lte=self.now.date())
        applied = AppliedAction.objects.filter(portfolio_id=side.portfolio)
        done = set(applied.values_list("instrument_id", "kind", "ex_date")) if due else set()
        for action in due.order_by("ex_date", "kind"):
            key = action.instrument_id, action.kind, action.ex_date
            if key not in done:
                continue
            side.acted.add(action.pk)
            if action.kind == "dividend":
                if side.at.get(key[0]):
                    side.shadow.dividend(key[0], side.at[key[0]], F(action.value))
            else:
                side.shadow.lots[key[0]].split(fraction_of(action.value))
                if key[0] in side.at:
                    side.at[key[0]] *= fraction_of(action.value)
        fresh = Fill.objects.filter(portfolio_id=side.portfolio).exclude(pk__in=side.known)
        for row in fresh.select_related("order").order_by("transaction_id"):
            side.known.add(row.pk)
            self.check_execution(side, row)
            cost = side.shadow.fill(
                row.instrument_id, side=row.side, quantity=F(row.quantity), price=F(row.price),
                is_maker=row.liquidity == "maker",
            )  # fmt: skip
            found = F(row.amount), F(row.fees), F(row.fee_quantity), F(row.fee_worth)
            assert found == (cost.amount, cost.fees, cost.coins, cost.worth)
            details = sum((F(D(each["amount"])) for each in row.fee_details), F(0))
            assert details == cost.fees + (cost.worth if cost.coins else 0)
            assert abs(F(row.position_quantity) - side.shadow.units(row.instrument_id)) < SPECK

    def check_execution(self, side: Side, row: Fill) -> None:
        """An execution against the quote it met."""
        placed, quote = row.order, self.quotes[row.instrument_id, row.quoted_at]
        is_buy, price = row.side == "buy", F(row.price)
        bid, ask, last = quote["bid"], quote["ask"], quote["last"]
        inside = min(max(last, bid), ask) if bid is not None and ask is not None else None
        touch = (ask if is_buy else bid) if (ask if is_buy else bid) is not None else last
        if placed.time_in_force in ("opg", "cls"):
            assert inside is None or price == inside
        elif not side.slips:
            assert price == touch
        else:
            assert abs(price - touch) <= touch * F(26, 10000) + (ask - bid if inside is not None else 0) + F(
                1, 100
            )
        if placed.limit_price is not None:
            assert price <= placed.limit_price if is_buy else price >= placed.limit_price
        elif is_buy:
            assert price <= F(placed.cap_price)
        if placed.type in ("stop", "stop_limit", "trailing_stop"):
            assert placed.triggered_at is not None
        size = quote["ask_size" if is_buy else "bid_size"]
        if size is not None and placed.time_in_force not in ("opg", "cls"):
            rows = Fill.objects.filter(
                portfolio_id=side.portfolio,
                instrument_id=row.instrument_id,
                side=row.side,
                quoted_at=row.quoted_at,
            ).exclude(order__time_in_force__in=["opg", "cls"])
            assert sums(rows)[0] <= size * (F("0.4") if side.slips else 1)

    def check_books_of(self, side: Side) -> None:
        shadow, currency = side.shadow, side.shadow.currency
        assert F(books.cash_balance(side.portfolio, currency)) == shadow.cash
        if shadow.multiplier == 1:
            assert shadow.cash >= 0
        moved = defaultdict(F)
        cash = F(0)
        for entry in books.movements_of(side.portfolio):
            cash += F(entry.cash)
            if entry.instrument_id is not None:
                held = moved[entry.instrument_id]
                moved[entry.instrument_id] = (
                    held if entry.ratio is None else held * fraction_of(entry.ratio)
                ) + F(entry.units)
        assert cash == shadow.cash
        gains = sum(
            (
                F(row.proceeds) - F(row.cost)
                for row in RealisedTrade.objects.filter(portfolio_id=side.portfolio)
            ),
            F(0),
        )
        held_now = books.position_quantities(side.portfolio)
        parcels = defaultdict(list)
        for lot in Lot.objects.filter(portfolio_id=side.portfolio):
            parcels[lot.instrument_id].append(lot)
        views = {view.instrument_id: view for view in positions_of(side.portfolio, now=self.now)}
        for pk, thing in self.things.items():
            units = shadow.units(pk)
            position = F(held_now.get(pk, 0))
            assert abs(position - units) < SPECK
            assert shadow.multiplier > 1 or position >= 0
            assert thing.kind == "stock" or position >= 0
            assert abs(moved[pk] - units) < SPECK
            assert sum((F(lot.quantity) for lot in parcels[pk]), F(0)) == position
            assert abs(sum((F(lot.cost) for lot in parcels[pk]), F(0)) - shadow.lots[pk].cost) < SPECK
            assert (pk in views) == (position != 0)
            if pk in views:
                self.check_view(side, views[pk], position)
        assert abs(gains - sum((lots.gain for lots in shadow.lots.values()), F(0))) < SPECK

    def check_view(self, side: Side, view: Any, position: F) -> None:
        thing, price = self.things[view.instrument_id], F(self.quote[view.instrument_id]["last"])
        assert F(view.quantity) == position
        assert F(view.current_price) == price
        assert F(view.market_value) == position * price * thing.factor
        entry = position * F(view.avg_entry_price) * thing.factor
        assert abs(F(view.cost_basis) - entry) < F(1, 10**4)
        assert F(view.unrealized_pl) == F(view.market_value) - F(view.cost_basis)
        held = sum(
            (
                F(row.reserved_quantity)
                for row in self.open_orders(side)
                if row.instrument_id == view.instrument_id
            ),
            F(0),
        )
        assert F(view.available) == abs(position) - held

    def open_orders(self, side: Side) -> list[Order]:
        return list(Order.objects.filter(portfolio_id=side.portfolio, status__in=OPEN_STATUSES))

    def check_orders_of(self, side: Side) -> None:
        rows = list(Order.objects.filter(portfolio_id=side.portfolio).prefetch_related("fills"))
        heads: dict[Any, list[Order]] = defaultdict(list)
        for row in rows:
            fills = list(row.fills.all())
            quantity, value = sums(fills)
            assert quantity == F(row.filled_quantity) <= F(row.quantity)
            assert sum((F(each.amount) for each in fills), F(0)) == F(row.filled_amount)
            if quantity:
                assert abs(F(row.filled_avg_price) - value / quantity) < F(1, 10**10)
            assert [each.number for each in sorted(fills, key=lambda each: each.number)] == list(
                range(1, len(fills) + 1)
            )
            is_open = row.status in OPEN_STATUSES
            if not is_open:
                assert (row.reserved_cash, row.reserved_quantity, row.watch) == (0, 0, "")
                assert (row.status == "filled") == (row.filled_quantity == row.quantity)
                continue
            if row.notional is not None:
                assert F(row.filled_amount) <= F(row.notional) + F(
                    1, 10 ** (0 if row.currency == "JPY" else 2)
                )
            heads[row.parent_id or row.pk].append(row)
            self.check_hold(side, row)
        for members in heads.values():
            exits = [row for row in members if row.role in ("take_profit", "stop_loss") and row.watch]
            if exits:
                assert len({row.remaining for row in exits}) == 1
                assert sum(row.reserved_quantity for row in exits) == exits[0].remaining

    def check_hold(self, side: Side, row: Order) -> None:
        """What an open order holds against the table in the rules."""
        thing, rest = self.things[row.instrument_id], F(row.remaining)
        if row.role in ("take_profit", "stop_loss"):
            return
        if not row.opens_position:
            assert row.reserved_cash == 0
            if row.notional is None:
                assert F(row.reserved_quantity) == rest
            return
        assert row.reserved_quantity == 0
        bound = row.limit_price if row.limit_price is not None else row.cap_price
        if row.side == "sell" or row.notional is not None:
            assert row.reserved_cash > 0
            return
        # A fee may be less for the whole than what a rest with its least fee would need: only then is less held.
        most = cost_of(side.shadow.tariff, thing, side="buy", quantity=rest, price=F(bound))
        marginable = thing.kind == "stock"
        held = F(row.reserved_cash)
        times = {1, side.shadow.multiplier, 2, 4} if marginable else {1}
        whole = {most.amount + most.fees * each for each in times}
        if row.filled_quantity or row.origin == "split" or row.replaces_id or "split" in str(row.trail):
            # A split rounds a limit down, and leaves what is held as it is.
            more = max(whole) / 50 if "plit" in str(row.trail) else F(1 if row.currency == "JPY" else "0.01")
            assert 0 <= held <= max(whole) + more
        else:
            assert held in whole, (held, whole)

    def check_figures_of(self, side: Side) -> None:
        account = TradingAccount.objects.get(portfolio_id=side.portfolio)
        still = self.open_orders(side)
        margin = sum((F(row.reserved_cash) for row in still if row.reserves_margin), F(0))
        alone = sum((F(row.reserved_cash) for row in still if not row.reserves_margin), F(0))
        prices = {pk: F(quote["last"]) for pk, quote in self.quote.items()}
        wanted = side.shadow.margin(
            prices, chosen=account.max_margin_multiplier, held_margin=margin, held_cash=alone
        )
        found = account_figures(side.portfolio, now=self.now)
        assert abs(F(found.equity) - wanted.equity) < SPECK
        assert F(found.equity) == F(found.cash) + F(found.long_market_value) + F(found.short_market_value)
        assert abs(F(found.initial_margin) - wanted.initial) < SPECK
        assert abs(F(found.maintenance_margin) - wanted.maintenance) < SPECK
        assert abs(F(found.buying_power) - wanted.buying_power) < SPECK
        assert (F(found.reserved_margin), F(found.reserved_cash)) == (margin, alone)
        assert 0 <= F(found.non_marginable_buying_power) <= max(F(found.cash), F(0))
        if side.shadow.multiplier == 1:
            assert wanted.free >= 0
            assert F(found.cash) - margin - alone == F(found.buying_power)
        accrued = F(account.accrued_interest), F(account.accrued_borrow_fees)
        # What is lent on a price with twelve decimals is known to so many.
        assert abs(accrued[0] - side.shadow.interest) < SPECK
        assert abs(accrued[1] - side.shadow.borrow) < SPECK
        if not still:
            assert margin == alone == 0

    def check_nothing_was_missed(self, side: Side) -> None:
        """What could trade on the quote that stands has traded: nothing rests that the market would take."""
        quotes = latest_quotes(list(self.quote), now=self.now)
        for row in self.open_orders(side):
            quote = self.quote[row.instrument_id]
            if (
                quotes[row.instrument_id].is_stale
                or row.time_in_force in ("opg", "cls")
                or not row.watch
                or row.notional is not None
            ):
                continue
            bid, ask, last = quote["bid"], quote["ask"], quote["last"]
            if bid is not None and ask is not None:
                last = min(max(last, bid), ask)
            if row.type in ("stop", "stop_limit", "trailing_stop") and row.triggered_at is None:
                assert last < row.stop_price if row.side == "buy" else last > row.stop_price
                continue
            is_buy = row.side == "buy"
            touch = (ask if is_buy else bid) if (ask if is_buy else bid) is not None else quote["last"]
            bound = row.limit_price if row.limit_price is not None else row.cap_price
            if bound is not None and (touch > bound if is_buy else touch < bound):
                continue
            size = quote["ask_size" if is_buy else "bid_size"]
            at = next(
                at for (pk, at), each in self.quotes.items() if each is quote and pk == row.instrument_id
            )
            taken = sums(
                Fill.objects.filter(
                    portfolio_id=side.portfolio, instrument_id=row.instrument_id, side=row.side, quoted_at=at
                )
            )[0]
            assert size is not None, (row.side, row.type, row.status, row.remaining, bound, touch)
            share = F("0.4") if side.slips else F(1)
            assert size * share - taken < self.things[row.instrument_id].step

    def check_told(self, side: Side) -> None:
        """Programs and pages are told the same: activities add up to the cash, the log has each execution once."""
        rows = activities_of(side.portfolio, limit=100_000, most=100_000)
        assert sum((F(row.cash) for row in rows), F(0)) == side.shadow.cash
        executions = [row for row in rows if row.type == "FILL"]
        since = books.journal_begins_at(side.portfolio)
        if since is not None:
            assert (
                len(executions)
                == Fill.objects.filter(portfolio_id=side.portfolio, executed_at__gte=since).count()
            )
        told = [
            event.payload["execution"]["id"]
            for event in TradeEvent.objects.filter(portfolio_id=side.portfolio)
            if event.payload.get("execution")
        ]
        assert sorted(told) == sorted(
            str(pk) for pk in Fill.objects.filter(portfolio_id=side.portfolio).values_list("pk", flat=True)
        )
