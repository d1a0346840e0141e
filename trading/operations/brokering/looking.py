"""Looking at what an account at a broker holds right now, beside what the books of its portfolio say. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from holdings import queries as books
from marketdata.models import Instrument
from portfolio_site.kernel.money import round_money
from trading.brokers.alpaca_addresses import BaseUrlRefused
from trading.brokers.base import BrokerError, RemoteAccount, RemotePosition
from trading.models import BrokerConnection
from trading.operations.brokering.connections import (
    BrokerAwayError,
    BrokerConnectionRefusedError,
    own_connection,
)
from trading.operations.brokering.following import portfolio_of
from trading.operations.brokering.sending import Clock
from trading.operations.brokering.speaking import broker_of, note_failure
from trading.operations.brokering.symbols import known_at_broker
from trading.operations.desk import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBeside:
    """A position at the broker and the same one here. ``instrument_id`` is None for a symbol that nothing is known of;
    ``average_price`` is what a unit cost at the broker, None where it holds none."""

    symbol: str
    instrument_id: int | None
    theirs: Decimal
    ours: Decimal
    average_price: Decimal | None

    @property
    def agrees(self) -> bool:
        """Whether both books say the same."""
        return self.theirs == self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBeside:
    """An account at a broker as it is at ``at``. ``portfolio_id`` and ``cash_ours`` are None while it has no portfolio."""

    at: datetime
    currency: str
    portfolio_id: int | None
    cash: Decimal
    cash_ours: Decimal | None
    positions: tuple[PositionBeside, ...]


def read_account(
    *, connection_id: UUID, actor: Any, clock: Clock
) -> tuple[BrokerConnection, RemoteAccount, list[RemotePosition]]:
    """Ask a broker for an account of the actor's and what it holds. Raises ``BrokerConnectionUnknownError``,
    ``BrokerConnectionRefusedError`` for one that has ended, ``BrokerAwayError``."""
    row = own_connection(actor, connection_id)
    if row.is_ended:
        raise BrokerConnectionRefusedError("This connection has ended. Enter its keys again first.")
    try:
        broker = broker_of(row)
        return row, broker.account(), broker.positions()
    except (BrokerError, BaseUrlRefused) as error:
        note_failure(row.pk, error, now=clock())
        raise BrokerAwayError(str(error)) from None


def positions_beside(*, connection_id: UUID, actor: Any, clock: Clock) -> AccountBeside:
    """What the broker holds and what our books say, read now. Raises as ``read_account``."""
    row, account, positions = read_account(connection_id=connection_id, actor=actor, clock=clock)
    portfolio_id = portfolio_of(row.pk)
    held = {} if portfolio_id is None else books.position_quantities(portfolio_id)
    names = dict(Instrument.objects.filter(pk__in=list(held)).values_list("pk", "symbol"))
    rows = []
    for remote in positions:
        known = known_at_broker(
            remote.symbol, owner=actor, currency=account.currency, is_crypto=remote.is_crypto
        )
        rows.append(
            PositionBeside(
                symbol=remote.symbol,
                instrument_id=None if known is None else known.pk,
                theirs=remote.quantity,
                ours=ZERO if known is None else held.pop(known.pk, ZERO),
                average_price=remote.average_price,
            )
        )
    rows += [
        PositionBeside(symbol=names[pk], instrument_id=pk, theirs=ZERO, ours=units, average_price=None)
        for pk, units in held.items()
    ]
    return AccountBeside(
        at=clock(),
        currency=account.currency,
        portfolio_id=portfolio_id,
        cash=round_money(account.cash, account.currency),
        cash_ours=None if portfolio_id is None else books.cash_balance(portfolio_id, account.currency),
        positions=tuple(sorted(rows, key=lambda each: each.symbol)),
    )
