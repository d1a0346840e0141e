"""Laying the broker's books beside ours: what it booked beside trades, then positions and cash.

A difference is shown with both figures and since when it has been there. Nothing is changed to hide it: the owner may book it
as what it is, a correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth import get_user_model
from django.db import transaction

from holdings import queries as books
from holdings.operations import AlreadyPosted, Entry, EntryRefused, post_account_entry
from marketdata.models import Instrument
from portfolio_site.kernel.money import round_money
from trading.brokers.base import Broker, RemoteAccount, RemoteActivity, RemotePosition
from trading.engine.wording import plain, price_text
from trading.models import BrokerConnection, TradingAccount
from trading.operations.brokering.following import catch_up, portfolio_of
from trading.operations.brokering.sending import Clock
from trading.operations.brokering.speaking import broker_of, figures_of
from trading.operations.brokering.splitting import SPLIT_KINDS, take_splits
from trading.operations.brokering.symbols import instrument_at_broker
from trading.operations.desk import ZERO, Desk, open_desk
from trading.operations.paper_accounts import announce

log = structlog.get_logger(__name__)
#: Brokers post fees and dividends a day or two late, under the day they are for.
LOOK_BACK = timedelta(days=7)
_KEPT_ACTIVITIES = 2000
#: Alpaca's word -> our entry when money came in, and when it went out.
_KINDS: Mapping[str, tuple[str, str]] = {
    "CSD": ("deposit", "withdrawal"),
    "CSW": ("deposit", "withdrawal"),
    "JNLC": ("deposit", "withdrawal"),
    "TRANS": ("deposit", "withdrawal"),
    "ACATC": ("deposit", "withdrawal"),
    "INT": ("interest", "interest_charge"),
    "FEE": ("fee_refund", "fee"),
    "CFEE": ("fee_refund", "fee"),
    "PTC": ("fee_refund", "fee"),
    "DIVFEE": ("fee_refund", "fee"),
    "DIV": ("dividend", "fee"),
    "DIVCGL": ("distribution", "fee"),
    "DIVCGS": ("distribution", "fee"),
    "DIVTXEX": ("dividend", "fee"),
    "DIVROC": ("return_of_capital", "fee"),
    "DIVNRA": ("tax_refund", "tax"),
    "DIVWH": ("tax_refund", "tax"),
    "DIVFT": ("tax_refund", "tax"),
}
_NEED_INSTRUMENT = frozenset({"dividend", "distribution", "return_of_capital"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What the broker has otherwise than we do. ``kind`` is cash, position or activity; ``what`` a currency, a symbol or
    what was booked."""

    kind: str
    what: str
    ours: Decimal
    theirs: Decimal
    instrument_id: int | None = None
    average_price: Decimal = ZERO

    def as_json(self, since: str) -> dict[str, Any]:
        """As it is kept with the connection."""
        return {
            "kind": self.kind,
            "what": self.what,
            "ours": plain(self.ours),
            "theirs": plain(self.theirs),
            "since": since,
        }


def compare(*, connection_id: UUID, clock: Clock, broker: Broker | None = None) -> list[Difference]:
    """Catch up, book what the broker booked beside trades, compare positions and cash, and keep what differs with the
    connection. Raises ``BrokerError``.

    The two books are never read at the same instant: what differs only because something happened in between is gone
    when both are read again.
    """
    portfolio_id = portfolio_of(connection_id)
    if portfolio_id is None:
        return []
    broker = broker or broker_of(BrokerConnection.objects.get(pk=connection_id))
    account, found = _read(connection_id, portfolio_id, broker, clock)
    for _again in range(2):
        if found:
            account, found = _read(connection_id, portfolio_id, broker, clock)
    _keep(connection_id, portfolio_id, account, found, clock())
    return found


def _read(
    connection_id: UUID, portfolio_id: int, broker: Broker, clock: Clock
) -> tuple[RemoteAccount, list[Difference]]:
    catch_up(connection_id=connection_id, clock=clock, broker=broker)
    unread = take_activities(connection_id, portfolio_id, broker, clock)
    account, positions = broker.account(), broker.positions()
    return account, [*_differences(portfolio_id, account, positions), *unread]


