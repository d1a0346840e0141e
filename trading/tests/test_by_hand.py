"""An account's days, computed by hand from ``docs/trading-rules.md``: every cent of cash, gains, margin and buying power."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from holdings import queries as books
from holdings.models import RealisedTrade
from marketdata.models import CorporateAction
from trading.models import TradingAccount
from trading.operations import accrue_charges, apply_corporate_actions, match_resting_orders
from trading.queries import account_figures, visible_order
from trading.tests.support import NOW, check_books, later, make_instrument, order, set_quote
from trading.tests.test_corporate_actions import EX_DATE, MORNING
from trading.tests.test_margin import even, margin  # noqa: F401 - fixtures

D = Decimal
#: Sales of stocks: 20.60 a million and 0.000195 a share, each rounded up to the cent. Coins: 0.15 % and 0.25 %.
TARIFF = "us_regulatory:0.0000206:0.000195:9.79+crypto:0.0015:0.0025"


@pytest.fixture
def cash(margin):  # noqa: F811
    """What is in the account now."""
    TradingAccount.objects.filter(portfolio_id=margin).update(fee_schedule=TARIFF)
    return lambda: books.cash_balance(margin, "USD")


def gain_of(account, instrument):
    """What was realised, fees taken off, as the account's figures have it."""
    rows = RealisedTrade.objects.filter(portfolio_id=account, instrument=instrument)
    return sum((row.proceeds - row.cost for row in rows), D(0))


def test_ten_orders_and_two_nights(margin, trader, even, cash):  # noqa: F811
    short, split = make_instrument("SHRT"), make_instrument("SPLT")
    coin = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.00000001")
    set_quote(short, "50.00", "50.00")
    set_quote(split, "80.00", "80.02")
    set_quote(coin, "50000", "50010", "50005")

    def trade(thing, side="buy", **terms):
        return order(margin, trader, thing, side=side, **terms)

    accrue_charges(now=NOW)
    trade(even, quantity=70)  # 10 000 - 7 000
    assert cash() == 3000
    trade(split, quantity=50)  # - 50 x 80.02 = 4 001
    assert cash() == -1001
    trade(even, "sell", quantity=20)  # + 2 000; SEC 0.0412 -> 0.05, TAF 0.0039 -> 0.01
    assert cash() == D("998.94")
    assert gain_of(margin, even) == D("-0.06")
    trade(short, "sell", quantity=25)  # + 1 250; SEC 0.02575 -> 0.03, TAF 0.004875 -> 0.01
    assert cash() == D("2248.90")
    bought = trade(coin, quantity="0.01", time_in_force="gtc")  # - 500.10; 0.25 % of the coins stay away
    assert cash() == D("1748.80")
    assert books.position_quantity(margin, coin.pk) == D("0.009975")
    assert bought.filled_quantity == D("0.01")
    rested = trade(coin, "sell", quantity="0.005", limit_price="51000", time_in_force="gtc")
    set_quote(coin, "51000", "51010", "51005", at=later(5))
    match_resting_orders(instrument_ids=[coin.pk], now=later(5))
    assert visible_order(trader, rested.id).status == "filled"
    # A maker: 255 less 0.15 % (0.3825) is 254.6175; cash is kept in cents.
    assert cash() == D("2003.42")
    set_quote(short, "48.00", "48.00", at=later(6))
    trade(short, quantity=10, now=later(6))  # covers 10: - 480
    assert cash() == D("1523.42")
    # 10 of 25 that brought 1 249.96: 499.984 less 480
    assert gain_of(margin, short) == pytest.approx(D("19.984"), abs=D("0.0001"))
    by_amount = trade(even, quantity=None, notional="250.55", now=later(7))  # 2.505 units of 0.001 steps
    assert (by_amount.filled_quantity, cash()) == (D("2.505"), D("1272.92"))
    waiting = trade(split, "sell", quantity=30, limit_price="90.01", time_in_force="gtc", now=later(8))
    buying = trade(even, quantity=90, limit_price="90.00", time_in_force="gtc", now=later(9))

    set_quote(split, "80.00", "80.02", "80.01", at=later(10))
    figures = account_figures(margin, now=later(10))
    coins = D("0.004975") * D(51005)  # 253.749875
    long_value = D("52.505") * 100 + 50 * D("80.01") + coins
    assert figures.long_market_value == long_value == D("9504.749875")
    assert figures.short_market_value == -720  # 15 x 48
    assert figures.equity == D("1272.92") + long_value - 720
    # Half of what is marginable, all of the coins.
    assert figures.initial_margin == (D("5250.5") + D("4000.5") + 720) / 2 + coins
    # 30 % of the stocks; shorts the greater of 5 a share and 30 %: 216; all of the coins.
    assert figures.maintenance_margin == D("9251") * D("0.3") + 216 + coins
    # Twice what the equity exceeds the initial margin by, less 90 x 90 of the open purchase.
    assert figures.buying_power == 2 * (figures.equity - figures.initial_margin) - 8100 == D("1536.84")
    check_books()

    for thing, kind, value in ((even, "dividend", "0.5"), (short, "dividend", "0.25"), (split, "split", "2")):
        CorporateAction.objects.create(
            instrument=thing, ex_date=EX_DATE, kind=kind, value=D(value), source="test"
        )
    set_quote(split, "40.00", "40.02", "40.01", at=MORNING)
    apply_corporate_actions(now=MORNING)
    # 52.505 x 0.5 = 26.2525 comes in, 15 x 0.25 = 3.75 goes out
    assert cash() == D("1272.92") + D("26.25") - D("3.75") == D("1295.42")
    assert books.position_quantity(margin, split.pk) == 100
    after = visible_order(trader, waiting.id)
    assert (after.quantity, after.limit_price, after.reserved_quantity) == (60, D("45.01"), 60)
    assert visible_order(trader, buying.id).reserved_cash == 8100
    set_quote(split, "45.01", "45.03", at=MORNING + timedelta(seconds=5))
    match_resting_orders(instrument_ids=[split.pk], now=MORNING + timedelta(seconds=5))
    # 60 x 45.01 = 2 700.60; SEC 0.0556 -> 0.06, TAF 0.0117 -> 0.02
    assert cash() == D("3995.94")
    # 60 of 100 that cost 4 001: 2 700.52 - 2 400.60
    assert gain_of(margin, split) == D("299.92")
    check_books()

    # The rest is borrowed, for three nights.
    set_quote(even, "89.99", "90.00", at=MORNING + timedelta(seconds=7))
    match_resting_orders(instrument_ids=[even.pk], now=MORNING + timedelta(seconds=7))
    assert cash() == D("3995.94") - 8100 == D("-4104.06")
    accrue_charges(now=MORNING + timedelta(seconds=8))
    # 4 104.06 x 6.25 % / 360 = 0.712510; for 15 x 48 borrowed at 0.30 % 0.006, which is no whole cent yet
    assert cash() == D("-4104.77")
    accrue_charges(now=MORNING + timedelta(days=2))
    # 4 104.77 x 6.25 % / 360 x 2 + the rest of 0.002510 = 1.427777; 0.006 x 2 + 0.006 = 0.018
    assert cash() == D("-4104.77") - D("1.42") - D("0.01")
    check_books()
