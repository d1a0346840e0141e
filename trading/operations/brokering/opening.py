"""Opening a portfolio for an account at a broker, comparing it at once, and booking what differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from holdings.operations import Entry, create_portfolio, post_account_entry
from portfolio_site.kernel.money import round_money
from trading.brokers.alpaca_addresses import BaseUrlRefused
from trading.brokers.base import Broker, BrokerError, RemoteAccount, RemoteOrder, RemotePosition
from trading.models import BrokerConnection, TradingAccount
from trading.operations.access import own_desk
from trading.operations.brokering.applying import adopt, apply_remote
from trading.operations.brokering.comparing import LOOK_BACK, compare, correction_entries
from trading.operations.brokering.connections import (
    BrokerAwayError,
    BrokerConnectionRefusedError,
    locked_connection,
    own_connection,
)
from trading.operations.brokering.following import portfolio_of
from trading.operations.brokering.sending import Clock
from trading.operations.brokering.speaking import broker_of, figures_of, note_failure, note_success
from trading.operations.brokering.symbols import instrument_at_broker
from trading.operations.desk import open_desk
from trading.operations.paper_accounts import announce

_READINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The broker's books at one instant: nothing was executed while they were read."""

    place: str
    account: RemoteAccount
    positions: list[RemotePosition]
    orders: list[RemoteOrder]
    activities: list[str]


def read_start(*, connection_id: UUID, actor: Any, clock: Clock) -> Start:
    """Read what an account at a broker begins with here; not for inside a transaction.

    Raises ``BrokerConnectionRefusedError``, ``BrokerConnectionUnknownError``, ``BrokerAwayError``.
    """
    row = own_connection(actor, connection_id)
    if row.is_ended:
        raise BrokerConnectionRefusedError("This connection has ended. Enter its keys again first.")
    if TradingAccount.objects.filter(broker_connection=row).exists():
        raise BrokerConnectionRefusedError("This connection has its portfolio already.")
    try:
        return _snapshot(broker_of(row), clock)
    except (BrokerError, BaseUrlRefused) as error:
        raise BrokerAwayError(str(error)) from None


def open_broker_account(
    *, connection_id: UUID, actor: Any, name: str, clock: Clock, start: Start | None = None
) -> int:
    """Open a portfolio for the account of a connection, with the positions and the cash that the broker has now (``start``,
    read by ``read_start`` unless given); returns its id. From then on every order of it is the broker's, and what happens
    there is followed.

    Raises as ``read_start``, and what the books refuse.
    """
    start = start or read_start(connection_id=connection_id, actor=actor, clock=clock)
    now = clock()
    with transaction.atomic():
        row = locked_connection(actor, connection_id)
        if TradingAccount.objects.filter(broker_connection=row).exists():
            raise BrokerConnectionRefusedError("This connection has its portfolio already.")
        account = start.account
        portfolio = create_portfolio(
            owner=actor,
            name=name,
            base_currency=account.currency,
            kind="broker",
            # What a broker did is a fact, also what this house would not have allowed.
            allow_short=True,
            allow_negative_cash=True,
            now=now,
        )
        multiplier = account.multiplier if account.multiplier in (1, 2, 4) else 1
        TradingAccount.objects.create(
            portfolio_id=portfolio.pk,
            broker_connection=row,
            currency=account.currency,
            multiplier=multiplier,
            shorting_enabled=account.may_short and multiplier > 1,
            # A broker tells its fees apart from its fills.
            fee_schedule="none",
            last_equity=round_money(account.equity, account.currency),
            balance_date=now.date(),
            created_at=now,
            updated_at=now,
        )
        for entry in _starting_entries(actor, start, now):
            post_account_entry(portfolio_id=portfolio.pk, entry=entry, actor=actor, now=now)
        row.fills_after, row.known_activities = start.place, start.activities
        row.save(update_fields=["fills_after", "known_activities"])
        desk = open_desk(portfolio_id=portfolio.pk, actor=actor, now=now)
        for remote in start.orders:
            pair = adopt(desk, row, remote, filled_before=remote.filled_quantity)
            apply_remote(desk, *pair, remote)
        desk.save()
    return int(portfolio.pk)


