"""Margin calls: raised when the equity falls below the maintenance margin, met or liquidated (docs/trading-rules.md).

A call is due at the end of the next New York session. Overdue, or with less than half of what has to be there, the account is
liquidated: its open orders are canceled and positions closed, the one that ties up most first, until the equity suffices.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import next_exchange_session
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish
from trading import events
from trading.engine.margin import AccountFigures, Held, figures_of, maintenance_requirement, must_liquidate
from trading.engine.terms import Terms
from trading.engine.types import OrderType, Side, TimeInForce
from trading.models import Order, TradingAccount
from trading.operations.canceling import cancel_open
from trading.operations.charging import DAY_EXCHANGE
from trading.operations.corporate_actions import apply_splits_lately
from trading.operations.desk import Desk, open_desk
from trading.operations.paper_accounts import announce
from trading.operations.placing import take
from trading.queries.accounts import effective_multiplier, held_positions
from trading.queries.assessment import assess

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
#: A call has no session to wait for where no calendar is known.
GRACE = timedelta(days=1)
LIQUIDATION = "liquidation"


def watch_margins(*, now: datetime) -> int:
    """Raise, renew, lift and enforce margin calls of all accounts that owe; returns how many are in a call now."""
    owing = books.portfolios_that_owe()
    in_call = TradingAccount.objects.filter(margin_call_at__isnull=False).values_list(
        "portfolio_id", flat=True
    )
    wanted = sorted({*owing, *in_call})
    if wanted:
        # New prices on old units look like a disaster that is none.
        apply_splits_lately(now=now)
    calls = 0
    for portfolio_id in wanted:
        try:
            with transaction.atomic():
                calls += _watch(open_desk(portfolio_id=portfolio_id, actor=None, now=now))
        except (DatabaseError, DomainError):
            log.exception("margin_watch_failed", portfolio_id=portfolio_id)
    return calls


def _watch(desk: Desk) -> bool:
    account = desk.account
    # A broker calls for margin itself.
    if account.multiplier == 1 or desk.portfolio.is_archived or account.broker_connection_id is not None:
        return False
    figures = _figures(desk)
    if not figures.margin_deficit:
        if account.margin_call_at is not None:
            _keep_call(desk, since=None, amount=ZERO)
            announce(desk.portfolio.id, desk.portfolio.owner_id, what="margin_call_met", now=desk.now)
        return False
    since = account.margin_call_at or desk.now
    if account.margin_call_at is None:
        _tell(desk, figures)
    _keep_call(desk, since=since, amount=figures.margin_deficit)
    overdue = desk.now >= call_due_at(since)
    if must_liquidate(equity=figures.equity, maintenance=figures.maintenance_margin, is_overdue=overdue):
        _liquidate(desk)
        if not _figures(desk).margin_deficit:
            _keep_call(desk, since=None, amount=ZERO)
            announce(desk.portfolio.id, desk.portfolio.owner_id, what="margin_call_met", now=desk.now)
            return False
    return True


def call_due_at(since: datetime) -> datetime:
    """When a call that was raised ``since`` has to be met: the end of the next session."""
    session = next_exchange_session(DAY_EXCHANGE, since)
    return since + GRACE if session is None else session.closes_at


def _figures(desk: Desk) -> AccountFigures:
    account = desk.account
    return figures_of(
        cash=books.cash_balance(desk.portfolio.id, account.currency),
        positions=held_positions(account, now=desk.now),
        multiplier=effective_multiplier(account),
    )


def _keep_call(desk: Desk, *, since: datetime | None, amount: Decimal) -> None:
    account = desk.account
    account.margin_call_at = since
    account.margin_call_amount = amount.quantize(Decimal("0.00000001"))
    account.updated_at = desk.now
    account.save(update_fields=["margin_call_at", "margin_call_amount", "updated_at"])


def _tell(desk: Desk, figures: AccountFigures) -> None:
    publish(
        events.MarginCalled(
            portfolio_id=desk.portfolio.id,
            user_id=desk.portfolio.owner_id,
            account_number=desk.account.account_number,
            amount=figures.margin_deficit,
            equity=figures.equity,
            maintenance_margin=figures.maintenance_margin,
            currency=desk.account.currency,
            due_at=call_due_at(desk.now),
            at=desk.now,
        ),
        stream=events.stream_of(desk.portfolio.id),
    )


def _liquidate(desk: Desk) -> None:
    """Cancel what is open, then close positions until the equity suffices. What cannot trade now is left for the next
    pass."""
    cancel_open(desk, text="Cancelled: the account is being liquidated.", code=LIQUIDATION)
    desk.actor = get_user_model()._default_manager.get(pk=desk.portfolio.owner_id)
    for instrument, quantity in _by_weight(desk):
        if not _figures(desk).margin_deficit:
            return
        _close(desk, instrument, quantity)


def _by_weight(desk: Desk) -> list[tuple[Instrument, Decimal]]:
    """Positions, the one that ties up most equity first."""
    quantities = books.position_quantities(desk.portfolio.id)
    instruments = {
        thing.pk: thing
        for thing in Instrument.objects.filter(pk__in=quantities, currency=desk.account.currency)
    }
    desk.load_markets(instruments)

    def tied_up(pk: int) -> Decimal:
        market = desk.markets[pk]
        price = ZERO if market.quote is None else market.quote.last
        return maintenance_requirement(
            Held(
                quantity=quantities[pk],
                price=price,
                value_factor=market.thing.value_factor,
                is_marginable=market.thing.is_marginable,
                maintenance_rate=market.thing.maintenance_rate,
            )
        )

    ranked = sorted(instruments, key=lambda pk: (-tied_up(pk), pk))
    return [(instruments[pk], quantities[pk]) for pk in ranked]


def _close(desk: Desk, instrument: Instrument, quantity: Decimal) -> Order | None:
    """Close one position at the market; None where it cannot trade at the moment."""
    market = desk.markets[instrument.pk]
    tick = market.tick()
    if not market.is_open or tick is None or tick.is_stale:
        return None
    is_crypto = market.thing.kind == "crypto"
    terms = Terms(
        side=Side.SELL if quantity > 0 else Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC if is_crypto else TimeInForce.DAY,
        quantity=abs(quantity),
    )
    holds = desk.holds(currency=instrument.currency, instrument_id=instrument.pk)
    assessment = assess(
        account=desk.account,
        market=market,
        terms=terms,
        holds=holds,
        now=desk.now,
        position=quantity,
        is_forced=True,
    )
    if assessment.refusal is not None:
        log.warning(
            "liquidation_refused",
            portfolio_id=desk.portfolio.id,
            instrument_id=instrument.pk,
            code=assessment.refusal.code,
        )
        return None
    order = take(desk, assessment, client_order_id=str(uuid.uuid4()), origin=LIQUIDATION)
    desk.save()
    return order