def _differences(
    portfolio_id: int, account: RemoteAccount, positions: Iterable[RemotePosition]
) -> list[Difference]:
    row = TradingAccount.objects.select_related("portfolio__owner").get(portfolio_id=portfolio_id)
    found = []
    cash = books.cash_balance(portfolio_id, row.currency)
    theirs = round_money(account.cash, row.currency)
    if cash != theirs:
        found.append(Difference(kind="cash", what=row.currency, ours=cash, theirs=theirs))
    ours = {pk: units for pk, units in books.position_quantities(portfolio_id).items() if units}
    there: dict[int, RemotePosition] = {}
    for position in positions:
        instrument = instrument_at_broker(
            position.symbol, owner=row.portfolio.owner, currency=row.currency, is_crypto=position.is_crypto
        )
        there[instrument.pk] = position
    names = dict(Instrument.objects.filter(pk__in={*ours, *there}).values_list("pk", "symbol"))
    for pk in sorted({*ours, *there}, key=lambda each: names[each]):
        remote = there.get(pk)
        units = ZERO if remote is None else remote.quantity
        if ours.get(pk, ZERO) != units:
            found.append(
                Difference(
                    kind="position",
                    what=names[pk],
                    ours=ours.get(pk, ZERO),
                    theirs=units,
                    instrument_id=pk,
                    average_price=ZERO if remote is None else remote.average_price,
                )
            )
    return found


def _keep(
    connection_id: UUID, portfolio_id: int, account: RemoteAccount, found: list[Difference], now: datetime
) -> None:
    with transaction.atomic():
        desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
        connection = BrokerConnection.objects.select_for_update().get(pk=connection_id)
        since = {(row["kind"], row["what"]): row["since"] for row in connection.differences}
        rows = [each.as_json(since.get((each.kind, each.what), now.isoformat())) for each in found]
        is_new = {(r["kind"], r["what"]) for r in rows} != set(since)
        connection.differences, connection.reconciled_at = rows, now
        connection.figures = figures_of(account, now)
        connection.save(update_fields=["differences", "reconciled_at", "figures"])
        _follow_terms(desk, account, now)
        if is_new:
            announce(portfolio_id, desk.portfolio.owner_id, what="broker_differences", now=now)
    if found and is_new:
        log.warning("broker_differences", connection=str(connection_id), count=len(found))


def _follow_terms(desk: Desk, account: RemoteAccount, now: datetime) -> None:
    """Whether the account may borrow and sell short is what the broker says."""
    multiplier = account.multiplier if account.multiplier in (1, 2, 4) else 1
    may_short = account.may_short and multiplier > 1
    row = desk.account
    if (row.multiplier, row.shorting_enabled) != (multiplier, may_short):
        TradingAccount.objects.filter(pk=row.pk).update(
            multiplier=multiplier, shorting_enabled=may_short, updated_at=now
        )


# --- what the broker booked beside trades ---


def take_activities(connection_id: UUID, portfolio_id: int, broker: Broker, clock: Clock) -> list[Difference]:
    """Book deposits, fees, dividends and interest that are not in our journal yet, each once; returns those that nobody
    can book for the person."""
    connection = BrokerConnection.objects.get(pk=connection_id)
    known = set(connection.known_activities)
    fresh = [
        row
        for row in broker.activities_since((clock() - LOOK_BACK).date())
        if row.id not in known and row.kind != "FILL"
    ]
    unread = take_splits(
        connection_id=connection_id,
        portfolio_id=portfolio_id,
        told=[row for row in fresh if row.kind in SPLIT_KINDS],
        positions=broker.positions,
        now=clock(),
    )
    for activity in fresh:
        if activity.kind in SPLIT_KINDS:
            continue
        with transaction.atomic():
            desk = open_desk(portfolio_id=portfolio_id, actor=None, now=clock())
            row = BrokerConnection.objects.select_for_update().get(pk=connection_id)
            if activity.id in row.known_activities:
                continue
            if not _book(desk, row, activity):
                unread.append(activity)
                continue
            row.known_activities = [*row.known_activities, activity.id][-_KEPT_ACTIVITIES:]
            row.save(update_fields=["known_activities"])
    return [
        Difference(
            kind="activity",
            what=" ".join(filter(None, (each.kind, each.symbol, each.day.isoformat(), each.description)))[
                :200
            ],
            ours=ZERO,
            theirs=each.quantity if each.quantity is not None else each.amount,
        )
        for each in unread
    ]


