"""“I hold 10 AAPL at 150”: saying what one has, and letting the books work out the entry."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from holdings.entries import Entry
from holdings.models import DraftTransaction, Position, Transaction
from holdings.operations.errors import EntryRefused, PaperJournalClosed
from holdings.operations.locking import lock_for_writing
from holdings.operations.posting import post_locked


def set_holding(
    *,
    portfolio_id: int,
    instrument_id: int,
    quantity: Decimal,
    unit_price: Decimal | None = None,
    on: date,
    actor: Any,
    now: datetime,
    account_id: int | None = None,
    currency: str = "",
    note: str = "",
) -> Transaction | DraftTransaction | None:
    """Book what is needed so that the portfolio holds `quantity` of the instrument.

    More than before is a purchase at `unit_price` (its cash counts as brought along with it), less is a sale at that
    price. None when it holds that much already. Raises `EntryRefused`; a purchase or sale needs a price.
    """
    with transaction.atomic():
        locked = lock_for_writing(portfolio_id)
        if locked.is_traded:
            raise PaperJournalClosed
        if not quantity.is_finite():
            raise EntryRefused("The quantity is not a number.", code="not_a_number", field="quantity")
        if quantity < 0:
            raise EntryRefused("The quantity must not be negative.", code="negative", field="quantity")
        held = Position.objects.filter(portfolio_id=portfolio_id, instrument_id=instrument_id)
        if account_id is not None:
            held = held.filter(account_id=account_id)
        change = quantity - (held.aggregate(total=Sum("quantity"))["total"] or Decimal(0))
        if not change:
            return None
        if unit_price is None:
            raise EntryRefused("Enter the price of one unit.", code="missing_price", field="price")
        entry = Entry(
            type="buy" if change > 0 else "sell",
            occurred=on,
            account_id=account_id,
            instrument_id=instrument_id,
            quantity=abs(change),
            price=unit_price,
            currency=currency,
            note=note,
        )
        posted = post_locked(locked, entries=[entry], actor=actor, now=now)
        return posted.transactions[0] if posted.transactions else posted.drafts[0]
