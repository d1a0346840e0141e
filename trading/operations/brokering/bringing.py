"""Bringing what an account at a broker holds into a portfolio that its owner keeps by hand: looked at first, then booked.

In the portfolio it lies in an account of its own, named after the connection. What is booked is the difference between that
account and the broker's: a second run books nothing, and one after trades at the broker books what they changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from holdings import queries as books
from holdings.operations import (
    Entry,
    EntryRefused,
    account_from_outside,
    lock_portfolio,
    post_transactions,
)
from marketdata.models import Instrument
from marketdata.queries import latest_quote
from portfolio_site.kernel.errors import ConflictError
from portfolio_site.kernel.money import round_money
from trading.brokers.base import RemoteAccount, RemotePosition
from trading.engine.wording import plain
from trading.models import BrokerConnection
from trading.operations.brokering.connections import BrokerConnectionRefusedError
from trading.operations.brokering.following import portfolio_of
from trading.operations.brokering.looking import read_account
from trading.operations.brokering.sending import Clock
from trading.operations.brokering.symbols import instrument_at_broker, known_at_broker
from trading.operations.desk import ZERO
from trading.operations.errors import PortfolioUnknownError, ReadOnlyError

SOURCE = "broker"
_SHORT = (
    "Short at the broker. A short position is not brought over: open a portfolio for the connection itself."
)
_DEBIT = "Borrowed at the broker. A debt is not brought over: open a portfolio for the connection itself."


class BringingChangedError(ConflictError):
    """What would be booked is not what was shown."""

    code = "broker_positions_changed"

    def __init__(self) -> None:
        super().__init__("The account at the broker or the portfolio has changed since. Look at it anew.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtLine:
    """A position, or cash in a currency (``symbol``), and what is booked for it. ``ours`` lies in the portfolio's account of this
    broker, ``elsewhere`` in its other ones. ``problem`` says why nothing can be booked."""

    key: str
    symbol: str
    name: str
    is_cash: bool
    is_crypto: bool
    instrument_id: int | None
    theirs: Decimal
    ours: Decimal
    elsewhere: Decimal
    price: Decimal | None
    problem: str = ""

    @property
    def change(self) -> Decimal:
        """What is booked: units or money that come in (negative: go out)."""
        return ZERO if self.problem else self.theirs - self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """What bringing an account's positions over would book. ``token`` stands for exactly this: it goes back with the order to
    do it. ``account_name`` is empty while the portfolio has no account for it."""

    connection_name: str
    portfolio_id: int
    portfolio_name: str
    account_name: str
    currency: str
    at: datetime
    lines: tuple[BroughtLine, ...]
    has_own_portfolio: bool

    @property
    def changes(self) -> tuple[BroughtLine, ...]:
        """The lines for which something is booked."""
        return tuple(line for line in self.lines if line.change)

    @property
    def token(self) -> str:
        """What is shown, in short."""
        text = ";".join(
            f"{line.key}:{plain(line.theirs)}:{plain(line.ours)}:{plain(line.price or ZERO)}"
            for line in self.lines
        )
        return hashlib.sha256(f"{self.portfolio_id}|{text}".encode()).hexdigest()[:32]


def look_at_bringing(*, connection_id: UUID, portfolio_id: int, actor: Any, clock: Clock) -> Bringing:
    """Ask the broker and say what would be booked; nothing is. Raises ``BrokerConnectionUnknownError``,
    ``BrokerConnectionRefusedError``, ``BrokerAwayError``, ``PortfolioUnknownError``, ``ReadOnlyError``."""
    portfolio = _tracked(actor, portfolio_id)
    row, account, positions = read_account(connection_id=connection_id, actor=actor, clock=clock)
    return _plan(row, account, positions, portfolio, actor, clock())


def bring_positions(
    *,
    connection_id: UUID,
    portfolio_id: int,
    actor: Any,
    token: str,
    clock: Clock,
    keys: Collection[str] | None = None,
    read: tuple[BrokerConnection, RemoteAccount, list[RemotePosition]] | None = None,
) -> int:
    """Book what ``look_at_bringing`` has shown, or of it the lines with these keys; returns how many entries that took. All of
    them are booked or none. ``read`` is what ``read_account`` has just answered, for callers within a transaction.

    Raises as ``look_at_bringing``, ``BringingChangedError`` where it is not what was shown any more, and what the books refuse.
    """
    portfolio = _tracked(actor, portfolio_id)
    row, account, positions = read or read_account(connection_id=connection_id, actor=actor, clock=clock)
    with transaction.atomic():
        lock_portfolio(portfolio_id)
        plan = _plan(row, account, positions, portfolio, actor, clock())
        if plan.token != token:
            raise BringingChangedError
        chosen = [line for line in plan.changes if keys is None or line.key in keys]
        if not chosen:
            return 0
        return _book(row, plan, chosen, actor, plan.at)


def _book(row: BrokerConnection, plan: Bringing, chosen: list[BroughtLine], actor: Any, now: datetime) -> int:
    place = account_from_outside(
        portfolio_id=plan.portfolio_id,
        external_id=_outside_name(row),
        name=f"{row.name} {row.remote_number}".strip(),
        currency=plan.currency,
        now=now,
    )
    entries = [
        _entry(line, plan.currency, place.pk, place.cash_account_id, row, actor, now) for line in chosen
    ]
    try:
        posted = post_transactions(portfolio_id=plan.portfolio_id, entries=entries, actor=actor, now=now)
    except EntryRefused as refusal:
        number, reason = next(iter(refusal.rows.items()), (None, refusal.message))
        raise BrokerConnectionRefusedError(
            f"{chosen[number].symbol}: {reason}" if number is not None else reason
        ) from None
    return len(posted.transactions) + len(posted.drafts)


def _entry(
    line: BroughtLine,
    currency: str,
    account_id: int,
    cash_account_id: int | None,
    row: BrokerConnection,
    actor: Any,
    now: datetime,
) -> Entry:
    note = f"From {row.name}: they have {plain(line.theirs)}, here were {plain(line.ours)}"
    if line.is_cash:
        return Entry(
            type="deposit" if line.change > 0 else "withdrawal",
            occurred=now,
            account_id=cash_account_id,
            amount=abs(line.change),
            currency=line.symbol,
            note=note,
            source=SOURCE,
        )
    instrument_id = line.instrument_id
    if instrument_id is None:
        instrument_id = instrument_at_broker(
            line.symbol, owner=actor, currency=currency, is_crypto=line.is_crypto
        ).pk
    price = line.price
    if line.change < 0:
        # What leaves is worth what it is worth now; what it cost only where nobody quotes it.
        quote = latest_quote(instrument_id)
        price = line.price if quote is None or quote.last is None else quote.last
    return Entry(
        type="delivery_in" if line.change > 0 else "delivery_out",
        occurred=now,
        account_id=account_id,
        instrument_id=instrument_id,
        quantity=abs(line.change),
        price=price,
        note=note,
        source=SOURCE,
    )


def _tracked(actor: Any, portfolio_id: int) -> Any:
    portfolio = books.visible_portfolio(actor, portfolio_id)
    if portfolio is None:
        raise PortfolioUnknownError
    if portfolio.owner_id != actor.pk:
        raise ReadOnlyError
    if portfolio.is_traded or portfolio.archived_at is not None:
        raise BrokerConnectionRefusedError(
            "Choose a portfolio that you keep by hand and that is not archived.", field="portfolio_id"
        )
    return portfolio


def _outside_name(row: BrokerConnection) -> str:
    """The account's name in the books: that of the account at the broker, whichever connection leads to it."""
    return f"{row.broker}:{row.remote_account}"[:90]


