"""Trading accounts: who has which, and their figures (equity, margins, buying powers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, Sum

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import closes_on, latest_quotes
from trading.engine.fees import FeeModel, parse_fee_model
from trading.engine.liquidity import FillModel
from trading.engine.margin import AccountFigures, Held, figures_of
from trading.engine.rules_account import Limits
from trading.engine.terms import Tradable
from trading.models import Order, SiteControl, TradingAccount
from trading.queries.market import things_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the owner of an account chooses. ``trade_confirm_email`` is all or none."""

    fractional_trading: bool
    max_margin_multiplier: int
    no_shorting: bool
    suspend_trade: bool
    trade_confirm_email: str
    ptp_no_exception_entry: bool
    max_options_trading_level: int | None
    disable_overnight_trading: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """A trading account. ``multiplier`` is what it was opened with, ``effective_multiplier`` that less what the owner allows.

    ``fee_schedule`` is the tariff in force, ``own_fee_schedule`` the account's own (empty: the site's).
    With a ``broker_connection_id`` orders are that broker's to execute. ``is_blocked`` is the account's kill switch,
    ``is_site_halted`` the site's; under either no new order is taken.
    """

    id: UUID
    portfolio_id: int
    owner_id: int
    name: str
    account_number: str
    currency: str
    multiplier: int
    effective_multiplier: int
    shorting_enabled: bool
    configuration: Configuration
    fill_model: FillModel
    fee_schedule: str
    own_fee_schedule: str
    limits: Limits
    margin_rate: Decimal
    borrow_rate: Decimal
    is_blocked: bool
    blocked_reason: str
    blocked_at: datetime | None
    is_site_halted: bool
    site_reason: str
    is_closed: bool
    last_equity: Decimal
    last_maintenance_margin: Decimal
    balance_date: date | None
    accrued_fees: Decimal
    margin_call_at: datetime | None
    margin_call_amount: Decimal
    created_at: datetime
    reset_at: datetime | None
    broker_connection_id: UUID | None = None


def effective_multiplier(account: TradingAccount) -> int:
    """What the account was opened with, less what its owner allows."""
    return min(account.multiplier, account.max_margin_multiplier)


def may_short(account: TradingAccount) -> bool:
    """Whether it was opened for short selling and its owner allows it; equity decides the rest."""
    return account.shorting_enabled and not account.no_shorting and effective_multiplier(account) > 1


def configuration_of(account: TradingAccount) -> Configuration:
    """The owner's choices."""
    return Configuration(
        fractional_trading=account.fractional_trading,
        max_margin_multiplier=account.max_margin_multiplier,
        no_shorting=account.no_shorting,
        suspend_trade=account.suspend_trade,
        trade_confirm_email=account.trade_confirm_email,
        ptp_no_exception_entry=account.ptp_no_exception_entry,
        max_options_trading_level=account.max_options_trading_level,
        disable_overnight_trading=account.disable_overnight_trading,
    )


def fill_model_of(account: TradingAccount) -> FillModel:
    """How the account's orders are treated by the simulated exchange."""
    return FillModel(
        seed=account.model_seed,
        slippage_bps=account.slippage_bps,
        latency_ms=account.latency_ms,
        participation=account.participation,
        price_improvement=account.price_improvement,
    )


def limits_of(account: TradingAccount) -> Limits:
    """What the account limits itself to."""
    return Limits(
        max_order_notional=account.max_order_notional,
        max_order_quantity=account.max_order_quantity,
        max_position_notional=account.max_position_notional,
        max_open_orders=account.max_open_orders,
        price_collar=account.price_collar,
    )


@lru_cache(maxsize=64)
def _parsed(text: str) -> FeeModel:
    return parse_fee_model(text)


def fee_model_of(account: TradingAccount | None = None) -> FeeModel:
    """The tariff of an account; without one of its own, the site's (setting ``TRADING_FEE_MODEL``)."""
    schedule = "" if account is None else account.fee_schedule
    return _parsed(schedule or settings.TRADING_FEE_MODEL)


def site_control() -> tuple[bool, str]:
    """Whether trading is halted for the whole site, and why. One statement."""
    row = SiteControl.objects.filter(pk=1).values_list("is_halted", "reason").first()
    return (False, "") if row is None else row


def halted_because(
    account: TradingAccount | AccountView, *, site: tuple[bool, str]
) -> tuple[str, str] | None:
    """(code, sentence) of what stops every new order of an account: the site's kill switch, its own, or its owner; None when
    orders are taken. Cancels are never stopped. ``site`` is what ``site_control`` answers. No statement."""
    if isinstance(account, AccountView):
        is_blocked, suspended = account.is_blocked, account.configuration.suspend_trade
    else:
        is_blocked, suspended = account.trading_blocked, account.suspend_trade
    if site[0]:
        return "site_halted", _because("Trading is halted for the whole site at the moment.", site[1])
    if is_blocked:
        return "account_blocked", _because("Trading is halted for this account.", account.blocked_reason)
    if suspended:
        return (
            "trading_suspended",
            "You have suspended trading in this account's configuration. Cancels still work.",
        )
    return None


def _because(sentence: str, reason: str) -> str:
    return f"{sentence} {reason}" if reason else sentence


def account_of(portfolio_id: int) -> AccountView | None:
    """The trading account of a portfolio; None for one that has none. Two statements."""
    return _view(TradingAccount.objects.filter(portfolio_id=portfolio_id))


def account_by_id(account_id: UUID) -> AccountView | None:
    """The account with that id. Two statements."""
    return _view(TradingAccount.objects.filter(pk=account_id))


