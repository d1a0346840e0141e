"""A purchase that lies in an account in several pieces: none is lost when the books are made anew, and they are sold in
their order; and an entry whose worth a later one of the same day changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from holdings.models import Account, Lot, Portfolio, Position, RealisedTrade
from holdings.operations import add_account, rebuild_holdings
from holdings.queries.verification import verify_portfolio
from holdings.tests.support import NOW, D, assert_books_are_right, make_portfolio, post
from marketdata.models import Instrument

pytestmark = pytest.mark.django_db


def held(portfolio: Portfolio) -> dict[int, Decimal]:
    """What the lots of each account hold: exactly what its position says."""
    lots = Lot.objects.filter(portfolio=portfolio).values_list("account_id").annotate(total=Sum("quantity"))
    positions = Position.objects.filter(portfolio=portfolio, quantity__gt=0)
    found = dict(lots)
    assert found == dict(positions.values_list("account_id", "quantity"))
    return found


def everything(portfolio: Portfolio) -> list[Any]:
    """Lots and realised trades without their keys."""
    lots = Lot.objects.filter(portfolio=portfolio).order_by("account_id", "position", "pk")
    rows = RealisedTrade.objects.filter(portfolio=portfolio).order_by("transaction_id", "number")
    return [
        *lots.values_list("account_id", "quantity", "cost", "held_since", "is_washed"),
        *rows.values_list("quantity", "cost", "proceeds", "held_since", "wash_sale_adjustment"),
    ]


class TestMovedBitByBit:
    @pytest.fixture
    def other(self, portfolio: Portfolio) -> Account:
        """A second place for shares."""
        return add_account(
            portfolio_id=portfolio.pk, name="Second", kind="securities", currency="USD", now=NOW
        )

    @pytest.fixture
    def portfolio(self, owner: Any) -> Portfolio:
        """In dollars, first in first out."""
        return make_portfolio(owner, base_currency="USD", cost_basis_method="fifo")

    @pytest.fixture
    def moved(self, portfolio: Portfolio, other: Account, acme: Instrument) -> Portfolio:
        """Ten bought in one place; three and then two of them moved to another."""
        post(portfolio, "buy", "2026-01-05", instrument_id=acme.pk, quantity="10", price="100")
        post(portfolio, "transfer", "2026-01-06", instrument_id=acme.pk, quantity="3", to_account_id=other.pk)
        post(portfolio, "transfer", "2026-01-07", instrument_id=acme.pk, quantity="2", to_account_id=other.pk)
        return portfolio

    def test_every_piece_is_there_after_the_books_are_made_anew(self, moved, other):
        before = everything(moved)
        assert held(moved)[other.pk] == 5
        rebuild_holdings(portfolio_id=moved.pk)
        assert held(moved)[other.pk] == 5
        assert everything(moved) == before
        assert_books_are_right(moved)

    def test_all_of_them_can_be_sold_after_an_entry_in_the_past(self, moved, other, acme):
        post(moved, "buy", "2026-01-02", instrument_id=acme.pk, quantity="1", price="90")
        held(moved)
        post(
            moved, "sell", "2026-02-02", instrument_id=acme.pk, quantity="5", price="110", account_id=other.pk
        )
        assert other.pk not in held(moved)
        assert_books_are_right(moved)
        gains = RealisedTrade.objects.filter(portfolio=moved)
        # One of the five had cost 90: the oldest moved first.
        assert sum(row.proceeds - row.cost for row in gains) == 5 * 110 - (90 + 4 * 100)

    def test_a_lost_piece_is_found(self, moved, other):
        Lot.objects.filter(portfolio=moved, account=other).order_by("pk").first().delete()
        (problem, *_rest) = verify_portfolio(moved.pk).problems
        assert problem.startswith("lot ")


class TestReplacedInPart:
    def test_the_rest_of_a_purchase_that_replaced_a_loss_stays(self, owner, acme):
        portfolio = make_portfolio(owner, base_currency="USD", cost_basis_method="fifo", tax_country="US")
        post(portfolio, "buy", "2026-01-05", instrument_id=acme.pk, quantity="10", price="100")
        post(portfolio, "buy", "2026-01-20", instrument_id=acme.pk, quantity="10", price="90")
        post(portfolio, "sell", "2026-02-01", instrument_id=acme.pk, quantity="4", price="80")
        assert list(held(portfolio).values()) == [16]
        second = Lot.objects.filter(portfolio=portfolio, opened_date="2026-01-20").order_by("pk")
        # Four replace the four sold at a loss of 20 each, and are as old as those; six are as they were.
        assert [(lot.quantity, lot.cost, lot.is_washed) for lot in second] == [
            (D(4), D(4 * 90 + 4 * 20), True), (D(6), D(6 * 90), False),
        ]  # fmt: skip
        before = everything(portfolio)
        rebuild_holdings(portfolio_id=portfolio.pk)
        assert everything(portfolio) == before
        post(portfolio, "sell", "2026-05-01", instrument_id=acme.pk, quantity="16", price="120")
        assert held(portfolio) == {}
        assert_books_are_right(portfolio)
        rows = RealisedTrade.objects.filter(portfolio=portfolio)
        gains = sum(row.proceeds - row.cost + row.wash_sale_adjustment for row in rows)
        assert gains == 4 * 80 + 16 * 120 - (10 * 100 + 10 * 90)


class TestSplitOnTheSameDay:
    def test_what_was_delivered_before_it_is_worth_what_a_replay_says(self, owner, acme):
        portfolio = make_portfolio(owner, base_currency="USD")
        post(portfolio, "delivery_in", "2026-01-05", instrument_id=acme.pk, quantity="3", cost="80")
        post(portfolio, "split", "2026-01-05", instrument_id=acme.pk, ratio="1:3")
        assert_books_are_right(portfolio)
