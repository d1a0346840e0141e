"""What the page of a trading account shows: its figures, a margin call with what follows, what it paid, and its equity curve."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from holdings import queries as books
from holdings.queries import Movement
from marketdata.models import Instrument
from trading.engine.margin import LIQUIDATION_SHARE, AccountFigures, figures_of
from trading.models import ApiKey, Order, TradingAccount
from trading.queries.accounts import (
    AccountView,
    account_figures,
    account_view,
    current_prices,
    effective_multiplier,
    held_of,
    may_short,
    site_control,
)
from trading.queries.equity import AccountHistory, EquityPoint, daily_pricing, intraday_pricing
from trading.queries.market import NEW_YORK, things_of

ZERO = Decimal(0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: Days a range of the curve reaches back; None: to the beginning.
CURVE_RANGES: dict[str, int | None] = {"1D": 1, "1W": 7, "1M": 31, "3M": 92, "1Y": 366, "All": None}
#: A point every so often within the range of one day.
INTRADAY_STEP = timedelta(minutes=15)
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What the account paid since it began (or began anew), in its currency, each as a positive amount: ``fees`` are
    commissions and regulatory fees of trades, ``interest`` that on debit balances, ``borrowing`` what is booked as fee by
    the day (borrowed shares). ``accrued`` is owed and not booked yet."""

    fees: Decimal = ZERO
    interest: Decimal = ZERO
    borrowing: Decimal = ZERO
    accrued: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All that is booked."""
        return self.fees + self.interest + self.borrowing


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """A trading account as its page shows it. Amounts are in the account's currency."""

    account: AccountView
    figures: AccountFigures
    paid: Paid
    open_orders: int
    live_keys: int

    @property
    def day_change(self) -> Decimal | None:
        """Equity now less equity at the last close of a trading day."""
        return self.figures.equity - self.account.last_equity if self.account.balance_date else None

    @property
    def day_change_fraction(self) -> Decimal | None:
        """The same as a fraction of that equity; None where it is not more than zero."""
        change, before = self.day_change, self.account.last_equity
        return None if change is None or before <= 0 else _EXACT.divide(change, before)

    @property
    def liquidation_equity(self) -> Decimal:
        """Below this equity positions are closed at once, without waiting for the call to fall due."""
        return _EXACT.multiply(self.figures.maintenance_margin, LIQUIDATION_SHARE)

    @property
    def cushion(self) -> Decimal:
        """How far the equity is above the maintenance margin; negative in a call."""
        return self.figures.equity - self.figures.maintenance_margin

    @property
    def borrowed(self) -> Decimal:
        """The debit balance, as a positive amount."""
        return max(-self.figures.cash, ZERO)

    @property
    def held(self) -> Decimal:
        """Buying power and cash that open orders hold."""
        return self.figures.reserved_margin + self.figures.reserved_cash

    @property
    def has_margin(self) -> bool:
        """Whether the account was opened with margin."""
        return self.account.multiplier > 1


def account_page(account: AccountView, *, now: datetime) -> AccountPage:
    """Everything on the page but the curve. Ten statements at most, whatever the account holds; the caller has made sure
    that the person may see it."""
    return AccountPage(
        account=account,
        figures=account_figures(account.portfolio_id, now=now),
        paid=paid_by(books.movements_of(account.portfolio_id), account),
        open_orders=Order.objects.open()
        .filter(portfolio_id=account.portfolio_id, parent__isnull=True)
        .count(),
        live_keys=ApiKey.objects.filter(portfolio_id=account.portfolio_id).live().count(),
    )


def starting_cash_of(portfolio_id: int) -> Decimal:
    """What the account was opened with, or began anew with: its first entry that counts. One statement."""
    movements = books.movements_of(portfolio_id)
    return movements[0].cash if movements else ZERO


def paid_by(movements: Iterable[Movement], account: AccountView) -> Paid:
    """Fees and interest among the entries in the account's currency."""
    fees = interest = borrowing = ZERO
    for entry in movements:
        if entry.currency != account.currency:
            continue
        if entry.type in {"buy", "sell"}:
            fees += entry.costs
        elif entry.type == "interest_charge":
            interest -= entry.cash
        elif entry.type in {"fee", "fee_refund"}:
            borrowing -= entry.cash
    return Paid(fees=fees, interest=interest, borrowing=borrowing, accrued=account.accrued_fees)


