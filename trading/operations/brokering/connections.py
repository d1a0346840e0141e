"""What a person does with accounts at brokers: connect, renew keys, switch real money on and off, open, disconnect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from accounts.models import SecurityEvent
from accounts.operations import record
from accounts.origin import NOWHERE, Origin
from accounts.queries import is_auditor
from holdings.operations import lock_portfolio
from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError
from portfolio_site.kernel.money import is_currency
from trading.brokers.alpaca_addresses import BaseUrlRefused
from trading.brokers.base import (
    BrokerError,
    BrokerKeysRefusedError,
    Credentials,
    RemoteAccount,
)
from trading.models import BrokerConnection, BrokerInstruction, ConnectionState, Environment, TradingAccount
from trading.models.brokers import MAX_CONNECTION_NAME
from trading.operations.brokering.handing import UNSAID, withdraw
from trading.operations.brokering.speaking import figures_of, open_broker, sealed
from trading.operations.canceling import cancel_open
from trading.operations.desk import open_desk
from trading.operations.errors import ReadOnlyError

#: Connections of one person that are not ended.
MAX_CONNECTIONS = 10


class BrokerConnectionUnknownError(NotFoundError):
    """No such connection, or not for this person."""

    code = "broker_connection_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such connection.")


class BrokerConnectionRefusedError(DomainError):
    """A connection cannot be as it was asked for; ``field`` says why."""

    code = "broker_connection_refused"


class BrokerAwayError(DomainError):
    """The broker could not be asked, or said no."""

    code = "broker_away"
    status = 503


class BrokerAccountTakenError(ConflictError):
    """That account at the broker is connected already."""

    code = "broker_account_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedKeys:
    """A key pair that opened an account, with what the connection is to be: ready to be kept."""

    name: str
    environment: str
    base_url: str
    credentials: Credentials
    account: RemoteAccount


@sensitive_variables("key_id", "secret", "credentials")
def try_keys(
    *, actor: Any, name: str, environment: str, key_id: str, secret: str, base_url: str = ""
) -> TriedKeys:
    """Ask the broker whether the keys open an account. Nothing is stored or traded; not for inside a transaction.

    Raises ``BrokerConnectionRefusedError`` at a field, ``BrokerAwayError``.
    """
    may_change(actor)
    label = " ".join(name.split())
    if not label or len(label) > MAX_CONNECTION_NAME or not label.isprintable():
        raise BrokerConnectionRefusedError(
            f"Give the connection a name of at most {MAX_CONNECTION_NAME} characters.", field="name"
        )
    if environment not in Environment.values:
        raise BrokerConnectionRefusedError("Choose paper or live.", field="environment")
    if environment == Environment.LIVE and not settings.BROKER_LIVE_TRADING:
        raise BrokerConnectionRefusedError(
            "Trading with real money is switched off on this site.", field="environment"
        )
    credentials = _credentials(key_id, secret)
    account = _tried(credentials, environment=environment, base_url=base_url)
    if not is_currency(account.currency):
        raise BrokerConnectionRefusedError("The account's currency is not known here.", field="key_id")
    return TriedKeys(
        name=label,
        environment=environment,
        base_url=base_url.strip().rstrip("/"),
        credentials=credentials,
        account=account,
    )


def keep_connection(*, actor: Any, tried: TriedKeys, now: datetime, origin: Origin = NOWHERE) -> UUID:
    """Keep what ``try_keys`` found, the keys sealed; returns the connection's id. Raises ``BrokerAccountTakenError``, and
    ``BrokerConnectionRefusedError`` for one connection too many."""
    may_change(actor)
    account = tried.account
    try:
        with transaction.atomic():
            if _of(actor).exclude(state=ConnectionState.DISCONNECTED).count() >= MAX_CONNECTIONS:
                raise BrokerConnectionRefusedError(
                    f"You have {MAX_CONNECTIONS} connections. Disconnect one that you no longer need."
                )
            row = BrokerConnection.objects.create(
                owner=actor,
                name=tried.name,
                environment=tried.environment,
                base_url=tried.base_url,
                credentials=sealed(tried.credentials),
                key_hint=tried.credentials.key_id[-4:],
                remote_account=account.id,
                remote_number=account.number,
                state=ConnectionState.CONNECTED,
                last_sync_at=now,
                figures=figures_of(account, now),
                created_at=now,
            )
            _note(row, "connected", SecurityEvent.Kind.TOKEN_CREATED, actor=actor, now=now, origin=origin)
    except IntegrityError as error:
        if "trading_broker_account_once" not in str(error):
            raise
        raise BrokerAccountTakenError(
            "This account at the broker is connected already. It can be connected once.", field="key_id"
        ) from None
    return row.pk


def connect_broker(*, actor: Any, now: datetime, origin: Origin = NOWHERE, **asked: Any) -> UUID:
    """Try the keys and keep them, in one go. ``asked`` as ``try_keys`` takes it; raises as both parts do."""
    return keep_connection(actor=actor, tried=try_keys(actor=actor, **asked), now=now, origin=origin)


@sensitive_variables("key_id", "secret", "credentials")
def renew_keys(
    *,
    connection_id: UUID,
    actor: Any,
    key_id: str,
    secret: str,
    now: datetime,
    origin: Origin = NOWHERE,
) -> None:
    """Put new keys in the place of the old ones, also of a connection that was ended; they must open the same account.
    Real money has to be switched on anew. Raises as ``connect_broker``, and ``BrokerConnectionUnknownError``."""
    row = own_connection(actor, connection_id)
    credentials = _credentials(key_id, secret)
    account = _tried(credentials, environment=row.environment, base_url=row.base_url)
    if account.id != row.remote_account:
        raise BrokerConnectionRefusedError(
            "These keys open another account. Make another connection for it.", field="key_id"
        )
    try:
        with transaction.atomic():
            row = locked_connection(actor, connection_id)
            row.credentials, row.key_hint = sealed(credentials), credentials.key_id[-4:]
            row.state, row.failing_since, row.last_error = ConnectionState.CONNECTED, None, ""
            row.disconnected_at, row.last_sync_at, row.live_enabled_at = None, now, None
            row.figures = figures_of(account, now)
            row.save()
            _note(row, "keys renewed", SecurityEvent.Kind.TOKEN_CREATED, actor=actor, now=now, origin=origin)
    except IntegrityError as error:
        if "trading_broker_account_once" not in str(error):
            raise
        raise BrokerAccountTakenError(
            "This account is connected by another connection.", field="key_id"
        ) from None


def enable_live(
    *, connection_id: UUID, actor: Any, typed: str, now: datetime, origin: Origin = NOWHERE
) -> None:
    """Let orders with real money leave the house: only when the owner has typed the account's number. Raises
    ``BrokerConnectionRefusedError``, ``BrokerConnectionUnknownError``."""
    with transaction.atomic():
        row = locked_connection(actor, connection_id)
        if not row.is_live or row.is_ended:
            raise BrokerConnectionRefusedError("This connection is not for real money.", field="typed")
        if not settings.BROKER_LIVE_TRADING:
            raise BrokerConnectionRefusedError("Trading with real money is switched off on this site.")
        if typed.strip() != row.remote_number or not row.remote_number:
            raise BrokerConnectionRefusedError(
                "Type the account number exactly as it is shown, to say that real money may be traded.",
                field="typed",
            )
        row.live_enabled_at = now
        row.save(update_fields=["live_enabled_at"])
        _note(
            row,
            "real money switched on",
            SecurityEvent.Kind.TOKEN_CREATED,
            actor=actor,
            now=now,
            origin=origin,
        )


def disable_live(*, connection_id: UUID, actor: Any, now: datetime, origin: Origin = NOWHERE) -> None:
    """The kill switch of real money: from this moment no new order leaves the house, and what waits to be sent is taken
    back. What the broker has already is asked to be canceled."""
    with transaction.atomic():
        row = locked_connection(actor, connection_id)
        row.live_enabled_at = None
        row.save(update_fields=["live_enabled_at"])
        _note(
            row,
            "real money switched off",
            SecurityEvent.Kind.TOKEN_REVOKED,
            actor=actor,
            now=now,
            origin=origin,
        )
        _cancel_everything(row, now, "Cancelled: trading with real money was switched off.")


def pause_connection(
    *, connection_id: UUID, actor: Any, on: bool, now: datetime, origin: Origin = NOWHERE
) -> None:
    """Let no new order leave for a broker (``on``), or let them go on. What was not sent yet is taken back; what is open at the
    broker stays there, can be cancelled, and its fills are booked as before. Raises ``BrokerConnectionRefusedError``,
    ``BrokerConnectionUnknownError``."""
    with transaction.atomic():
        row = locked_connection(actor, connection_id)
        if row.is_ended:
            raise BrokerConnectionRefusedError("This connection has ended. Enter its keys again first.")
        if (row.paused_at is not None) == on:
            return
        row.paused_at = now if on else None
        row.save(update_fields=["paused_at"])
        kind = SecurityEvent.Kind.TOKEN_REVOKED if on else SecurityEvent.Kind.TOKEN_CREATED
        _note(row, "paused" if on else "goes on", kind, actor=actor, now=now, origin=origin)


def disconnect_broker(*, connection_id: UUID, actor: Any, now: datetime, origin: Origin = NOWHERE) -> None:
    """Forget the keys. What was not sent is taken back; orders that the broker has stay there and are not followed any
    more. The portfolio stays to be read."""
    with transaction.atomic():
        row = locked_connection(actor, connection_id)
        if row.is_ended:
            return
        _withdraw_unsent(row, now)
        row.credentials, row.state, row.disconnected_at = "", ConnectionState.DISCONNECTED, now
        row.live_enabled_at = row.failing_since = row.paused_at = None
        row.last_error = ""
        row.save()
        _note(row, "disconnected", SecurityEvent.Kind.TOKEN_REVOKED, actor=actor, now=now, origin=origin)


# --- parts ---


def may_change(actor: Any) -> None:
    """Raise ``ReadOnlyError`` for an auditor."""
    if is_auditor(actor):
        raise ReadOnlyError


def _of(actor: Any) -> Any:
    return BrokerConnection.objects.filter(owner_id=actor.pk)


def own_connection(actor: Any, connection_id: UUID) -> BrokerConnection:
    """A connection of the actor. Raises ``BrokerConnectionUnknownError``, ``ReadOnlyError``."""
    found: BrokerConnection | None = _of(actor).filter(pk=connection_id).first()
    if found is None:
        raise BrokerConnectionUnknownError
    may_change(actor)
    return found


def locked_connection(actor: Any, connection_id: UUID) -> BrokerConnection:
    """The connection, locked after the portfolio that is bound to it."""
    portfolio_id = (
        TradingAccount.objects.filter(broker_connection_id=connection_id)
        .values_list("portfolio_id", flat=True)
        .first()
    )
    own_connection(actor, connection_id)
    if portfolio_id is not None:
        lock_portfolio(portfolio_id)
    return BrokerConnection.objects.select_for_update().get(pk=connection_id)


@sensitive_variables("key_id", "secret", "value")
def _credentials(key_id: str, secret: str) -> Credentials:
    for field, value in (("key_id", key_id), ("secret", secret)):
        if (
            not 8 <= len(value.strip()) <= 200
            or not value.strip().isascii()
            or not value.strip().isprintable()
        ):
            raise BrokerConnectionRefusedError("That is not a key.", field=field)
    return Credentials(key_id=key_id.strip(), secret=secret.strip())


def _tried(credentials: Credentials, *, environment: str, base_url: str) -> RemoteAccount:
    """The account that the keys open."""
    try:
        return open_broker(credentials, environment=environment, base_url=base_url).account()
    except BaseUrlRefused as error:
        raise BrokerConnectionRefusedError(str(error), field="base_url") from None
    except BrokerKeysRefusedError:
        raise BrokerConnectionRefusedError(
            "The broker refuses these keys. Are they of this environment (paper or live)?", field="key_id"
        ) from None
    except BrokerError as error:
        raise BrokerAwayError(f"The keys could not be tried. {error}") from None


def _cancel_everything(row: BrokerConnection, now: datetime, text: str) -> None:
    portfolio_id = (
        TradingAccount.objects.filter(broker_connection=row).values_list("portfolio_id", flat=True).first()
    )
    if portfolio_id is not None:
        cancel_open(open_desk(portfolio_id=portfolio_id, actor=None, now=now), text=text)


def _withdraw_unsent(row: BrokerConnection, now: datetime) -> None:
    """Take back what never left; an order that may have arrived is asked to be cancelled for as long as there are keys."""
    portfolio_id = (
        TradingAccount.objects.filter(broker_connection=row).values_list("portfolio_id", flat=True).first()
    )
    if portfolio_id is None:
        return
    unsure = BrokerInstruction.objects.filter(
        connection=row, kind="submit", state__in=UNSAID, attempts__gt=0
    ).exists()
    if unsure:
        raise BrokerConnectionRefusedError(
            "An order is on its way to the broker, and it is not known yet whether it arrived. Try again in a minute."
        )
    desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
    waiting = BrokerInstruction.objects.filter(connection=row, kind="submit", state__in=UNSAID)
    for instruction in waiting.order_by("pk"):
        desk.load(Q(pk=instruction.order_id))
        withdraw(
            desk,
            instruction,
            desk.orders[instruction.order_id],
            text="Cancelled before it was sent: the account was disconnected.",
            code="broker_disconnected",
        )
    desk.save()


def _note(
    row: BrokerConnection, what: str, kind: SecurityEvent.Kind, *, actor: Any, now: datetime, origin: Origin
) -> None:
    record(
        user_id=row.owner_id,
        kind=kind,
        now=now,
        actor_id=actor.pk,
        detail=f"Broker connection {row.name} ({row.environment}, key …{row.key_hint}): {what}",
        origin=origin,
    )
