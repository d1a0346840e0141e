"""What accounts are charged by the day: margin interest and borrow fees. And the figures of the day they end with.

Charges accrue on what is owed when a day (UTC) is over, at the account's and the instruments' yearly rates divided by 360;
whole cents are booked, fractions are carried. A day is charged once, whoever asks how often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q

from holdings import queries as books
from holdings.operations import Entry, post_account_entry
from marketdata.models import Instrument
from marketdata.queries import exchange_sessions
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.money import minor_digits
from trading.engine.margin import daily_charge, figures_of
from trading.models import TradingAccount
from trading.operations.desk import Desk, open_desk
from trading.queries.accounts import current_prices, effective_multiplier, held_positions
from trading.queries.market import NEW_YORK, things_of

log = structlog.get_logger(__name__)
ZERO = Decimal(0)
#: Whose close ends the day of an account.
DAY_EXCHANGE = "XNYS"


def accrue_charges(*, now: datetime) -> int:
    """Charge the days that are over to every account that owes; returns how many accounts were charged.

    Safe to run at any time and twice: the day up to which an account is charged is kept with it.
    """
    today = now.astimezone(UTC).date()
    owing = books.portfolios_that_owe()
    TradingAccount.objects.filter(Q(accrued_until__lt=today) | Q(accrued_until__isnull=True)).exclude(
        portfolio_id__in=owing
    ).update(accrued_until=today)
    due = TradingAccount.objects.filter(portfolio_id__in=owing).exclude(accrued_until__gte=today)
    return _each(
        due.order_by("portfolio_id").values_list("portfolio_id", flat=True), "charging", _charge, now
    )


def _each(portfolio_ids: Iterable[int], what: str, work: Callable[[Desk], bool], now: datetime) -> int:
    """Do something under each portfolio's lock; one that fails is logged and tried again by the next pass."""
    done = 0
    for portfolio_id in list(portfolio_ids):
        try:
            with transaction.atomic():
                desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
                done += work(desk)
        except (DatabaseError, DomainError):
            log.exception("account_keeping_failed", what=what, portfolio_id=portfolio_id)
    return done


def _charge(desk: Desk) -> bool:
    account, today = desk.account, desk.now.astimezone(UTC).date()
    since = account.accrued_until or _begun(desk, today)
    days = (today - since).days
    # A broker charges by itself, and tells what it took.
    if days <= 0 or desk.portfolio.is_archived or account.broker_connection_id is not None:
        return False
    debit = -books.cash_balance(desk.portfolio.id, account.currency)
    account.accrued_interest += daily_charge(debit, account.margin_rate) * days
    account.accrued_borrow_fees += _borrow_charge(account, now=desk.now) * days
    account.accrued_interest -= _book(
        desk, "interest_charge", account.accrued_interest, f"Margin interest for {_span(since, today)}", today
    )
    account.accrued_borrow_fees -= _book(
        desk, "fee", account.accrued_borrow_fees, f"Borrow fee for {_span(since, today)}", today
    )
    account.accrued_until, account.updated_at = today, desk.now
    account.save(update_fields=["accrued_interest", "accrued_borrow_fees", "accrued_until", "updated_at"])
    return True


def _begun(desk: Desk, today: date) -> date:
    """The day on which the account began, or began anew: nothing is owed for the days before."""
    begun = books.journal_begins_at(desk.portfolio.id)
    return today if begun is None else begun.astimezone(UTC).date()


def _span(since: date, today: date) -> str:
    last = today - timedelta(days=1)
    return since.isoformat() if since >= last else f"{since.isoformat()} to {last.isoformat()}"


def _borrow_charge(account: TradingAccount, *, now: datetime) -> Decimal:
    """A day's fee for the shares that are borrowed: each short position at its own rate, or the account's."""
    shorts = {pk: units for pk, units in books.position_quantities(account.portfolio_id).items() if units < 0}
    if not shorts:
        return ZERO
    things = things_of(Instrument.objects.filter(pk__in=shorts))
    prices = current_prices(shorts, now=now)
    total = ZERO
    for pk, units in shorts.items():
        thing = things[pk]
        rate = account.borrow_rate if thing.borrow_rate is None else thing.borrow_rate
        total += daily_charge(-units * prices.get(pk, ZERO) * thing.value_factor, rate)
    return total


def _book(desk: Desk, kind: str, accrued: Decimal, note: str, today: date) -> Decimal:
    """Book the whole cents of what has accrued; returns them."""
    cent = Decimal(1).scaleb(-minor_digits(desk.account.currency))
    whole = accrued.quantize(cent, rounding=ROUND_DOWN)
    if whole <= 0:
        return ZERO
    desk.date_after_journal()
    post_account_entry(
        portfolio_id=desk.portfolio.id,
        entry=Entry(
            type=kind,
            occurred=desk.now,
            amount=whole,
            currency=desk.account.currency,
            note=note,
            external_id=f"{kind}:{today.isoformat()}",
        ),
        actor=None,
        now=desk.now,
    )
    return whole


def close_trading_day(*, now: datetime) -> int:
    """Keep equity and maintenance margin of every account as they are at the end of the trading day; returns how many.

    The day ends with the New York session. Safe to run at any time: a day is kept once.
    """
    day = _last_closed_day(now)
    if day is None:
        return 0
    due = TradingAccount.objects.filter(Q(balance_date__lt=day) | Q(balance_date__isnull=True))

    def keep(desk: Desk) -> bool:
        account = desk.account
        if account.balance_date is not None and account.balance_date >= day:
            return False
        figures = figures_of(
            cash=books.cash_balance(desk.portfolio.id, account.currency),
            positions=held_positions(account, now=now),
            multiplier=effective_multiplier(account),
        )
        account.last_equity = figures.equity.quantize(Decimal("0.00000001"))
        account.last_maintenance_margin = figures.maintenance_margin.quantize(Decimal("0.00000001"))
        account.balance_date, account.updated_at = day, now
        account.save(update_fields=["last_equity", "last_maintenance_margin", "balance_date", "updated_at"])
        return True

    return _each(due.order_by("portfolio_id").values_list("portfolio_id", flat=True), "day_close", keep, now)


def _last_closed_day(now: datetime) -> date | None:
    local = now.astimezone(NEW_YORK).date()
    sessions = exchange_sessions(DAY_EXCHANGE, local - timedelta(days=7), local)
    closed = [session.day for session in sessions if session.closes_at <= now]
    return closed[-1] if closed else None
