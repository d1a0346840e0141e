"""A bookkeeper who has nothing but the activities: from the first day on they add up to the cash, cent by cent and currency by
currency, whatever an account goes through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
import time_machine

from marketdata.models import CorporateAction, Quote
from portfolio_site.kernel import clock
from trading.operations import (
    accrue_charges,
    apply_corporate_actions,
    expire_orders,
    match_resting_orders,
    reset_account,
)
from trading.tests.support import check_books, make_instrument, set_quote
from trading.wire.tests.support import make_bot
from trading.wire.tests.test_orders import place

pytestmark = pytest.mark.django_db

#: A Monday, ten in New York.
MONDAY = datetime(2026, 11, 16, 15, tzinfo=UTC)
TARIFF = "us_regulatory:0.0000206:0.000195:9.79+crypto:0.0015:0.0025"
CENT = Decimal("0.01")


def activities(bot, *, page_size: int, direction: str) -> list[dict[str, Any]]:
    """Every row, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        token = {"page_token": rows[-1]["id"]} if rows else {}
        page = bot.get("/v2/account/activities", page_size=str(page_size), direction=direction, **token)
        if not page:
            return rows
        rows += page


def effect(row: dict[str, Any]) -> Decimal:
    """What a row did to the cash: an execution its amount to the cent, everything else its net amount."""
    if row["activity_type"] != "FILL":
        return Decimal(row["net_amount"])
    amount = (Decimal(row["qty"]) * Decimal(row["price"])).quantize(CENT, ROUND_HALF_EVEN)
    return amount if row["side"] == "sell" else -amount


def units(rows: list[dict[str, Any]], symbol: str) -> Decimal:
    """What is held of a coin by its rows: executions and the fees that were taken in coins."""
    total = Decimal(0)
    for row in rows:
        if row.get("symbol", "").replace("/", "") == symbol and "qty" in row:
            sign = -1 if row["activity_type"] == "FILL" and row["side"] == "sell" else 1
            total += sign * Decimal(row["qty"])
    return total


class Days:
    """An account that lives through some days; after each the bookkeeper adds up."""

    def __init__(self, bot: Any, clock_: Any) -> None:
        self.bot, self.clock = bot, clock_

    def at(self, days: float) -> datetime:
        moment = MONDAY + timedelta(days=days)
        self.clock.move_to(moment)
        return moment

    def balance(self) -> list[dict[str, Any]]:
        rows = activities(self.bot, page_size=7, direction="asc")
        backwards = activities(self.bot, page_size=100, direction="desc")
        assert [row["id"] for row in rows] == [row["id"] for row in backwards][::-1]
        assert len({row["id"] for row in rows}) == len(rows)
        account = self.bot.get("/v2/account")
        assert sum(map(effect, rows)) == Decimal(account["cash"])
        return rows


@pytest.fixture
def days(db, settings):
    settings.TRADING_FEE_MODEL = TARIFF
    with time_machine.travel(MONDAY, tick=False) as clock_:
        yield Days(make_bot(cash="10000", multiplier=2), clock_)


def move(thing, bid, ask, *, size=None):
    now = clock.now()
    set_quote(thing, bid, ask, at=now)
    Quote.objects.filter(instrument=thing).update(bid_size=size, ask_size=size)
    match_resting_orders(instrument_ids=[thing.pk], now=now)


