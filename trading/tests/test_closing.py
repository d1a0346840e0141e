"""Closing positions and canceling everything."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdings import queries as books
from trading.operations import (
    OrderRefusedError,
    PortfolioUnknownError,
    PositionUnknownError,
    ReadOnlyError,
    cancel_all_orders,
    close_all_positions,
    close_position,
)
from trading.queries import position_of, positions_of
from trading.tests.support import check_books, later, make_instrument, order, set_quote

D = Decimal


@pytest.fixture
def close(account, trader, share):
    return lambda **changes: close_position(
        **{"portfolio_id": account, "actor": trader, "instrument_id": share.pk, "now": later(), **changes}
    )


class TestClosePosition:
    def test_sells_all_by_a_day_market_order(self, place, close, account, share):
        place(quantity=10)
        closed = close()
        assert (closed.status, closed.side, closed.type, closed.time_in_force, closed.quantity) == (
            "filled",
            "sell",
            "market",
            "day",
            10,
        )
        assert closed.origin == "close"
        assert position_of(account, share.pk, now=later()) is None
        check_books()

    def test_sells_a_part_by_units_or_percent(self, place, close, account, share):
        place(quantity=10)
        assert close(quantity=D(3)).quantity == 3
        assert close(percentage=D(50)).quantity == D("3.5")
        assert books.position_quantity(account, share.pk) == D("3.5")

    def test_crypto_is_good_till_cancelled_and_takes_the_last_speck(self, account, trader):
        coin = make_instrument(asset_class="crypto", quantity_step="0.0001", exchange="")
        set_quote(coin, "1000.00", "1000.00")
        order(account, trader, coin, quantity=1, time_in_force="gtc")
        assert books.position_quantity(account, coin.pk) == D("0.9975")
        order(account, trader, coin, quantity="0.0333", time_in_force="gtc")
        held = books.position_quantity(account, coin.pk)
        assert held == D("1.03071675")
        closed = close_position(portfolio_id=account, actor=trader, instrument_id=coin.pk, now=later())
        assert (closed.time_in_force, closed.quantity, closed.status) == ("gtc", held, "filled")
        check_books()

    def test_nothing_held_is_not_found(self, close):
        with pytest.raises(PositionUnknownError):
            close()

    def test_units_in_open_orders_are_refused(self, place, close):
        place(quantity=10)
        place(side="sell", quantity=4, limit_price="120")
        with pytest.raises(OrderRefusedError) as caught:
            close()
        assert caught.value.details["available"] == "6"
        assert close(quantity=D(6)).status == "filled"

    @pytest.mark.parametrize("percentage", ["0", "-1", "100.1"])
    def test_percentage_out_of_range(self, place, close, percentage):
        place(quantity=1)
        with pytest.raises(OrderRefusedError) as caught:
            close(percentage=D(percentage))
        assert caught.value.code == "percentage_invalid"

    def test_is_the_owners(self, place, close, outsider, auditor):
        place(quantity=1)
        with pytest.raises(PortfolioUnknownError):
            close(actor=outsider)
        with pytest.raises(ReadOnlyError):
            close(actor=auditor)


class TestAll:
    def test_cancel_all_orders(self, place, account, trader):
        placed = [place(limit_price=str(80 + step)) for step in range(3)]
        results = cancel_all_orders(portfolio_id=account, actor=trader, now=later())
        assert {result.order_id for result in results} == {each.id for each in placed}
        assert not any(result.refusal for result in results)
        assert cancel_all_orders(portfolio_id=account, actor=trader, now=later()) == []

    def test_close_all_positions_reports_each(self, place, account, trader):
        place(quantity=5)
        other = make_instrument("ZED")
        set_quote(other, "50", "50.02")
        order(account, trader, other, quantity=2)
        place(side="sell", quantity=5, limit_price="120")
        blocked, closed = close_all_positions(portfolio_id=account, actor=trader, now=later())
        assert (blocked.symbol, blocked.order, blocked.error.code) == ("ACME", None, "insufficient_quantity")
        assert (closed.symbol, closed.order.status) == ("ZED", "filled")
        (freed,) = close_all_positions(portfolio_id=account, actor=trader, cancel_orders=True, now=later())
        assert freed.order.status == "filled"
        assert positions_of(account, now=later()) == []
        check_books()
