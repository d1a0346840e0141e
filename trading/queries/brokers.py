"""Accounts at brokers, as their owners see them: never a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from trading.models import (
    BrokerConnection,
    BrokerInstruction,
    BrokerOrder,
    InstructionState,
    Order,
    TradingAccount,
)

_UNSAID = (InstructionState.WAITING, InstructionState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDifference:
    """What the broker has otherwise than we do, and since when."""

    kind: str
    what: str
    ours: str
    theirs: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection. ``key_hint`` is the end of its key id; nothing else of the keys is ever told. ``figures`` are the
    broker's own (cash, equity, buying_power, currency, status), as texts. ``portfolio_id`` is None until a portfolio is
    opened for it, ``waiting`` what is still to be said to the broker."""

    id: UUID
    owner_id: int
    name: str
    broker: str
    environment: str
    base_url: str
    key_hint: str
    account_number: str
    state: str
    state_words: str
    failing_since: datetime | None
    last_error: str
    is_live: bool
    live_enabled_at: datetime | None
    is_live_allowed: bool
    paused_at: datetime | None
    is_ended: bool
    last_sync_at: datetime | None
    reconciled_at: datetime | None
    figures: dict[str, Any]
    differences: tuple[BrokerDifference, ...]
    created_at: datetime
    disconnected_at: datetime | None
    portfolio_id: int | None
    portfolio_name: str
    waiting: int

    @property
    def is_failing(self) -> bool:
        """Whether the broker cannot be asked at the moment."""
        return self.state in ("failing", "refused")

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why an order would not be taken or filled there at the moment, as far as is known without asking: for people,
        before they fill a ticket in."""
        found = []
        if self.is_ended:
            found.append("This account is no longer connected to its broker. Connect it again first.")
        elif self.is_live and not self.is_live_allowed:
            found.append("Trading with real money is switched off on this site.")
        elif self.is_live and self.live_enabled_at is None:
            found.append("This account is for real money, and you have not switched that on.")
        if self.paused_at is not None:
            found.append("You have paused this connection: no new order leaves until you let it go on.")
        if self.is_failing and not self.is_ended:
            found.append(f"{self.last_error} An order waits here until the broker can be asked again.")
        if self.figures.get("is_blocked"):
            found.append("The broker has blocked this account: it takes no orders for it.")
        elif self.figures and self.figures.get("status", "ACTIVE").upper() != "ACTIVE":
            found.append(
                f"At the broker this account is {self.figures['status'].lower().replace('_', ' ')}, and not active."
            )
        return tuple(found)

    @property
    def figures_at(self) -> datetime | None:
        """When the broker told its figures."""
        return datetime.fromisoformat(self.figures["at"]) if self.figures else None

    @property
    def badge(self) -> str:
        """The badge of whose money it is."""
        return "live_money" if self.is_live else "broker_paper"


def broker_connections_of(user: Any) -> list[ConnectionView]:
    """The connections ``user`` may see, those in use first. Three statements, however many there are."""
    rows = BrokerConnection.objects.visible_to(user).order_by("disconnected_at", "created_at", "pk")
    return _views(rows)


def broker_connection(user: Any, connection_id: UUID) -> ConnectionView | None:
    """One of them; None for one that ``user`` may not see. Three statements."""
    found = _views(BrokerConnection.objects.visible_to(user).filter(pk=connection_id))
    return found[0] if found else None


def _views(rows: Any) -> list[ConnectionView]:
    found = list(rows.defer("credentials", "known_activities"))
    accounts = {
        row.broker_connection_id: row
        for row in TradingAccount.objects.filter(broker_connection__in=found).select_related("portfolio")
    }
    waiting = dict(
        BrokerInstruction.objects.filter(connection__in=found, state__in=_UNSAID)
        .values_list("connection_id")
        .annotate(Count("pk"))
    )
    return [_view(row, accounts.get(row.pk), waiting.get(row.pk, 0)) for row in found]


def _view(row: BrokerConnection, account: TradingAccount | None, waiting: int) -> ConnectionView:
    return ConnectionView(
        id=row.pk,
        owner_id=row.owner_id,
        name=row.name,
        broker=row.broker,
        environment=row.environment,
        base_url=row.base_url,
        key_hint=row.key_hint,
        account_number=row.remote_number,
        state=row.state,
        state_words=row.get_state_display(),
        failing_since=row.failing_since,
        last_error=row.last_error,
        is_live=row.is_live,
        live_enabled_at=row.live_enabled_at,
        is_live_allowed=settings.BROKER_LIVE_TRADING,
        paused_at=row.paused_at,
        is_ended=row.is_ended,
        last_sync_at=row.last_sync_at,
        reconciled_at=row.reconciled_at,
        figures=row.figures,
        differences=tuple(
            BrokerDifference(
                kind=each["kind"],
                what=each["what"],
                ours=each["ours"],
                theirs=each["theirs"],
                since=datetime.fromisoformat(each["since"]),
            )
            for each in row.differences
        ),
        created_at=row.created_at,
        disconnected_at=row.disconnected_at,
        portfolio_id=None if account is None else account.portfolio_id,
        portfolio_name="" if account is None else account.portfolio.name,
        waiting=waiting,
    )


def badges_of(portfolio_ids: Iterable[int]) -> dict[int, str]:
    """The badge of each of the portfolios that is at a broker: whose money it is. One statement."""
    rows = TradingAccount.objects.filter(
        portfolio_id__in=list(portfolio_ids), broker_connection__isnull=False
    ).values_list("portfolio_id", "broker_connection__environment")
    return {pk: "live_money" if environment == "live" else "broker_paper" for pk, environment in rows}


def sentences_at_brokers(orders: Iterable[Order]) -> dict[UUID, str]:
    """Why each of the open orders that a broker executes is still open. Orders of the simulated exchange are left out.
    Two statements where there are any, none where every order rests at the simulated exchange."""
    wanted = [order.pk for order in orders]
    if not wanted:
        return {}
    links = {
        row.order_id: row for row in BrokerOrder.objects.filter(order__in=wanted).select_related("connection")
    }
    if not links:
        return {}
    unsaid = {
        row.order_id: row
        for row in BrokerInstruction.objects.filter(
            Q(order__in=links) | Q(successor__in=links), state__in=_UNSAID
        ).order_by("-pk")
    }
    return {pk: _sentence(link, unsaid.get(pk)) for pk, link in links.items()}


def _sentence(link: BrokerOrder, unsaid: BrokerInstruction | None) -> str:
    name = link.connection.name
    if unsaid is not None and unsaid.kind == "submit":
        trouble = f" {unsaid.error}" if unsaid.error else ""
        if unsaid.attempts and unsaid.state == InstructionState.WAITING:
            return (
                f"Sent to {name}, which has not answered.{trouble} It is asked before anything is sent again."
            )
        return f"Waiting to be sent to {name}.{trouble} You can still cancel it."
    if unsaid is not None:
        return f"Waiting to tell {name} to {unsaid.kind} it. {unsaid.error}".strip()
    if not link.remote_id:
        return f"With {name}, as part of its group."
    return f"With {name}, where it is {link.status.replace('_', ' ') or 'on its way'}."
