"""A market and its accounts, and everything that may happen to them in a walk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction

from marketdata.models import CorporateAction, Quote
from portfolio_site.kernel.errors import DomainError
from trading import operations
from trading.models import Order
from trading.models.orders import OPEN_STATUSES
from trading.operations import AccountModels, StopLoss, TakeProfit
from trading.tests.oracle import TARIFFS, Shadow, Thing
from trading.tests.oracle_proofs import SPECK, START, D, F, Proofs, Side, fraction_of
from trading.tests.support import check_books, make_instrument, make_user, order, set_quote

#: What trades: kind, currency, first price, grid, and the fields of the instrument.
MARKET: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("stock", "USD", "101.37", "0.01", {}),
    ("stock", "USD", "18.05", "0.01", {"quantity_step": D(1)}),
    ("stock", "USD", "2.4100", "0.01", {"asset_class": "etf"}),
    ("crypto", "USD", "30417.50", "0.01", {"asset_class": "crypto", "exchange": "", "quantity_step": D("0.00000001")}),
    ("other", "USD", "98.7", "0.01", {"asset_class": "bond", "quote_unit": "percent", "multiplier": D(1000)}),
    ("stock", "JPY", "2517", "0.01", {"currency": "JPY"}),
)  # fmt: skip
ACCOUNTS = (
    ("USD", 1, "5000"),
    ("USD", 2, "20000"),
    ("USD", 2, "2100"),
    ("USD", 4, "9000.55"),
    ("JPY", 2, "900000"),
)
KINDS = (
    ["place"] * 9 + ["tick"] * 7 + ["cancel", "replace", "replace", "close", "close", "hours", "day", "margins"]
    + ["cancel_all", "close_all", "reverse", "reset", "switch", "choose", "split", "dividend", "reconcile"]
)  # fmt: skip
RATIOS = ("2", "4", "1.5", "0.1", "0.333333333333", "0.066666666667")


class World(Proofs):
    """A market, its accounts, and what happens to them."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.now = START
        self.story: list[str] = []
        self.things: dict[int, Thing] = {}
        self.instruments: list[Any] = []
        self.price: dict[int, F] = {}
        self.quote: dict[int, dict[str, Any]] = {}
        self.quotes: dict[tuple[int, datetime], dict[str, Any]] = {}
        self.sides = [self.account() for _ in range(2)]
        currencies = {side.shadow.currency for side in self.sides}
        wanted = [line for line in MARKET if line[1] in currencies]
        for kind, currency, price, _, fields in self.dice.sample(wanted, min(3, len(wanted))):
            self.add(kind, currency, price, fields)

    def add(self, kind: str, currency: str, price: str, fields: dict[str, Any]) -> None:
        instrument = make_instrument(**fields)
        factor = F(instrument.multiplier) / (100 if instrument.quote_unit == "percent" else 1)
        self.things[instrument.pk] = Thing(instrument.pk, kind, currency, factor, F(instrument.quantity_step))
        self.instruments.append(instrument)
        self.price[instrument.pk] = F(price)
        self.show(instrument.pk)

    def account(self) -> Side:
        currency, multiplier, cash = self.dice.choice(ACCOUNTS)
        schedule = self.dice.choice(sorted(TARIFFS))
        slips = self.dice.random() < 0.2
        models = AccountModels(
            fee_schedule=schedule,
            model_seed=1,
            slippage_bps=D(25) if slips else D(0),
            price_improvement=D("0.5") if slips else D(0),
            participation=D("0.4") if slips else None,
            borrow_rate=D("0.35"),
            margin_rate=D("0.0725"),
        )
        user = make_user("trader")
        portfolio = operations.open_paper_account(
            owner=user, name="Walk", cash=D(cash), currency=currency, multiplier=multiplier, models=models, now=self.now
        )  # fmt: skip
        shadow = Shadow(
            currency=currency, multiplier=multiplier, tariff=TARIFFS[schedule], things=self.things,
            began=self.now.date(), cash=F(cash), borrow_rate=F("0.35"), margin_rate=F("0.0725"),
        )  # fmt: skip
        return Side(user, portfolio, shadow, schedule, slips)

    # --- what happens ---

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.now += timedelta(seconds=self.dice.choice((1, 1, 7)))
            kind = self.dice.choice(KINDS)
            side = self.dice.choice(self.sides)
            self.story.append(kind)
            try:
                with transaction.atomic():
                    getattr(self, kind)(side)
            except DomainError as refusal:
                assert refusal.message  # noqa: PT017 - a refusal is a fine answer; it has to say something
                self.story.append(f"  refused: {refusal.code}")
            self.check()
        check_books()
        for side in self.sides:
            self.check_told(side)

    def show(self, pk: int) -> None:
        """Quote an instrument around its price."""
        grid = F(1, 100) if self.price[pk] >= 1 else F(1, 10000)
        middle = max(self.price[pk] // grid * grid, grid * 3)
        spread = grid * self.dice.choice((0, 1, 1, 2, 5, 40))
        bid, ask = max(middle - spread, grid), middle + grid * self.dice.choice((0, 1, 3))
        last = self.dice.choice((bid, ask, middle, middle + 9 * grid))
        one_sided = self.dice.random()
        sizes = self.dice.choice((None, None, 3, 10, 40)), self.dice.choice((None, None, 3, 10, 40))
        found = {
            "bid": None if one_sided < 0.05 else bid,
            "ask": None if 0.05 <= one_sided < 0.1 else ask,
            "last": last,
            "bid_size": sizes[0],
            "ask_size": sizes[1],
        }
        self.quote[pk] = found
        self.quotes[pk, self.now] = found
        instrument = next(each for each in self.instruments if each.pk == pk)
        as_text = {
            name: None if found[name] is None else format(D(found[name].numerator) / D(found[name].denominator), "f")
            for name in ("bid", "ask", "last")
        }  # fmt: skip
        set_quote(instrument, as_text["bid"], as_text["ask"], as_text["last"], at=self.now)
        Quote.objects.filter(pk=pk).update(bid_size=sizes[0], ask_size=sizes[1])

    def tick(self, _side: Side) -> None:
        pk = self.dice.choice(self.instruments).pk
        move = self.dice.choice((-30, -8, -3, -1, -1, 0, 1, 1, 3, 8, 30))
        self.price[pk] = max(self.price[pk] * (1000 + move) / 1000, F(1, 50))
        if self.dice.random() < 0.04:  # a gap
            self.price[pk] = max(self.price[pk] * self.dice.choice((F(1, 2), F(9, 5))), F(1, 50))
        self.show(pk)
        self.match([pk])

    def match(self, ids: list[int] | None) -> None:
        report = operations.match_resting_orders(instrument_ids=ids, now=self.now)
        assert report.failed_portfolios == ()

    def thing(self, side: Side) -> Any:
        own = [each for each in self.instruments if each.currency == side.shadow.currency]
        return self.dice.choice(own or self.instruments)

    def near(self, pk: int, *, wide: bool = False) -> D:
        """A price near the market, on the grid."""
        share = F(self.dice.randint(-90, 90) if wide else self.dice.randint(-15, 15), 1000)
        price = self.price[pk] * (1 + share)
        if self.things[pk].kind == "crypto":
            return max(D(int(price * 100)) / 100, D("0.01"))
        return max(D(int(price * 100)) / 100 if price >= 1 else D(int(price * 10000)) / 10000, D("0.0001"))

    def size(self, side: Side, pk: int) -> D:
        """So many units that it is a tenth of the account, or several times it."""
        thing = self.things[pk]
        worth = F(self.dice.choice((60, 300, 900, 2500, 12_000))) * (130 if thing.currency == "JPY" else 1)
        units = worth / (self.price[pk] * thing.factor)
        if thing.kind == "crypto":
            return max(D(int(units * 10**8)) / 10**8, D("0.00000001"))
        if self.dice.random() < 0.3 and thing.step < 1:
            return max(D(int(units * 1000)) / 1000, D("0.001"))
        return max(D(int(units)), D(1))

    def place(self, side: Side) -> None:  # noqa: C901 - a draw for each part of an order
        dice, instrument = self.dice, self.thing(side)
        pk = instrument.pk
        kind = dice.choice(
            ("market", "market", "limit", "limit", "limit", "stop", "stop_limit", "trailing_stop")
        )
        terms: dict[str, Any] = {
            "side": dice.choice(("buy", "buy", "sell")),
            "type": kind,
            "time_in_force": dice.choice(("day", "gtc", "gtc", "ioc", "fok", "opg", "cls")),
            "quantity": self.size(side, pk),
            "order_class": dice.choice(("simple",) * 6 + ("bracket", "oco", "oto")),
        }
        held = side.shadow.units(pk)
        if held and dice.random() < 0.5:
            terms["side"] = "sell" if held > 0 else "buy"
            part = dice.choice((F(1), F(1), F(1, 2), F(1, 3)))
            terms["quantity"] = self.whole(abs(held) * part, self.things[pk]) or terms["quantity"]
        if terms["quantity"] % 1 and self.things[pk].kind == "stock":
            terms["time_in_force"] = "day"
        if self.things[pk].kind == "crypto":
            terms["time_in_force"] = dice.choice(("gtc", "ioc"))
        if kind in ("limit", "stop_limit"):
            terms["limit_price"] = self.near(pk)
        if kind in ("stop", "stop_limit"):
            terms["stop_price"] = self.near(pk)
            terms["time_in_force"] = "gtc" if terms["time_in_force"] != "day" else "day"
        if kind == "trailing_stop":
            terms[dice.choice(("trail_percent", "trail_price"))] = D(dice.randint(2, 60)) / 10
            terms["time_in_force"] = "gtc"
        if terms["order_class"] != "simple":
            terms["time_in_force"] = dice.choice(("day", "gtc"))
            terms["quantity"] = max(terms["quantity"] // 1, D(1))
            low, high = sorted((self.near(pk, wide=True), self.near(pk, wide=True)))
            up = (terms["side"] == "buy") == (terms["order_class"] != "oco")
            profit, loss = (
                TakeProfit(limit_price=high if up else low),
                StopLoss(stop_price=low if up else high),
            )
            if terms["order_class"] == "oco":
                terms |= {"type": "limit", "limit_price": profit.limit_price}
                terms.pop("stop_price", None)
                for name in ("trail_percent", "trail_price"):
                    terms.pop(name, None)
            which = dice.choice("pl") if terms["order_class"] == "oto" else "both"
            if which != "l":
                terms["take_profit"] = profit
            if which != "p":
                terms["stop_loss"] = loss
        elif dice.random() < 0.2:
            amount = D(dice.choice((25, 140, 777))) * (100 if side.shadow.currency == "JPY" else 1)
            terms |= {"quantity": None, "notional": amount}
            if self.things[pk].kind != "crypto":
                terms["time_in_force"] = "day"
        self.story.append(f"  {instrument.symbol} {terms}")
        order(side.portfolio, side.user, instrument, now=self.now, **terms)

    @staticmethod
    def whole(units: F, thing: Thing) -> D:
        steps = units // thing.step
        found = steps * thing.step
        return D(found.numerator) / D(found.denominator)

    def chosen(self, side: Side) -> Order | None:
        rows = list(Order.objects.filter(portfolio_id=side.portfolio).order_by("submitted_at", "id"))
        still = [row for row in rows if row.status in OPEN_STATUSES]
        return self.dice.choice(still or rows) if rows else None

    def cancel(self, side: Side) -> None:
        if row := self.chosen(side):
            operations.cancel_order(order_id=row.pk, actor=side.user, now=self.now)

    def cancel_all(self, side: Side) -> None:
        operations.cancel_all_orders(portfolio_id=side.portfolio, actor=side.user, now=self.now)

    def replace(self, side: Side) -> None:
        row = self.chosen(side)
        if row is None:
            return
        changes: dict[str, Any] = {}
        if self.dice.random() < 0.5 and row.quantity % 1 == 0:
            changes["quantity"] = max(D(int(row.quantity * self.dice.choice((1, 2, 3)) / 2)), D(1))
        if row.limit_price is not None and self.dice.random() < 0.7:
            changes["limit_price"] = self.near(row.instrument_id)
        if row.type in ("stop", "stop_limit") and self.dice.random() < 0.7:
            changes["stop_price"] = self.near(row.instrument_id)
        if row.type == "trailing_stop":
            changes["trail"] = D(self.dice.randint(2, 60)) / 10
        if self.dice.random() < 0.2:
            changes["time_in_force"] = self.dice.choice(("day", "gtc"))
        self.story.append(f"  {row.type} {row.order_class} {row.role} {changes}")
        operations.replace_order(order_id=row.pk, actor=side.user, now=self.now, **changes)

    def close(self, side: Side) -> None:
        pk = self.thing(side).pk
        how = self.dice.choice(({}, {}, {"percentage": D("37.5")}, {"quantity": self.size(side, pk)}))
        operations.close_position(
            portfolio_id=side.portfolio, actor=side.user, instrument_id=pk, now=self.now, **how
        )

    def close_all(self, side: Side) -> None:
        operations.close_all_positions(
            portfolio_id=side.portfolio, actor=side.user, cancel_orders=self.dice.random() < 0.7, now=self.now
        )

    def reverse(self, side: Side) -> None:
        pk = self.thing(side).pk
        operations.reverse_position(
            portfolio_id=side.portfolio, actor=side.user, instrument_id=pk, client_order_id=f"r{self.now.timestamp()}",
            now=self.now,
        )  # fmt: skip

    def reset(self, side: Side) -> None:
        if self.dice.random() < 0.6:
            return
        cash = self.dice.choice((None, D(7000)))
        self.sync(side)
        view = operations.reset_account(portfolio_id=side.portfolio, actor=side.user, cash=cash, now=self.now)
        side.shadow.begin_anew(F(view.last_equity), self.now.date())
        side.began, side.at = self.now, {}

    def switch(self, side: Side) -> None:
        for on in (True, False):
            operations.set_kill_switch(on=on, actor=side.user, portfolio_id=side.portfolio, now=self.now)
            if on:
                self.sync(side)
                with pytest.raises(DomainError):
                    order(side.portfolio, side.user, self.thing(side), now=self.now)

    def choose(self, side: Side) -> None:
        operations.update_configuration(
            portfolio_id=side.portfolio, actor=side.user, now=self.now,
            max_margin_multiplier=self.dice.choice((1, 2, 4, 4)), no_shorting=self.dice.random() < 0.2,
        )  # fmt: skip

    def margins(self, _side: Side) -> None:
        operations.watch_margins(now=self.now)

    def reconcile(self, _side: Side) -> None:
        found = operations.reconcile_orders(now=self.now)
        assert found.faults == ()
        assert found.repairs == ()

    def hours(self, side: Side) -> None:
        self.wait(timedelta(minutes=self.dice.randint(1, 300)))

    def day(self, side: Side) -> None:
        self.wait(timedelta(hours=self.dice.choice((20, 24, 72))))

    def split(self, side: Side) -> None:
        self.declare("split", F(D(self.dice.choice(RATIOS))))

    def dividend(self, side: Side) -> None:
        self.declare("dividend", F(self.dice.randint(1, 300), 100))

    def declare(self, kind: str, value: F) -> None:
        """Something happens to an instrument as the next day begins; the day begins at once."""
        instrument = self.dice.choice(self.instruments)
        if self.things[instrument.pk].kind == "crypto":
            return
        when = (self.now + timedelta(days=1)).date()
        text = D(value.numerator) / D(value.denominator)
        CorporateAction.objects.get_or_create(
            instrument=instrument, ex_date=when, kind=kind, defaults={"value": text, "source": "test"}
        )
        self.story.append(f"  {instrument.symbol} {kind} {text}")
        if kind == "split":
            self.price[instrument.pk] = max(self.price[instrument.pk] / fraction_of(value), F(1, 50))
        begins = datetime.combine(when, datetime.min.time(), UTC) + timedelta(seconds=30)
        self.wait(begins - self.now, self.dice.choice((instrument.pk, -1)) if kind == "split" else None)

    def wait(self, span: timedelta, fresh: int | None = None) -> None:
        """Time goes by, and the timetable's work is done, in any order. Prices grow old meanwhile."""
        before = self.now.date()
        self.now += span
        for pk in self.quote:
            if pk == fresh or (fresh is None and self.dice.random() < 0.5):
                self.show(pk)
        if self.now.date() != before:
            for side in self.sides:
                side.at = {pk: side.shadow.units(pk) for pk in self.things}
        work = [
            lambda: self.match(None),
            lambda: operations.expire_orders(now=self.now),
            lambda: operations.apply_corporate_actions(now=self.now),
            self.accrue,
            lambda: operations.close_trading_day(now=self.now),
            lambda: operations.watch_margins(now=self.now),
        ]
        self.dice.shuffle(work)
        # Somebody may be quicker than the timetable.
        for each in [self.try_to_place] * self.dice.choice((0, 1, 2)) + work:
            each()
            self.look()
            for side in self.sides:
                self.sync(side)
        operations.apply_corporate_actions(now=self.now)
        self.match(None)
        self.look()

    def try_to_place(self) -> None:
        side = self.dice.choice(self.sides)
        try:
            with transaction.atomic():
                self.dice.choice((self.place, self.close, self.replace))(side)
        except DomainError as refusal:
            assert refusal.message  # noqa: PT017 - a refusal is a fine answer; it has to say something

    def look(self) -> None:
        """A quote from before a split is carried past it: divided by the ratio, and of its moment."""
        for row in Quote.objects.filter(pk__in=list(self.quote)):
            if (row.pk, row.quoted_at) in self.quotes:
                continue
            before = self.quote[row.pk]
            action = CorporateAction.objects.get(
                instrument_id=row.pk, kind="split", ex_date=row.quoted_at.date()
            )
            ratio = fraction_of(action.value)
            found = {name: None if getattr(row, name) is None else F(getattr(row, name)) for name in before}
            for name in ("bid", "ask", "last"):
                assert before[name] is None or abs(found[name] * ratio - before[name]) < SPECK
            for name in ("bid_size", "ask_size"):
                assert before[name] is None or abs(found[name] - before[name] * ratio) < SPECK
            self.quote[row.pk] = self.quotes[row.pk, row.quoted_at] = found

    def accrue(self) -> None:
        prices = {pk: F(quote["last"]) for pk, quote in self.quote.items()}
        operations.accrue_charges(now=self.now)
        for side in self.sides:
            side.shadow.charge(self.now.date(), prices)
