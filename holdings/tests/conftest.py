"""Fixtures of the tests of the books: three people, and a portfolio with something in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from accounts.roles import Role
from accounts.tests.support import make_user
from holdings.entries import Entry
from holdings.models import DraftTransaction, Portfolio
from holdings.operations import post_transaction
from holdings.tests.support import NOW, D, make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import Instrument
from portfolio_site.kernel.events import dispatch_pending


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """Histories and quotes are cached; no test reads another's."""
    cache.clear()


@pytest.fixture
def at_noon() -> Iterator[None]:
    """The clock stands at `NOW`."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def owner(db: None) -> Any:
    """A trader who thinks in euros."""
    return make_user("owner@example.org", base_currency="EUR")


@pytest.fixture
def auditor(db: None) -> Any:
    """Reads everything, changes nothing."""
    return make_user("auditor@example.org", roles=(Role.AUDITOR,))


@pytest.fixture
def outsider(db: None) -> Any:
    """Another trader."""
    return make_user("outsider@example.org")


def _client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_owner(owner: Any) -> Client:
    """The owner's browser."""
    return _client(owner)


@pytest.fixture
def as_auditor(auditor: Any) -> Client:
    """The auditor's browser."""
    return _client(auditor)


@pytest.fixture
def as_outsider(outsider: Any) -> Client:
    """The other trader's browser."""
    return _client(outsider)


@pytest.fixture
def acme(db: None) -> Instrument:
    """A stock in dollars with a few closes, and rates for the euro."""
    make_rates(EURUSD="1.25", EURCHF="1.05")
    instrument = make_instrument()
    make_prices(
        instrument, {"2026-01-02": "100", "2026-02-02": "110", "2026-05-29": "130", "2026-06-01": "132.5"}
    )
    return instrument


@pytest.fixture
def empty(owner: Any) -> Portfolio:
    """A portfolio without entries."""
    return make_portfolio(owner)


@pytest.fixture
def filled(owner: Any, acme: Instrument) -> Portfolio:
    """1 000 dollars in, 5 ACME at 100, 2 of them sold at 120, a dividend."""
    portfolio = make_portfolio(owner)
    post(portfolio, "deposit", "2026-01-01", amount="1000", currency="USD")
    post(portfolio, "buy", "2026-01-02", instrument_id=acme.pk, quantity="5", price="100", fees="1")
    post(
        portfolio, "sell", "2026-03-02", instrument_id=acme.pk, quantity="2", price="120", fees="1", taxes="4"
    )
    post(portfolio, "dividend", "2026-04-01", instrument_id=acme.pk, amount="3.33")
    portfolio.refresh_from_db()
    return portfolio


@pytest.fixture
def draft(filled: Portfolio, owner: Any) -> DraftTransaction:
    """An entry of next year that waits for its day."""
    entry = Entry(type="deposit", occurred=NOW.date().replace(year=2027), amount=D(5), currency="EUR")
    made = post_transaction(portfolio_id=filled.pk, entry=entry, actor=owner, now=NOW)
    assert isinstance(made, DraftTransaction)
    return made


@pytest.fixture
def deliver_events() -> Callable[[], Any]:
    """Have every event delivered that waits, and those that come of it."""
    return dispatch_pending
