"""Keeping a plain list of assets: what somebody has, how much of it, and what it cost. No cash is booked.

The doors that work like this (a short API, the menu on the command line) write the same journal as every other: more of
an asset is a delivery in, less a delivery out, of the day it is said.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings.entries import Entry
from holdings.models import Portfolio, Position, Transaction
from holdings.operations.correcting import void_transactions
from holdings.operations.errors import EntryRefused, PaperJournalClosed, PortfolioUnknown
from holdings.operations.locking import lock_for_writing
from holdings.operations.portfolios import create_portfolio
from holdings.operations.posting import post_transaction
from holdings.queries.assets import AssetNotFound, chosen_portfolio
from marketdata.queries import find_assets

SOURCE = "assets"
MAIN_NAME = "My portfolio"


def add_asset(
    *,
    owner: Any,
    symbol: str,
    quantity: Decimal,
    now: datetime,
    kind: str | None = None,
    price: Decimal | None = None,
    on: date | None = None,
    portfolio_id: int | None = None,
) -> tuple[Portfolio, int]:
    """Add to what the person has of an asset, and return the portfolio and the asset's id.

    `price` is what one unit cost, in the asset's currency; without it the day's price counts. The first asset of all
    opens a portfolio. Raises `EntryRefused` at `symbol`, `quantity`, `price` or `date`.
    """
    instrument = find_assets(user=owner, symbols=[symbol], kind=kind).get(symbol)
    if instrument is None:
        known = f" among the {kind}s" if kind else ""
        raise EntryRefused(
            f"No instrument has the symbol “{symbol[:40]}”{known}.", code="unknown_symbol", field="symbol"
        )
    if not quantity.is_finite() or quantity <= 0:
        raise EntryRefused("The quantity must be more than zero.", code="not_positive", field="quantity")
    with transaction.atomic():
        portfolio = _writable(owner, portfolio_id) or _first_portfolio(owner, now=now)
        _deliver(portfolio, instrument.pk, quantity, price=price, on=on, actor=owner, now=now)
    return portfolio, instrument.pk


def update_asset(
    *,
    owner: Any,
    asset_id: int,
    quantity: Decimal,
    now: datetime,
    price: Decimal | None = None,
    on: date | None = None,
    portfolio_id: int | None = None,
) -> Portfolio:
    """Say how much of an asset there is now. More comes in at `price` (or the day's), less goes out; 0 removes it.

    Raises `AssetNotFound` and `EntryRefused`.
    """
    if not quantity.is_finite() or quantity < 0:
        raise EntryRefused("The quantity must not be negative.", code="negative", field="quantity")
    with transaction.atomic():
        portfolio = _holding(owner, portfolio_id)
        lock_for_writing(portfolio.pk)
        change = quantity - _held(portfolio, asset_id)
        if change:
            _deliver(portfolio, asset_id, change, price=price, on=on, actor=owner, now=now)
    return portfolio


def remove_asset(*, owner: Any, asset_id: int, now: datetime, portfolio_id: int | None = None) -> Portfolio:
    """Take an asset off the list: entries that were all made here are voided, else what is held goes out today.

    Raises `AssetNotFound`.
    """
    with transaction.atomic():
        portfolio = _holding(owner, portfolio_id)
        lock_for_writing(portfolio.pk)
        held = _held(portfolio, asset_id)
        rows = Transaction.objects.filter(portfolio=portfolio, instrument_id=asset_id, void__isnull=True)
        entries = dict(rows.values_list("pk", "source"))
        if set(entries.values()) == {SOURCE}:
            void_transactions(
                portfolio_id=portfolio.pk,
                transaction_ids=sorted(entries),
                actor=owner,
                now=now,
                reason="Asset removed",
            )
        else:
            _deliver(portfolio, asset_id, -held, price=None, on=None, actor=owner, now=now)
    return portfolio


def _writable(owner: Any, portfolio_id: int | None) -> Portfolio | None:
    portfolio = chosen_portfolio(owner, portfolio_id)
    if portfolio is None:
        return None
    if portfolio.owner_id != owner.pk:
        raise PortfolioUnknown
    if portfolio.is_traded:
        raise PaperJournalClosed
    return portfolio


def _holding(owner: Any, portfolio_id: int | None) -> Portfolio:
    portfolio = _writable(owner, portfolio_id)
    if portfolio is None:
        raise AssetNotFound("There is no such asset in the portfolio.")
    return portfolio


def _first_portfolio(owner: Any, *, now: datetime) -> Portfolio:
    made: Portfolio = create_portfolio(
        owner=owner, name=MAIN_NAME, base_currency=owner.base_currency, now=now
    )
    return made


def _held(portfolio: Portfolio, asset_id: int) -> Decimal:
    rows = Position.objects.filter(portfolio=portfolio, instrument_id=asset_id).values_list(
        "quantity", flat=True
    )
    held = sum(rows, Decimal(0))
    if not held:
        raise AssetNotFound("There is no such asset in the portfolio.")
    return held


def _deliver(
    portfolio: Portfolio,
    asset_id: int,
    change: Decimal,
    *,
    price: Decimal | None,
    on: date | None,
    actor: Any,
    now: datetime,
) -> None:
    entry = Entry(
        type="delivery_in" if change > 0 else "delivery_out",
        occurred=on or now,
        instrument_id=asset_id,
        quantity=abs(change),
        price=price,
        source=SOURCE,
    )
    post_transaction(portfolio_id=portfolio.pk, entry=entry, actor=actor, now=now)