def test_adds_up_through_fees_interest_dividends_splits_and_a_new_beginning(days):
    bot = days.bot
    share = make_instrument("ACME", quantity_step="0.000000001")
    short, coin = (
        make_instrument("SHRT"),
        make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.000000001"),
    )
    for thing, price in ((share, "33.33"), (short, "50"), (coin, "50000.05")):
        move(thing, price, price)
    accrue_charges(now=clock.now())
    days.balance()
    days.clock.shift(timedelta(seconds=1))

    place(bot, symbol="BTC/USD", qty="0.012345678", time_in_force="gtc")
    place(bot, symbol="BTC/USD", qty="0.001234567", time_in_force="gtc", side="sell")
    place(bot, qty=333)
    place(bot, qty=None, notional="77.77")
    place(bot, qty="0.123456789")
    place(bot, symbol="SHRT", qty=40, side="sell")
    rows = days.balance()
    assert units(rows, "BTCUSD") == Decimal(bot.get("/v2/positions/BTCUSD")["qty"])
    assert {row["activity_type"] for row in rows} == {"CSD", "FILL", "FEE", "CFEE"}

    # A limit that fills in seven pieces, at seven prices.
    order = place(bot, qty=70, limit_price="33.00", time_in_force="gtc")
    for cents in range(7):
        days.clock.shift(timedelta(seconds=1))
        move(share, f"32.9{cents}", f"32.9{cents}", size=10)
    assert bot.get(f"/v2/orders/{order['id']}")["status"] == "filled"
    pieces = [
        row for row in days.balance() if row.get("order_id") == order["id"] and row["activity_type"] == "FILL"
    ]
    assert [(row["type"], row["cum_qty"], row["leaves_qty"]) for row in pieces] == [
        ("fill" if done == 70 else "partial_fill", str(done), str(70 - done)) for done in range(10, 80, 10)
    ]

    # Two nights with borrowed money and borrowed shares, a dividend on both sides, then a split.
    for thing, value in ((share, "0.37"), (short, "0.11")):
        CorporateAction.objects.create(
            instrument=thing,
            ex_date=(MONDAY + timedelta(days=2)).date(),
            kind="dividend",
            value=Decimal(value),
            source="test",
        )
    now = days.at(2)
    apply_corporate_actions(now=now)
    accrue_charges(now=now)
    rows = days.balance()
    paid = {
        (row["activity_type"], row.get("symbol")): Decimal(row["net_amount"])
        for row in rows
        if row["activity_type"] == "DIV"
    }
    assert paid[("DIV", "SHRT")] == Decimal("-4.40")
    assert paid[("DIV", "ACME")] > 0
    CorporateAction.objects.create(
        instrument=share, ex_date=(MONDAY + timedelta(days=3)).date(), kind="split", value=3, source="test"
    )
    now = days.at(3)
    apply_corporate_actions(now=now)
    expire_orders(now=now)
    move(share, "11.11", "11.11")
    assert days.balance()[-1]["activity_type"] == "SPLIT"

    # Everything is sold and bought back; what is left is cash, and as much as the rows say.
    for thing, price in ((short, "49.99"), (coin, "51234.56")):
        move(thing, price, price)
    closed = bot.send("DELETE", "/v2/positions?cancel_orders=True").json()
    assert [row["status"] for row in closed] == [200, 200, 200]
    now = days.at(9)
    accrue_charges(now=now)
    rows = days.balance()
    assert units(rows, "BTCUSD") == 0
    account = bot.get("/v2/account")
    assert account["equity"] == account["cash"]

    # By day and type the history tells the same sums.
    history = bot.get("/v2/account/portfolio/history", period="2W", timeframe="1D", cashflow_types="ALL")
    told = {kind: Decimal(str(round(sum(amounts), 2))) for kind, amounts in history["cashflow"].items()}
    summed: dict[str, Decimal] = {}
    for row in rows:
        if row["activity_type"] not in {"FILL", "CSD"}:
            summed[row["activity_type"]] = summed.get(row["activity_type"], Decimal(0)) + effect(row)
    assert told == {kind: amount for kind, amount in summed.items() if amount}
    assert set(told) >= {"FEE", "CFEE", "DIV", "INT"}
    only = bot.get("/v2/account/portfolio/history", period="2W", timeframe="1D", cashflow_types="CFEE,DIV")
    assert set(only["cashflow"]) == {"CFEE", "DIV"}
    check_books()

    reset_account(portfolio_id=bot.portfolio_id, actor=bot.user, cash=Decimal(5000), now=now)
    (begun,) = days.balance()
    assert (begun["activity_type"], begun["net_amount"]) == ("CSD", "5000")
