"""What one tick triggers for many accounts is booked together, as if each had been alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdings import queries as books
from holdings.models import Transaction
from trading.models import Fill, Order, TradeEvent
from trading.operations import match_resting_orders
from trading.tests.support import (
    check_books,
    later,
    make_account,
    make_instrument,
    make_user,
    order,
    set_quote,
)

D = Decimal


@pytest.fixture
def things(db: None) -> list[Any]:
    made = [make_instrument() for _ in range(2)]
    for thing in made:
        set_quote(thing, "99.98", "100.00")
    return made


def rest(things: list[Any], *, people: int) -> list[int]:
    """Accounts with a limit buy of the first thing, and a stop under what they hold of the second."""
    accounts = []
    for number in range(people):
        person = make_user("many")
        account = make_account(person)
        accounts.append(account)
        order(account, person, things[0], limit_price="95", quantity=number + 1)
        order(account, person, things[1], quantity=2)
        order(account, person, things[1], side="sell", type="stop", stop_price="94.99", quantity=2)
    return accounts


def fall(things: list[Any], seconds: int) -> int:
    """Let the market of all things fall; how many orders were filled by it."""
    for thing in things:
        set_quote(thing, "94.90", "94.95", "94.92", at=later(seconds))
    return match_resting_orders(instrument_ids=[thing.pk for thing in things], now=later(seconds)).executions


def test_every_account_has_what_it_would_have_alone(things: list[Any]) -> None:
    accounts = rest(things, people=5)
    assert fall(things, 1) == 10
    for number, account in enumerate(accounts):
        bought = number + 1
        assert not Order.objects.open().filter(portfolio_id=account).exists()
        assert books.position_quantity(account, things[0].pk) == bought
        assert books.position_quantity(account, things[1].pk) == 0
        spent = 2 * D("100.00") + bought * D("94.95") - 2 * D("94.90")
        fees = sum(Fill.objects.filter(portfolio_id=account).values_list("fees", flat=True), D(0))
        assert books.cash_balance(account, "USD") == D(10_000) - spent - fees
        told = (
            TradeEvent.objects.filter(portfolio_id=account)
            .order_by("number")
            .values_list("number", flat=True)
        )
        assert list(told) == list(range(1, len(told) + 1))
        entries = Transaction.objects.filter(portfolio_id=account).order_by("sequence")
        assert list(entries.values_list("sequence", flat=True)) == list(range(1, entries.count() + 1))
    check_books()


def test_writing_is_one_statement_for_many_accounts(things: list[Any]) -> None:
    counts = []
    for people in (2, 8):
        owners = [make_user("many") for _ in range(people)]
        for owner in owners:
            order(make_account(owner), owner, things[0], limit_price="95")
        with CaptureQueriesContext(connection) as found:
            assert fall(things[:1], len(counts) + 1) == people
        counts.append(len(found))
        set_quote(things[0], "99.98", "100.00", at=later(len(counts) + 5))
    # Another account costs what is read for it: one statement.
    assert counts[1] - counts[0] == 6


def test_one_that_cannot_be_booked_holds_up_nobody(things: list[Any]) -> None:
    accounts = []
    owners = [make_user("many") for _ in range(3)]
    for owner in owners:
        account = make_account(owner)
        accounts.append(account)
        order(account, owner, things[0], limit_price="95")
    # Somebody's books stand where the next entry wants to be.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE holdings_portfolio SET last_sequence = 0 WHERE id = %s", [accounts[1]])
    set_quote(things[0], "94.90", "94.95", "94.92", at=later(1))
    report = match_resting_orders(instrument_ids=[things[0].pk], now=later(1))
    assert report.executions == 2
    assert report.failed_portfolios == (accounts[1],)
    assert [books.position_quantity(account, things[0].pk) for account in accounts] == [1, 0, 1]
