"""The demo site: making it, once, through the operations that everybody's data goes through."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from accounts.operations import register_user
from accounts.roles import Role
from holdings.operations import create_portfolio, post_transactions
from holdings.queries import portfolios_for
from marketdata import queries as market
from marketdata.models import ActionKind, Instrument
from marketdata.operations import (
    Adoption,
    backfill_history,
    begin_with_real_prices,
    load_starter_instruments,
    refresh_quotes,
)
from portfolio_site.web.demo import savings
from trading.operations import OrderRefusedError, open_paper_account, place_order

SAVINGS = "Long-term savings"
PRACTICE = "Practice account"

#: Orders of the practice account: (client order id, symbol, side, quantity, limit as a share of the ask or None)
ORDERS: tuple[tuple[str, str, str, str, str | None], ...] = (
    ("demo-1", "AAPL", "buy", "40", None),
    ("demo-2", "MSFT", "buy", "20", None),
    ("demo-3", "SPY", "buy", "15", None),
    ("demo-4", "BTC-USD", "buy", "0.15", None),
    ("demo-5", "AAPL", "sell", "10", None),
    ("demo-6", "NVDA", "buy", "30", "0.96"),
    ("demo-7", "SPY", "sell", "5", "1.05"),
)


@dataclass(frozen=True, slots=True)
class Login:
    """A demo login: who it is and how to come in."""

    role: str
    email: str
    password: str


def demo_logins(path: Path) -> list[Login]:
    """Return the logins kept in `path`, made with random passwords the first time; readable by this user only."""
    if path.is_file():
        return [Login(**login) for login in json.loads(path.read_text())]
    logins = [
        Login("trader", "trader@demo.example", secrets.token_urlsafe(9)),
        Login("administrator", "admin@demo.example", secrets.token_urlsafe(9)),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps([asdict(login) for login in logins], indent=1))
    return logins


def make_market(*, now: datetime) -> Adoption:
    """Load the starter instruments, with real prices where those can be had at once and simulated ones else, and give
    each a first quote; safe to repeat. The demo's own history is then made of the prices that came."""
    load_starter_instruments()
    story = Instrument.objects.shared().filter(symbol__in=[*_symbols_of_story(), *_symbols_of_orders()])
    real = begin_with_real_prices(now=now, instrument_ids=list(story.values_list("pk", flat=True)))
    backfill_history(now=now)
    refresh_quotes(now=now)
    return real


def _symbols_of_story() -> set[str]:
    return {
        *(symbol for _, symbol, _ in savings.PURCHASES),
        *(symbol for _, symbol, *_ in savings.BONDS),
        *dict(savings.MONTHLY_ETFS),
    }


def _symbols_of_orders() -> set[str]:
    return {order[1] for order in ORDERS}


def make_people(*, logins: list[Login], now: datetime) -> dict[str, Any]:
    """Make the demo users that are missing and return them by role."""
    names = {"trader": "Robin Castell", "administrator": "Sam Keeper"}
    people = {}
    for login in logins:
        person = get_user_model().objects.filter(email=login.email).first()
        if person is None:
            person = register_user(
                email=login.email,
                password=login.password,
                name=names[login.role],
                roles=(Role(login.role.capitalize()),),
                is_email_verified=True,
                now=now,
            )
        people[login.role] = person
    trader = people["trader"]
    if trader.base_currency != "EUR":
        trader.base_currency = "EUR"
        trader.save(update_fields=["base_currency"])
    return people


def make_savings(*, owner: Any, now: datetime) -> None:
    """Make the tracked portfolio with five years of history, all of it or nothing, unless it is there."""
    if any(card.name == SAVINGS for card in portfolios_for(owner)):
        return
    today = now.date()
    entries = savings.five_years(market=_listed(today), today=today)
    with transaction.atomic():
        portfolio = create_portfolio(owner=owner, name=SAVINGS, base_currency="EUR", now=now)
        post_transactions(portfolio_id=portfolio.pk, entries=entries, actor=owner, now=now)


def make_practice(*, owner: Any, now: datetime) -> None:
    """Make the paper account with a few orders, unless it is there. An order the market refuses now is left out."""
    if any(card.name == PRACTICE for card in portfolios_for(owner)):
        return
    with transaction.atomic():
        portfolio_id = open_paper_account(
            owner=owner, name=PRACTICE, cash=Decimal(100_000), currency="USD", now=now
        )
        for client_order_id, symbol, side, quantity, share in ORDERS:
            instrument = Instrument.objects.shared().get(symbol=symbol)
            quote = market.latest_quote(instrument.pk, now=now)
            limit = None
            if share is not None and quote is not None:
                limit = ((quote.ask or quote.last) * Decimal(share)).quantize(Decimal("0.01"))
            try:
                place_order(
                    portfolio_id=portfolio_id,
                    actor=owner,
                    client_order_id=client_order_id,
                    instrument_id=instrument.pk,
                    side=side,
                    type="market" if limit is None else "limit",
                    time_in_force="gtc",
                    quantity=Decimal(quantity),
                    limit_price=limit,
                    now=now,
                )
            except OrderRefusedError:
                # A closed or unquoted simulated market refuses; the account is complete without this order.
                continue


def _listed(today: date) -> dict[str, savings.Listed]:
    """Collect what the story needs of each instrument in it."""
    symbols = _symbols_of_story()
    start = today - timedelta(days=366 * savings.YEARS + 40)
    instruments = list(Instrument.objects.shared().filter(symbol__in=symbols))
    closes = market.closes([instrument.pk for instrument in instruments], start, today)
    found = {}
    for instrument in instruments:
        actions = market.corporate_actions(instrument.pk, start, today)
        found[instrument.symbol] = savings.Listed(
            id=instrument.pk,
            symbol=instrument.symbol,
            currency=instrument.currency,
            country=instrument.country,
            is_percent=instrument.quote_unit == "percent",
            quantity_step=instrument.quantity_step,
            closes=closes.get(instrument.pk, {}),
            dividends={a.ex_date: a.value for a in actions if a.kind == ActionKind.DIVIDEND},
            splits={a.ex_date: a.value for a in actions if a.kind == ActionKind.SPLIT},
        )
    return found
