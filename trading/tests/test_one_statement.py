"""What is read and written in one statement is, to the last digit, what the general way reads and writes row by row."""

from __future__ import annotations

import itertools
import json
import random
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from holdings import queries as books
from holdings.models import Portfolio
from marketdata.models import Instrument
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.writing import Writing
from trading import events
from trading.engine.terms import StopLoss, TakeProfit
from trading.models import Fill, Order, TradingAccount
from trading.operations import cancel_order, match_resting_orders, placing
from trading.operations.desk import _CHANGING, Desk
from trading.operations.posting import _post
from trading.operations.trade_log import append_to_log
from trading.queries import facts as order_facts
from trading.queries.accounts import site_control
from trading.queries.holds import open_holds
from trading.queries.market import market_of
from trading.tests.support import NOW, check_books, make_account, make_instrument, order, set_quote

#: Journal rows get ids from here on, so that they are told from every other number.
FIRST_ENTRY = 700_000_000
TABLES = {
    "trading_order": "id",
    "trading_orderevent": "id, pgh_id",
    "trading_fill": "order_id, number",
    "trading_tradeevent": "portfolio_id, number",
    "holdings_portfolio": "id",
    "holdings_transaction": "portfolio_id, sequence",
    "holdings_entrykey": "external_id",
    "holdings_lot": "portfolio_id, instrument_id, account_id, position",
    "holdings_position": "portfolio_id, instrument_id, account_id",
    "holdings_cashbalance": "portfolio_id, account_id, currency",
    "holdings_ledgerstate": "portfolio_id",
    "holdings_realisedtrade": "transaction_id, number",
    "kernel_outboxevent": "id",
}
#: Numbers that only say in which order rows were inserted, and clocks of the database.
NOT_COMPARED = {"pgh_id", "pgh_created_at", "created_at", "next_attempt_at"}


def dump() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table an order touches; journal rows by their place."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM holdings_transaction WHERE id >= %s ORDER BY id", [FIRST_ENTRY])
        places = {str(row[0]): f"entry {place}" for place, row in enumerate(cursor.fetchall())}
        for table, key in TABLES.items():
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} t ORDER BY {key}")
            rows = []
            for (text,) in cursor.fetchall():
                named = re.sub(r"7\d{8}", lambda number: places.get(number[0], number[0]), text)
                row = json.loads(re.sub(r"(?<=[:\[])entry \d+", r'"\g<0>"', named), parse_float=Decimal)
                if table in ("kernel_outboxevent", "holdings_entrykey", "holdings_lot", "holdings_position",
                             "holdings_cashbalance", "holdings_realisedtrade", "trading_tradeevent"):  # fmt: skip
                    row.pop("id", None)
                rows.append({name: value for name, value in row.items() if name not in NOT_COMPARED})
            found[table] = rows
    return found


def save_row_by_row(desk: Desk) -> None:
    """What `Desk.save` means: model by model, in the order of their keys."""
    new = [desk.orders[pk] for pk in desk._new]
    for row in sorted(new, key=lambda each: each.parent_id is not None):
        row.save(force_insert=True)
    for trade in desk.trades:
        who = desk.actor if desk.actor is not None else trade.order.placed_by
        trade.fill.transaction_id = _post(trade, portfolio_id=desk.portfolio.id, actor=who, now=desk.now)
    Fill.objects.bulk_create([trade.fill for trade in desk.trades])
    for pk in desk._changed:
        if pk not in desk._new:
            desk.orders[pk].save(update_fields=[name.removesuffix("_id") for name in _CHANGING])
    writing = Writing()
    append_to_log(writing, portfolio_id=desk.portfolio.id, entries=desk.log)
    writing.execute()
    for item in desk.news:
        publish(item, stream=events.stream_of(desk.portfolio.id))
    desk.trades, desk.log, desk.news, desk._new, desk._changed = [], [], [], [], {}
    desk.facts = None


