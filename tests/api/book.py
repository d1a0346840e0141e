"""The books that the API is asked about: one of everything, and enough of it that answers have something in them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from accounts.models import User
from holdings.models import Portfolio
from holdings.operations import Entry, post_transaction
from holdings.tests.support import make_prices
from marketdata.models import CorporateAction, Instrument
from portfolio_site.kernel import clock
from trading.models import TradingAccount
from trading.tests.support import order, set_quote
from trading.tests.test_brokers_web import connection_of

#: Whose id `{id}` is, by the first part of the address.
_OF_ID = {
    "portfolios": "portfolio_id",
    "orders": "order_id",
    "documents": "document_id",
    "instruments": "instrument_id",
    "notifications": "notification_id",
    "reports": "job_id",
    "tokens": "token_id",
    "watchlists": "watchlist_id",
}
#: Addresses whose portfolio is the account with orders.
_OF_TRADING = ("/trading-account/", "/buying-power/", "/rebalance/")
_METHODS = ("get", "post", "put", "patch", "delete")


def described() -> dict[str, Any]:
    """The description as a program reads it."""
    found: dict[str, Any] = json.loads(
        json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    )
    return found


def operations_of(description: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation, by its name."""
    return {
        operation["operationId"]: (path, method, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        if method in _METHODS
    }


def filled_in(path: str, name: str, book: dict[str, Any]) -> int | str:
    """What stands for a parameter of an address: a thing that exists and is the owner's."""
    if name == "portfolio_id" and any(part in path for part in _OF_TRADING):
        return int(book["trading:"])
    if name == "connection_id" and path.endswith("/live/"):
        return str(book["live_connection_id"])
    if name == "instrument_id" and ("/close/" in path or "/charts/" in path):
        return int(book["asset_id"])
    value = book[_OF_ID[path.split("/")[3]] if name == "id" else name]
    return value if isinstance(value, int) else str(value)


def furnish(belongings: dict[str, Any]) -> dict[str, Any]:
    """Add a past to what `belongings` made: prices of two months, a sale, a dividend, an order that was filled."""
    owner, now = User.objects.get(email="owner@example.com"), clock.now()
    shared = Instrument.objects.get(pk=belongings["asset_id"])
    house = Instrument.objects.get(pk=belongings["instrument_id"])
    portfolio = Portfolio.objects.get(pk=belongings["portfolio_id"])
    days = [now.date() - timedelta(days=n) for n in range(60, 0, -1) if n != 9]
    closes = {day.isoformat(): str(90 + n % 17) for n, day in enumerate(days)}
    make_prices(shared, closes)
    make_prices(house, {days[0].isoformat(): "250000", now.date().isoformat(): "260000"})

    def post(days_ago: int, **fields: Any) -> None:
        post_transaction(
            portfolio_id=portfolio.pk,
            entry=Entry(occurred=now.date() - timedelta(days=days_ago), **fields),
            actor=owner,
            now=now,
        )

    post(40, type="deposit", amount=Decimal(5000), currency="USD", note="Savings", tags=("plan",))
    post(30, type="buy", instrument_id=shared.pk, quantity=Decimal(10), price=Decimal(91), fees=Decimal(1))
    post(20, type="dividend", instrument_id=shared.pk, amount=Decimal("6.50"), taxes=Decimal("0.98"))
    post(3, type="sell", instrument_id=shared.pk, quantity=Decimal(4), price=Decimal("99.50"))
    set_quote(shared, "99", "101", "100", at=now)
    coin = Instrument.objects.create(
        symbol="BTC-USD", name="Bitcoin", currency="USD", asset_class="crypto", provider="manual"
    )
    set_quote(coin, "59990", "60010", "60000", at=now)
    CorporateAction.objects.create(
        instrument=shared, ex_date=now.date(), kind="dividend", value=Decimal(1), source="test"
    )
    account = TradingAccount.objects.get(portfolio_id=belongings["trading:"])
    order(account.portfolio_id, owner, shared, quantity=2, now=now, client_order_id="first")
    return {
        **belongings,
        "owner": owner,
        "account_number": account.account_number,
        "coin_id": coin.pk,
        "live_connection_id": connection_of(owner, environment="live", name="Real money").pk,
    }