def _snapshot(broker: Broker, clock: Clock) -> Start:
    for _ in range(_READINGS):
        place = broker.last_execution_id()
        activities = [
            row.id for row in broker.activities_since((clock() - LOOK_BACK - timedelta(days=1)).date())
        ]
        account, positions, orders = broker.account(), broker.positions(), broker.open_orders()
        if broker.last_execution_id() == place:
            return Start(
                place=place, account=account, positions=positions, orders=orders, activities=activities
            )
    raise BrokerAwayError(
        "The account trades too fast to be read at rest. Pause your programs and try again."
    )


def _starting_entries(actor: Any, start: Start, now: datetime) -> list[Entry]:
    """Longs are delivered at what they cost; shorts are sold at it, and the cash that brought is part of the cash."""
    currency = start.account.currency
    entries = []
    cash = round_money(start.account.cash, currency)
    for position in start.positions:
        instrument = instrument_at_broker(
            position.symbol, owner=actor, currency=currency, is_crypto=position.is_crypto
        )
        note = "Held at the broker when the account was connected"
        if position.quantity > 0:
            entries.append(
                Entry(
                    type="delivery_in",
                    occurred=now,
                    instrument_id=instrument.pk,
                    quantity=position.quantity,
                    price=position.average_price,
                    note=note,
                )
            )
        elif position.quantity < 0:
            worth = round_money(-position.quantity * position.average_price, currency)
            cash -= worth
            entries.append(
                Entry(
                    type="sell",
                    occurred=now,
                    instrument_id=instrument.pk,
                    quantity=-position.quantity,
                    price=position.average_price,
                    amount=worth,
                    note=note,
                )
            )
    if cash:
        entries.insert(
            0,
            Entry(
                type="deposit" if cash > 0 else "withdrawal",
                occurred=now,
                amount=abs(cash),
                currency=currency,
                note="Cash at the broker when the account was connected",
            ),
        )
    return entries


def check_connection_now(*, connection_id: UUID, actor: Any, clock: Clock) -> int:
    """Try the keys, read the account's figures, and, where a portfolio is open for it, catch up and compare at once; returns
    how many differences there are. Raises ``BrokerAwayError``, ``BrokerConnectionUnknownError``, and
    ``BrokerConnectionRefusedError`` for one that has ended."""
    row = own_connection(actor, connection_id)
    if row.is_ended:
        raise BrokerConnectionRefusedError("This connection has ended. Enter its keys again first.")
    try:
        if portfolio_of(row.pk) is not None:
            return len(compare(connection_id=row.pk, clock=clock))
        account = broker_of(row).account()
        BrokerConnection.objects.filter(pk=row.pk).update(figures=figures_of(account, clock()))
        note_success(row.pk, now=clock())
        return 0
    except (BrokerError, BaseUrlRefused) as error:
        note_failure(row.pk, error, now=clock())
        raise BrokerAwayError(str(error)) from None


def book_differences(*, connection_id: UUID, actor: Any, clock: Clock) -> int:
    """Book what differs from the broker's positions and cash as corrections, after comparing anew; returns how many entries
    that took. What the broker booked and nobody could read counts as dealt with. Raises as ``check_connection_now``."""
    row = own_connection(actor, connection_id)
    portfolio_id = (
        TradingAccount.objects.filter(broker_connection=row).values_list("portfolio_id", flat=True).first()
    )
    if portfolio_id is None:
        return 0
    try:
        broker = broker_of(row)
        found = compare(connection_id=row.pk, clock=clock, broker=broker)
        seen = [each.id for each in broker.activities_since((clock() - LOOK_BACK).date())] if found else []
    except (BrokerError, BaseUrlRefused) as error:
        raise BrokerAwayError(str(error)) from None
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=clock(), for_new_orders=False)
        desk.date_after_journal()
        entries = correction_entries(found, currency=desk.account.currency, now=desk.now)
        for entry in entries:
            post_account_entry(portfolio_id=portfolio_id, entry=entry, actor=actor, now=desk.now)
        row = locked_connection(actor, connection_id)
        row.known_activities = list(dict.fromkeys([*row.known_activities, *seen]))
        row.differences = []
        row.save(update_fields=["known_activities", "differences"])
        announce(portfolio_id, desk.portfolio.owner_id, what="broker_differences", now=desk.now)
    return len(entries)
