"""“Try with a sample”: a small portfolio over instruments that this site has prices of."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db import transaction

from holdings.entries import Entry
from holdings.models import Portfolio
from holdings.operations.portfolios import create_portfolio
from holdings.operations.posting import post_transactions
from marketdata.models import Instrument
from marketdata.queries import FxRateMissing, closes_on, fx_rate
from portfolio_site.kernel.errors import DomainError

_MOST = 6
_EACH = Decimal(2000)


class NoSampleYet(DomainError):
    """There are no prices to make a sample from."""

    code = "no_sample_yet"


def create_sample_portfolio(*, owner: Any, now: datetime) -> Portfolio:
    """Open a portfolio with a year of entries in the person's currency. Raises `NoSampleYet` without market data."""
    base, today = owner.base_currency, now.date()
    first, later = today - timedelta(days=365), today - timedelta(days=120)
    shared = list(
        Instrument.objects.shared()
        .active()
        .exclude(asset_class__in=("index", "currency", "bond"))
        .order_by("asset_class", "symbol_key")[:80]
    )
    then, after = closes_on([i.pk for i in shared], first), closes_on([i.pk for i in shared], later)
    entries: list[Entry] = [
        Entry(type="deposit", occurred=first, amount=_EACH * _MOST, currency=base, note="Sample")
    ]
    kinds: set[str] = set()
    chosen: list[tuple[Instrument, Decimal]] = []
    for instrument in sorted(shared, key=lambda i: (i.asset_class, i.symbol_key)):
        if len(chosen) == _MOST:
            break
        if instrument.pk not in then or instrument.pk not in after or then[instrument.pk].price <= 0:
            continue
        if instrument.asset_class in kinds and len(kinds) < 3 and len(chosen) >= 3:
            continue
        try:
            rate = fx_rate(base=instrument.currency, quote=base, on=first)
        except FxRateMissing:
            continue
        kinds.add(instrument.asset_class)
        chosen.append((instrument, rate))
    if not chosen:
        raise NoSampleYet(
            "There are no prices to make a sample from yet. Load some, or wait for the first refresh."
        )
    for instrument, rate in chosen:
        price = then[instrument.pk].price
        quantity = (_EACH / 2 / (price * rate)).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
        if quantity <= 0:
            quantity = Decimal("0.01")
        entries += [
            Entry(
                type="buy",
                occurred=first,
                instrument_id=instrument.pk,
                quantity=quantity,
                price=price,
                currency="",
            ),
            Entry(
                type="buy",
                occurred=later,
                instrument_id=instrument.pk,
                quantity=(quantity / 2).quantize(Decimal("0.01")) or quantity,
                price=after[instrument.pk].price,
            ),
        ]
    sold, _ = chosen[0]
    held = entries[1].quantity or Decimal(0)
    entries.append(
        Entry(
            type="sell",
            occurred=later + timedelta(days=30),
            instrument_id=sold.pk,
            quantity=(held / 3).quantize(Decimal("0.01"), rounding=ROUND_DOWN) or held,
            price=after[sold.pk].price,
        )
    )
    with transaction.atomic():
        portfolio = create_portfolio(owner=owner, name="Sample portfolio", base_currency=base, now=now)
        post_transactions(portfolio_id=portfolio.pk, entries=entries, actor=owner, now=now)
        portfolio.refresh_from_db()
    return portfolio