def _plan(
    row: BrokerConnection,
    account: RemoteAccount,
    positions: list[RemotePosition],
    portfolio: Any,
    actor: Any,
    now: datetime,
) -> Bringing:
    here = books.outside_account(portfolio.pk, _outside_name(row))
    everywhere = books.position_quantities(portfolio.pk)
    ours = dict(here.quantities)
    lines = []
    for remote in positions:
        known = known_at_broker(
            remote.symbol, owner=actor, currency=account.currency, is_crypto=remote.is_crypto
        )
        held = ZERO if known is None else ours.pop(known.pk, ZERO)
        total = ZERO if known is None else everywhere.get(known.pk, ZERO)
        lines.append(
            BroughtLine(
                key=remote.symbol,
                symbol=remote.symbol,
                name="" if known is None else known.name,
                is_cash=False,
                is_crypto=remote.is_crypto,
                instrument_id=None if known is None else known.pk,
                theirs=remote.quantity,
                ours=held,
                elsewhere=total - held,
                price=remote.average_price,
                problem=_SHORT if remote.quantity < 0 else "",
            )
        )
    for instrument in Instrument.objects.filter(pk__in=list(ours)):
        held = ours[instrument.pk]
        lines.append(
            BroughtLine(
                key=f"{instrument.symbol}#{instrument.pk}",
                symbol=instrument.symbol,
                name=instrument.name,
                is_cash=False,
                is_crypto=False,
                instrument_id=instrument.pk,
                theirs=ZERO,
                ours=held,
                elsewhere=everywhere.get(instrument.pk, ZERO) - held,
                price=here.unit_costs[instrument.pk],
            )
        )
    cash = round_money(account.cash, account.currency)
    lines.sort(key=lambda line: line.key)
    lines.append(
        BroughtLine(
            key=f"cash:{account.currency}",
            symbol=account.currency,
            name="Cash",
            is_cash=True,
            is_crypto=False,
            instrument_id=None,
            theirs=cash,
            ours=here.cash.get(account.currency, ZERO),
            elsewhere=books.cash_balance(portfolio.pk, account.currency)
            - here.cash.get(account.currency, ZERO),
            price=None,
            problem=_DEBIT if cash < 0 else "",
        )
    )
    return Bringing(
        connection_name=row.name,
        portfolio_id=portfolio.pk,
        portfolio_name=portfolio.name,
        account_name=here.name,
        currency=account.currency,
        at=now,
        lines=tuple(lines),
        has_own_portfolio=portfolio_of(row.pk) is not None,
    )