def _book(desk: Desk, connection: BrokerConnection, activity: RemoteActivity) -> bool:
    entry = _entry(desk, activity)
    if entry is None:
        return activity.kind in _KINDS and not activity.amount and not activity.quantity
    desk.date_after_journal()
    try:
        with transaction.atomic():
            post_account_entry(
                portfolio_id=desk.portfolio.id,
                entry=replace(
                    entry,
                    occurred=desk.now,
                    external_id=f"{connection.broker}:{connection.pk}:{activity.id}"[:200],
                ),
                actor=None,
                now=desk.now,
            )
    except AlreadyPosted:
        return True
    except EntryRefused:
        log.exception("broker_activity_refused", connection=str(connection.pk), kind=activity.kind)
        return False
    return True


def _entry(desk: Desk, activity: RemoteActivity) -> Entry | None:
    """The journal entry of an activity; None for one that has no single meaning."""
    kinds = _KINDS.get(activity.kind)
    if kinds is None:
        return None
    currency = desk.account.currency
    instrument: Instrument | None = None
    if activity.symbol:
        owner = get_user_model().objects.get(pk=desk.portfolio.owner_id)
        instrument = instrument_at_broker(
            activity.symbol, owner=owner, currency=currency, is_crypto=activity.is_crypto
        )
    note = f"{activity.description or activity.kind} ({activity.day.isoformat()}, told by the broker)"[:200]
    if activity.kind == "CFEE" and activity.quantity is not None and activity.quantity < 0:
        if instrument is None or activity.price is None:
            return None
        # Coins taken as a fee: sold for their worth, which is the fee.
        worth = round_money(-activity.quantity * activity.price, currency)
        return Entry(
            type="sell",
            occurred=desk.now,
            instrument_id=instrument.pk,
            quantity=-activity.quantity,
            price=activity.price,
            amount=worth,
            fees=worth,
            note=note,
        )
    amount = round_money(activity.amount, currency)
    if not amount:
        return None
    kind = kinds[0] if amount > 0 else kinds[1]
    if kind in _NEED_INSTRUMENT and instrument is None:
        return None
    return Entry(
        type=kind,
        occurred=desk.now,
        instrument_id=None if instrument is None or kind in ("deposit", "withdrawal") else instrument.pk,
        amount=abs(amount),
        currency=currency,
        note=note,
    )


# --- booking what differs, when the owner says so ---


def correction_entries(found: Iterable[Difference], *, currency: str, now: datetime) -> list[Entry]:
    """The entries that bring our positions and cash to the broker's, each named as a correction."""
    note = "Correction to the broker's books"
    entries = []
    for each in found:
        if each.kind == "position" and each.instrument_id is not None:
            change = each.theirs - each.ours
            price = each.average_price or None
            entries.append(
                Entry(
                    type="delivery_in" if change > 0 else "delivery_out",
                    occurred=now,
                    instrument_id=each.instrument_id,
                    quantity=abs(change),
                    price=price if change > 0 else None,
                    note=f"{note}: they have {plain(each.theirs)}, ours were {plain(each.ours)}",
                )
            )
        elif each.kind == "cash":
            change = each.theirs - each.ours
            entries.append(
                Entry(
                    type="deposit" if change > 0 else "withdrawal",
                    occurred=now,
                    amount=abs(change),
                    currency=currency,
                    note=f"{note}: they have {price_text(each.theirs)}, ours were {price_text(each.ours)}",
                )
            )
    return entries
