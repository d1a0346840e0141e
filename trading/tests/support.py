"""People, instruments, quotes, paper accounts and orders for the tests of the counter."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from marketdata.models import Instrument, Quote
from marketdata.queries import latest_quotes
from marketdata.queries.quotes import remember
from trading.operations import open_paper_account, place_order
from trading.queries import OrderView

#: A Friday, 15:00 UTC: New York is open.
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
_count = itertools.count(1)


def later(seconds: float = 1) -> datetime:
    """A moment after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def make_user(name: str) -> Any:
    """A person who has an account."""
    return get_user_model().objects.create_user(email=f"{name}{next(_count)}@example.com", name=name)


def make_instrument(symbol: str = "", **fields: Any) -> Instrument:
    """A share of the simulated exchange, which is always open; override what matters."""
    defaults: dict[str, Any] = {
        "symbol": symbol or f"T{next(_count)}",
        "name": "Test Corporation",
        "asset_class": "equity",
        "currency": "USD",
        "exchange": "XNAS",
        "provider": "simulated",
        "quantity_step": Decimal("0.001"),
    }
    return Instrument.objects.create(**{**defaults, **fields})


def set_quote(
    instrument: Instrument,
    bid: str | None,
    ask: str | None,
    last: str | None = None,
    *,
    at: datetime = NOW,
) -> None:
    """Make the market of an instrument."""
    Quote.objects.update_or_create(
        instrument=instrument,
        defaults={
            "bid": None if bid is None else Decimal(bid),
            "ask": None if ask is None else Decimal(ask),
            "last": Decimal(last or ask or bid or "0"),
            "quoted_at": at,
            "received_at": at,
            "source": "test",
            "is_simulated": instrument.provider == "simulated",
        },
    )
    remember(latest_quotes([instrument.pk]).values())


def make_account(owner: Any, cash: str = "10000", currency: str = "USD") -> int:
    """A paper account with play money; returns its id."""
    return open_paper_account(
        owner=owner, name="Paper", cash=Decimal(cash), currency=currency, now=NOW - timedelta(days=1)
    )


def order(account: int, actor: Any, instrument: Instrument, **terms: Any) -> OrderView:
    """Place an order: a market buy of one unit unless told otherwise."""
    fields: dict[str, Any] = {
        "client_order_id": str(uuid.uuid4()),
        "side": "buy",
        "type": "limit" if terms.get("limit_price") is not None else "market",
        "time_in_force": "day",
        "quantity": Decimal(1),
        "now": NOW,
    }
    fields.update(terms)
    for name in ("quantity", "limit_price", "stop_price", "notional", "trail_price", "trail_percent"):
        if isinstance(fields.get(name), str | int):
            fields[name] = Decimal(fields[name])
    return place_order(portfolio_id=account, actor=actor, instrument_id=instrument.pk, **fields)


def check_books() -> None:
    """Everything derived agrees with the journal; raises (exit code) when it does not."""
    call_command("verify_books", verbosity=0)


def sent(client: Any, address: str, fields: dict[str, Any]) -> Any:
    """Send a ticket and return the page that a browser shows then: every answer is an address to read."""
    answer = client.post(address, fields)
    if answer.status_code == 303 and "draft=" in answer.url:
        return client.get(answer.url)
    return answer