def accounts_for(user: Any) -> list[AccountView]:
    """The accounts ``user`` may see, the oldest first. Two statements."""
    halted = site_control()
    rows = (
        TradingAccount.objects.visible_to(user)
        .select_related("portfolio")
        .order_by("created_at", "portfolio_id")
    )
    return [account_view(row, halted=halted) for row in rows]


def _view(rows: Any) -> AccountView | None:
    row = rows.select_related("portfolio").first()
    return None if row is None else account_view(row, halted=site_control())


def account_view(account: TradingAccount, *, halted: tuple[bool, str]) -> AccountView:
    """The value of a row whose portfolio was selected along."""
    portfolio = account.portfolio
    return AccountView(
        id=account.pk,
        portfolio_id=account.portfolio_id,
        owner_id=portfolio.owner_id,
        name=portfolio.name,
        account_number=account.account_number,
        currency=account.currency,
        multiplier=account.multiplier,
        effective_multiplier=effective_multiplier(account),
        shorting_enabled=may_short(account),
        configuration=configuration_of(account),
        fill_model=fill_model_of(account),
        fee_schedule=account.fee_schedule or settings.TRADING_FEE_MODEL,
        own_fee_schedule=account.fee_schedule,
        limits=limits_of(account),
        margin_rate=account.margin_rate,
        borrow_rate=account.borrow_rate,
        is_blocked=account.trading_blocked,
        blocked_reason=account.blocked_reason,
        blocked_at=account.blocked_at,
        is_site_halted=halted[0],
        site_reason=halted[1],
        is_closed=portfolio.archived_at is not None,
        last_equity=account.last_equity,
        last_maintenance_margin=account.last_maintenance_margin,
        balance_date=account.balance_date,
        accrued_fees=account.accrued_interest + account.accrued_borrow_fees,
        margin_call_at=account.margin_call_at,
        margin_call_amount=account.margin_call_amount,
        created_at=account.created_at,
        reset_at=account.reset_at,
        broker_connection_id=account.broker_connection_id,
    )


def account_figures(portfolio_id: int, *, now: datetime) -> AccountFigures:
    """Equity, margins and buying powers of an account, in its currency. Six statements, whatever it holds.

    Raises ``LookupError`` for a portfolio without a trading account.
    """
    account = TradingAccount.objects.filter(portfolio_id=portfolio_id).first()
    if account is None:
        raise LookupError(f"portfolio {portfolio_id} has no trading account")
    held = Order.objects.open().filter(portfolio_id=portfolio_id, currency=account.currency).aggregate(
        margin=Sum("reserved_cash", filter=Q(reserves_margin=True)),
        cash=Sum("reserved_cash", filter=Q(reserves_margin=False)),
    )  # fmt: skip
    return figures_with(
        account,
        cash=books.cash_balance(portfolio_id, account.currency),
        reserved_margin=held["margin"] or ZERO,
        reserved_cash=held["cash"] or ZERO,
        now=now,
    )


def figures_with(
    account: TradingAccount,
    *,
    cash: Decimal,
    reserved_margin: Decimal,
    reserved_cash: Decimal,
    now: datetime,
    units: Mapping[int, Decimal] | None = None,
) -> AccountFigures:
    """The figures of an account whose cash and reservations are at hand; ``units`` of instruments as well where the stored
    positions are not those that the cash belongs to. Three or four statements."""
    return figures_of(
        cash=cash,
        positions=held_positions(account, now=now, units=units),
        multiplier=effective_multiplier(account),
        may_short=may_short(account),
        reserved_margin=reserved_margin,
        reserved_cash=reserved_cash,
    )


def held_positions(
    account: TradingAccount, *, now: datetime, units: Mapping[int, Decimal] | None = None
) -> list[Held]:
    """What the account holds in its own currency, each at its current price: the last trade, else the last close.

    A position without any price counts as nothing. ``units`` stand for the stored ones of their instruments. Three or four
    statements.
    """
    return list(held_by_instrument(account, now=now, units=units).values())


def held_by_instrument(
    account: TradingAccount, *, now: datetime, units: Mapping[int, Decimal] | None = None
) -> dict[int, Held]:
    """The same by the instrument's number."""
    quantities = {**books.position_quantities(account.portfolio_id), **(units or {})}
    if not quantities:
        return {}
    instruments = {
        thing.pk: thing for thing in Instrument.objects.filter(pk__in=quantities, currency=account.currency)
    }
    return held_of(quantities, things_of(instruments.values()), current_prices(instruments, now=now))


def held_of(
    quantities: Mapping[int, Decimal], things: Mapping[int, Tradable], prices: Mapping[int, Decimal]
) -> dict[int, Held]:
    """Positions as the margin rules take them: those of ``things``, at their prices (without one: nothing)."""
    return {
        pk: Held(
            quantity=quantities[pk],
            price=prices.get(pk, ZERO),
            value_factor=thing.value_factor,
            is_marginable=thing.is_marginable,
            maintenance_rate=thing.maintenance_rate,
        )
        for pk, thing in things.items()
        if pk in quantities
    }


def current_prices(ids: Any, *, now: datetime) -> dict[int, Decimal]:
    """The last trade of each instrument, else its last close. One statement, two where quotes are missing."""
    wanted = list(ids)
    found = {pk: quote.last for pk, quote in latest_quotes(wanted, now=now).items()}
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        found.update({pk: close.price for pk, close in closes_on(missing, now.date()).items()})
    return found