class Walk:
    """A random walk of an account through orders and prices: the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.owner = get_user_model().objects.create_user(email="walker@example.com", name="walker")
        self.things = [
            make_instrument("WALKA"),
            make_instrument("WALKB"),
            make_instrument("WALKC", asset_class="crypto", exchange=""),
        ]
        self.account = make_account(self.owner, cash="20000")
        method = self.chance.choice(["fifo", "lifo", "hifo", "average"])
        Portfolio.objects.filter(pk=self.account).update(cost_basis_method=method)
        if self.chance.random() < 0.5:
            Portfolio.objects.filter(pk=self.account).update(allow_short=True, allow_negative_cash=True)
            TradingAccount.objects.filter(portfolio_id=self.account).update(
                multiplier=2, shorting_enabled=True
            )
        if self.chance.random() < 0.3:
            TradingAccount.objects.filter(portfolio_id=self.account).update(
                fee_schedule="per_share:0.013:0.5"
            )

    def go(self, steps: int) -> list[str]:
        """Walk, and say what became of each step."""
        told = []
        open_orders: list[Any] = []
        for step in range(steps):
            now = NOW + timedelta(seconds=step)
            thing = self.chance.choice(self.things)
            price = Decimal(self.chance.randint(9000, 11000)) / 100
            set_quote(thing, str(price), str(price + Decimal("0.02")), at=now)
            try:
                if self.chance.random() < 0.2:
                    report = match_resting_orders(instrument_ids=None, now=now)
                    told.append(f"{report.triggered} {report.executions} {report.failed_portfolios}")
                elif open_orders and self.chance.random() < 0.1:
                    told.append(cancel_order(order_id=open_orders.pop(), actor=self.owner, now=now).status)
                else:
                    found = self.order(thing, price, now)
                    open_orders.append(found.id)
                    told.append(f"{found.status} {found.filled_quantity} {found.filled_avg_price}")
            except DomainError as refusal:
                told.append(f"{refusal.code} {refusal.message}")
        return told

    def order(self, thing: Instrument, price: Decimal, now: Any) -> Any:
        """One order of any kind."""
        chance = self.chance
        side = chance.choice(["buy", "buy", "sell"])
        away = Decimal(chance.randint(-300, 300)) / 100
        kind = chance.choice(["market", "market", "limit", "stop", "trail", "notional", "bracket"])
        terms: dict[str, Any] = {
            "side": side,
            "type": "market",
            "quantity": Decimal(chance.randint(1, 40)) / chance.choice([1, 1, 10]),
            "time_in_force": chance.choice(["day", "gtc", "ioc"]) if kind == "limit" else "day",
        }
        if kind == "limit":
            terms |= {"type": "limit", "limit_price": price + away}
        elif kind == "stop":
            terms |= {"type": "stop", "stop_price": price + abs(away) * (1 if side == "buy" else -1)}
        elif kind == "trail":
            terms |= {"type": "trailing_stop", "trail_price": abs(away) + 1}
        elif kind == "notional":
            terms |= {"quantity": None, "notional": Decimal(chance.randint(1, 2000))}
        elif kind == "bracket":
            terms |= {
                "side": "buy",
                "quantity": Decimal(chance.randint(1, 20)),
                "order_class": "bracket",
                "take_profit": TakeProfit(limit_price=price + 2 + abs(away)),
                "stop_loss": StopLoss(stop_price=price - 2 - abs(away)),
            }
        return order(self.account, self.owner, thing, now=now, **terms)


def run(seed: int, monkeypatch: pytest.MonkeyPatch, *, row_by_row: bool) -> tuple[list[str], Any]:
    """Walk in a transaction that is taken back, with the same ids every time."""
    numbers = itertools.count(1)
    with transaction.atomic(), monkeypatch.context() as patch, connection.cursor() as cursor:
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
        patch.setitem(Order._meta.get_field("id").__dict__, "_get_default", uuid.uuid4)
        patch.setattr("trading.models.accounts.secrets.randbelow", lambda _: 7)
        if row_by_row:
            patch.setattr(Desk, "save", save_row_by_row)
        for table in ("accounts_user", "marketdata_instrument", "holdings_portfolio", "holdings_account"):
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), 1000000)", [table])
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('holdings_transaction', 'id'), %s)", [FIRST_ENTRY]
        )
        walk = Walk(seed)
        told = walk.go(30)
        found = dump()
        check_books()
        transaction.set_rollback(True)
    return told, found


class TestWriting:
    @pytest.mark.parametrize("seed", range(5))
    def test_leaves_the_rows_of_the_general_way(self, db, monkeypatch, seed):
        told, rows = run(seed, monkeypatch, row_by_row=False)
        told_plain, rows_plain = run(seed, monkeypatch, row_by_row=True)
        assert told == told_plain
        for table, expected in rows_plain.items():
            assert rows[table] == expected, table
        assert rows["trading_fill"], "a walk without a trade shows nothing"


class TestReading:
    @pytest.mark.parametrize("seed", range(2))
    def test_finds_what_the_general_queries_find(self, db, monkeypatch, seed):
        seen = []
        monkeypatch.setattr(placing, "read_order_facts", checked(seen))
        Walk(seed).go(25)
        assert len(seen) > 10

    def test_of_an_instrument_that_nobody_can_number(self, db, trader, account):
        found = order_facts.read_order_facts(
            portfolio_id=account,
            user=trader,
            instrument_id=1 << 70,
            client_order_id="x",
            for_sale=False,
            now=NOW,
        )
        assert found is None


def checked(seen: list[Any]) -> Callable[..., Any]:
    """`read_order_facts`, each time held against the queries that read the same one by one."""

    def read(**asked: Any) -> Any:
        found = order_facts.read_order_facts(**asked)
        account, now = asked["portfolio_id"], asked["now"]
        instrument = Instrument.objects.get(pk=asked["instrument_id"])
        assert found is not None
        assert found.market == market_of(instrument, now=now)
        row = TradingAccount.objects.get(portfolio_id=account)
        assert all(
            getattr(found.account, f.attname) == getattr(row, f.attname) for f in row._meta.concrete_fields
        )
        assert found.holds == open_holds(
            portfolio_id=account,
            currency=instrument.currency,
            instrument_id=instrument.pk,
            client_order_id=asked["client_order_id"],
        )
        assert (found.site_halted, found.site_reason) == site_control()
        assert found.books.cash_in(instrument.currency) == books.cash_balance(account, instrument.currency)
        assert found.books.position == books.position_quantity(account, instrument.pk)
        assert found.books.last_entry_at == books.last_entry_at(account)
        seen.append(found)
        return found

    return read
