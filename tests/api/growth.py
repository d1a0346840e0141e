"""Twenty more of everything that a list of the API can show."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

from accounts.operations import create_token
from documents.operations import store_document
from holdings.models import ActionProposal, Portfolio
from holdings.operations import Entry, add_account, create_portfolio, make_backup, post_transaction
from holdings.tests.support import make_prices, make_rates
from marketdata.models import Instrument
from marketdata.operations import create_watchlist
from notifications.models import Notification
from portfolio_site.kernel import clock
from reports.models import JobState, ReportJob
from reports.operations import request_report
from trading.operations import open_paper_account
from trading.tests.support import make_instrument, order, set_quote
from trading.tests.test_brokers_web import connection_of

MANY = 20
#: Codes of money that exist.
_MONEY = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS INR JPY KRW MXN NOK NZD PLN SEK SGD THB TRY ZAR".split()
)


def grow(book: dict[str, Any]) -> None:
    """Add them, to what belongs to the owner of the book."""
    owner, now = book["owner"], clock.now()
    portfolio = Portfolio.objects.get(pk=book["portfolio_id"])
    make_rates(**{f"{money}USD": "1.1" for money in _MONEY[:MANY] if money != "EUR"})
    for number in range(MANY):
        share = make_instrument(f"GROW{number}", exchange="", provider="manual")
        coin = make_instrument(f"COIN{number}-USD", exchange="", provider="manual", asset_class="crypto")
        _trade(book, portfolio, share, number)
        _hold(owner, portfolio, coin)
        connection_of(owner, name=f"More {number}")
        _own(owner, portfolio, share, number)
        ActionProposal.objects.create(
            portfolio=portfolio,
            instrument=share,
            kind="dividend",
            ex_date=now.date(),
            value=Decimal(1),
            quantity=Decimal(1),
            amount=Decimal(1),
            currency="USD",
            found_at=now,
        )
        planned = Entry(
            type="deposit",
            occurred=now.date() + timedelta(days=40 + number),
            amount=Decimal(1),
            currency="USD",
        )
        post_transaction(portfolio_id=portfolio.pk, entry=planned, actor=owner, now=now)
        Notification.objects.create(
            user=owner,
            kind="order.filled",
            title="More",
            body="",
            url="",
            created_at=now,
            event_id=100 + number,
        )


def _trade(book: dict[str, Any], portfolio: Portfolio, share: Instrument, number: int) -> None:
    """Buy it in the books and by orders: one that is filled, one that waits."""
    owner, now = book["owner"], clock.now()
    day = now.date() - timedelta(days=2)
    make_prices(share, {day.isoformat(): "10", (day + timedelta(days=1)).isoformat(): "11"})
    set_quote(share, "9.99", "10.01", "10", at=now)
    for portfolio_id, fields in (
        (portfolio.pk, {"type": "deposit", "amount": Decimal(50), "currency": _MONEY[number]}),
        (
            portfolio.pk,
            {"type": "buy", "instrument_id": share.pk, "quantity": Decimal(1), "price": Decimal(10)},
        ),
        (
            portfolio.pk,
            {"type": "dividend", "instrument_id": share.pk, "amount": Decimal(1)},
        ),
        (
            portfolio.pk,
            {"type": "sell", "instrument_id": share.pk, "quantity": Decimal("0.5"), "price": Decimal(11)},
        ),
    ):
        post_transaction(portfolio_id=portfolio_id, entry=Entry(occurred=day, **fields), actor=owner, now=now)
    account = book["trading:"]
    order(account, owner, share, quantity=1, now=now, client_order_id=f"grow {number}")
    order(account, owner, share, quantity=1, limit_price="9", now=now, client_order_id=f"wait {number}")


def _hold(owner: Any, portfolio: Portfolio, coin: Instrument) -> None:
    """Have it, as a list of assets does."""
    now = clock.now()
    day = now.date() - timedelta(days=2)
    make_prices(coin, {day.isoformat(): "5"})
    entry = Entry(
        type="delivery_in", occurred=day, instrument_id=coin.pk, quantity=Decimal(2), cost=Decimal(10)
    )
    post_transaction(portfolio_id=portfolio.pk, entry=entry, actor=owner, now=now)


def _own(owner: Any, portfolio: Portfolio, share: Instrument, number: int) -> None:
    """What else a person may have twenty of."""
    now, name = clock.now(), f"More {number}"
    create_portfolio(owner=owner, name=name, base_currency="USD", now=now)
    add_account(portfolio_id=portfolio.pk, name=name, kind="cash", currency="USD", now=now)
    open_paper_account(owner=owner, name=f"Paper {number}", cash=Decimal(1000), currency="USD", now=now)
    store_document(
        owner_id=owner.pk, kind="report", filename=f"{number}.txt", content=io.BytesIO(b"more"), now=now
    )
    request_report(actor=owner, portfolio_id=portfolio.pk, kind="portfolio_summary", format="xlsx", now=now)
    ReportJob.objects.update(state=JobState.FAILED, error="Not needed.", finished_at=now)
    create_watchlist(owner=owner, name=name, now=now, instrument_ids=[share.pk])
    create_token(user=owner, name=name, now=now)
    make_backup(owner=owner, portfolio_id=portfolio.pk, now=now)