def equity_curve(account: AccountView, *, range_code: str, now: datetime) -> list[EquityPoint]:
    """What the account was worth at the end of each New York day of a range (every quarter of an hour for ``1D``), the
    last point now and as the account tells itself. Empty before the first entry. Five statements, one more for each
    instrument for ``1D``."""
    history = AccountHistory(account.portfolio_id, currency=account.currency)
    began = history.began_at
    if began is None:
        return []
    instants = _instants(began, range_code, now=now)
    if range_code == "1D":
        pricing = intraday_pricing(history.instruments, instants[0], now)
    else:
        first = instants[0].astimezone(NEW_YORK).date() - timedelta(days=30)
        pricing = daily_pricing(history.instruments, first, now.astimezone(NEW_YORK).date())
    points = history.curve(instants, pricing)
    equity = account_figures(account.portfolio_id, now=now).equity
    return [*points[:-1], EquityPoint(at=now, equity=equity)]


def _instants(began: datetime, range_code: str, *, now: datetime) -> list[datetime]:
    """Ascending, the last one now. The beginning is one where the range reaches back to it."""
    days = CURVE_RANGES[range_code]
    since = began if days is None else max(began, now - timedelta(days=days))
    found = [since]
    if range_code == "1D":
        at = since + INTRADAY_STEP
        while at < now:
            found.append(at)
            at += INTRADAY_STEP
    else:
        day = since.astimezone(NEW_YORK).date()
        today = now.astimezone(NEW_YORK).date()
        ends = []
        while day < today:
            midnight = datetime.combine(day + timedelta(days=1), time.min, NEW_YORK).astimezone(UTC)
            ends.append(midnight - timedelta(microseconds=1))
            day += timedelta(days=1)
        stride = max(1, -(-len(ends) // _MOST_POINTS))
        found += [at for at in ends[::-1][::stride][::-1] if at > since]
    return [*found, now]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCard:
    """An account in the list of accounts."""

    account: AccountView
    figures: AccountFigures
    positions: int
    open_orders: int

    @property
    def day_change(self) -> Decimal | None:
        """Equity now less equity at the last close."""
        return self.figures.equity - self.account.last_equity if self.account.balance_date else None


def account_cards(
    user: Any, *, now: datetime, portfolio_id: int | None = None, limit: int = 100
) -> list[AccountCard]:
    """The person's accounts (or the one of a portfolio) with their figures, the oldest first; archived ones are left out
    unless asked for by portfolio. Nine statements at most, however
    many accounts there are and whatever they hold."""
    halted = site_control()
    wanted = Q(portfolio__archived_at__isnull=True) if portfolio_id is None else Q(portfolio_id=portfolio_id)
    rows = list(
        TradingAccount.objects.visible_to(user)
        .filter(wanted)
        .select_related("portfolio")
        .order_by("created_at", "portfolio_id")[:limit]
    )
    ids = [row.portfolio_id for row in rows]
    holds = _holds_of_many(ids)
    cash, quantities = books.cash_of_many(ids), books.quantities_of_many(ids)
    instruments = Instrument.objects.in_bulk({pk for units in quantities.values() for pk in units})
    things = things_of(instruments.values())
    prices = current_prices(instruments, now=now)
    cards = []
    for row in rows:
        margin, cash_only, count = holds.get((row.portfolio_id, row.currency), (ZERO, ZERO, 0))
        units = quantities.get(row.portfolio_id, {})
        own = {pk: thing for pk, thing in things.items() if thing.currency == row.currency}
        figures = figures_of(
            cash=cash.get(row.portfolio_id, {}).get(row.currency, ZERO),
            positions=held_of(units, own, prices).values(),
            multiplier=effective_multiplier(row),
            may_short=may_short(row),
            reserved_margin=margin,
            reserved_cash=cash_only,
        )
        cards.append(
            AccountCard(
                account=account_view(row, halted=halted),
                figures=figures,
                positions=len(units),
                open_orders=count,
            )
        )
    return cards


def _holds_of_many(ids: Collection[int]) -> dict[tuple[int, str], tuple[Decimal, Decimal, int]]:
    """(held of the buying power, held of the cash, open orders) by account and currency. One statement."""
    rows = (
        Order.objects.open()
        .filter(portfolio_id__in=ids)
        .values_list("portfolio_id", "currency")
        .annotate(
            of_power=Sum("reserved_cash", filter=Q(reserves_margin=True)),
            of_cash=Sum("reserved_cash", filter=Q(reserves_margin=False)),
            count=Count("id", filter=Q(parent__isnull=True)),
        )
    )
    return {(pk, code): (margin or ZERO, cash or ZERO, count) for pk, code, margin, cash, count in rows}


def visible_account(user: Any, portfolio_id: int) -> AccountView | None:
    """The trading account of a portfolio, if this person may see it: its owner, or an auditor. Two statements."""
    row = (
        TradingAccount.objects.visible_to(user)
        .select_related("portfolio")
        .filter(portfolio_id=portfolio_id)
        .first()
    )
    return None if row is None else account_view(row, halted=site_control())
