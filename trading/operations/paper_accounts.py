"""Paper accounts: a portfolio whose journal trading writes, opened with play money, and its trading account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings.operations import create_portfolio, restart_paper_journal
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.money import is_currency, round_money
from trading import events
from trading.engine.fees import parse_fee_model
from trading.engine.rules import decimals_of
from trading.engine.wording import plain
from trading.models import TradingAccount
from trading.models.accounts import MULTIPLIERS
from trading.operations.access import own_desk
from trading.operations.canceling import cancel_open
from trading.operations.errors import AccountRefusedError
from trading.queries.accounts import AccountView, account_of

MAX_STARTING_CASH = Decimal(1_000_000_000)
ZERO = Decimal(0)


class PaperAccountRefusedError(DomainError):
    """A paper account cannot be opened as it was asked for; ``field`` says why."""

    code = "paper_account_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountModels:
    """How an account is treated by the simulated exchange, and what it pays. What is left out stays as it is (or gets the
    default of a new account): no slippage, no latency, all that is quoted, the site's tariff."""

    slippage_bps: Decimal | None = None
    latency_ms: int | None = None
    participation: Decimal | None = None
    price_improvement: Decimal | None = None
    fee_schedule: str | None = None
    margin_rate: Decimal | None = None
    borrow_rate: Decimal | None = None
    model_seed: int | None = None


def open_paper_account(
    *,
    owner: Any,
    name: str,
    cash: Decimal,
    currency: str,
    multiplier: int = 1,
    shorting: bool | None = None,
    models: AccountModels | None = None,
    now: datetime,
) -> int:
    """Open a paper trading portfolio with ``cash`` of play money in ``currency``; returns the portfolio's id.

    ``multiplier`` 1 makes a cash account, 2 (Regulation T) or 4 one that may borrow and, unless ``shorting`` is False, sell
    short. Raises ``PaperAccountRefusedError`` for an amount, currency or model that cannot be, and what the books refuse.
    """
    _check_cash(cash, currency)
    if multiplier not in MULTIPLIERS:
        raise PaperAccountRefusedError("The margin multiplier is 1, 2 or 4.", field="multiplier")
    may_short = multiplier > 1 if shorting is None else shorting
    if may_short and multiplier == 1:
        raise PaperAccountRefusedError("Selling short takes a margin account.", field="shorting")
    given = _given(models)
    with transaction.atomic():
        portfolio = create_portfolio(
            owner=owner,
            name=name,
            base_currency=currency,
            kind="paper",
            starting_cash=cash,
            allow_short=may_short,
            allow_negative_cash=multiplier > 1,
            now=now,
        )
        TradingAccount.objects.create(
            portfolio_id=portfolio.pk,
            currency=currency,
            multiplier=multiplier,
            shorting_enabled=may_short,
            last_equity=cash,
            balance_date=now.date(),
            created_at=now,
            updated_at=now,
            **given,
        )
    return int(portfolio.pk)


def _check_cash(cash: Decimal, currency: str) -> None:
    if not is_currency(currency):
        raise PaperAccountRefusedError("That is not a currency the books know.", field="currency")
    if not cash.is_finite() or not 0 < cash <= MAX_STARTING_CASH or round_money(cash, currency) != cash:
        raise PaperAccountRefusedError(
            f"The starting cash is more than zero and at most {plain(MAX_STARTING_CASH)} {currency}, "
            "without fractions of a cent.",
            field="cash",
        )


_BOUNDS: dict[str, tuple[Decimal, Decimal]] = {
    "slippage_bps": (ZERO, Decimal(1000)),
    "latency_ms": (ZERO, Decimal(60_000)),
    "participation": (ZERO, Decimal(1)),
    "price_improvement": (ZERO, Decimal(1)),
    "model_seed": (ZERO, Decimal((1 << 31) - 1)),
    "margin_rate": (ZERO, Decimal(1)),
    "borrow_rate": (ZERO, Decimal(10)),
}


def _given(models: AccountModels | None) -> dict[str, Any]:
    """The models that are named, each within its bounds. Raises ``PaperAccountRefusedError``."""
    if models is None:
        return {}
    given = {item.name: getattr(models, item.name) for item in fields(models)}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if name in _BOUNDS:
            low, high = _BOUNDS[name]
            number = Decimal(value)
            if (
                not number.is_finite()
                or not low <= number <= high
                or (name == "participation" and not number)
            ):
                raise PaperAccountRefusedError(
                    f"The {name.replace('_', ' ')} lies between {plain(low)} and {plain(high)}.", field=name
                )
    if given.get("fee_schedule"):
        try:
            parse_fee_model(given["fee_schedule"])
        except ValueError as error:
            raise PaperAccountRefusedError(str(error), field="fee_schedule") from error
    return given


_CONFIGURATION = frozenset(
    {
        "fractional_trading",
        "max_margin_multiplier",
        "no_shorting",
        "suspend_trade",
        "trade_confirm_email",
        "ptp_no_exception_entry",
        "max_options_trading_level",
        "disable_overnight_trading",
    }
)
_LIMITS = frozenset(
    {
        "max_order_notional",
        "max_order_quantity",
        "max_position_notional",
        "max_open_orders",
        "price_collar",
    }
)


def update_configuration(*, portfolio_id: int, actor: Any, now: datetime, **changes: Any) -> AccountView:
    """Change what the owner of an account chooses; only what is given changes (give no None for "unchanged").

    Takes the fields of ``queries.Configuration``. Raises ``AccountRefusedError`` with the field at fault,
    ``PortfolioUnknownError``, ``ReadOnlyError``.
    """
    unknown = changes.keys() - _CONFIGURATION
    if unknown:
        raise AccountRefusedError("There is no such setting.", field=min(unknown))
    _check_configuration(changes)
    return _change(portfolio_id, actor, changes, what="configuration", now=now)


def _check_configuration(changes: Mapping[str, Any]) -> None:
    if changes.get("max_margin_multiplier", 1) not in MULTIPLIERS:
        raise AccountRefusedError("The margin multiplier is 1, 2 or 4.", field="max_margin_multiplier")
    if changes.get("trade_confirm_email", "all") not in ("all", "none"):
        raise AccountRefusedError("Choose all or none.", field="trade_confirm_email")
    level = changes.get("max_options_trading_level")
    if level is not None and not 0 <= level <= 3:
        raise AccountRefusedError("The level lies between 0 and 3.", field="max_options_trading_level")


def update_account(
    *, portfolio_id: int, actor: Any, models: AccountModels | None = None, now: datetime, **limits: Any
) -> AccountView:
    """Change an account's models and limits (``max_order_notional``, ``max_order_quantity``, ``max_position_notional``,
    ``max_open_orders``, ``price_collar``; None: no limit). Raises as ``update_configuration``."""
    unknown = limits.keys() - _LIMITS
    if unknown:
        raise AccountRefusedError("There is no such limit.", field=min(unknown))
    _check_limits(limits)
    return _change(portfolio_id, actor, {**limits, **_own_models(models)}, what="settings", now=now)


#: What an account is limited to at most, so that the columns hold it.
_MOST: dict[str, Decimal] = {
    "max_order_notional": Decimal(10) ** 12,
    "max_order_quantity": Decimal(10) ** 12,
    "max_position_notional": Decimal(10) ** 12,
    "max_open_orders": Decimal(100_000),
    "price_collar": Decimal(100),
}


def _check_limits(limits: Mapping[str, Any]) -> None:
    for name, value in limits.items():
        if value is None:
            continue
        number = Decimal(value)
        if not number.is_finite() or number <= 0:
            raise AccountRefusedError("A limit is more than zero, or none.", field=name)
        if number > _MOST[name]:
            raise AccountRefusedError(f"A limit is at most {plain(_MOST[name])}.", field=name)
        if decimals_of(number) > (0 if name == "max_open_orders" else 6):
            raise AccountRefusedError("That is finer than a limit can be kept.", field=name)


def _own_models(models: AccountModels | None) -> dict[str, Any]:
    try:
        return _given(models)
    except PaperAccountRefusedError as refusal:
        raise AccountRefusedError(refusal.message, field=refusal.field) from refusal


_MODELS = frozenset(item.name for item in fields(AccountModels))
#: Models for which None is a choice of its own: the whole quoted size, the site's tariff.
_CLEARED: dict[str, Any] = {"participation": None, "fee_schedule": ""}


def change_settings(
    *, portfolio_id: int, actor: Any, changes: Mapping[str, Any], now: datetime
) -> AccountView:
    """Change any of an account's settings at once: configuration, models and limits by name; what is not named stays.

    Those of the simulated exchange are refused for an account at a broker. None takes a limit away, and ``participation``
    (all that is quoted) or ``fee_schedule`` (the site's) back to what is usual. Raises ``AccountRefusedError`` with the
    field at fault (nothing is changed then), ``PortfolioUnknownError``, ``ReadOnlyError``.
    """
    unknown = changes.keys() - _CONFIGURATION - _LIMITS - _MODELS
    if unknown:
        raise AccountRefusedError("There is no such setting.", field=min(unknown))
    configuration = {name: value for name, value in changes.items() if name in _CONFIGURATION}
    limits = {name: value for name, value in changes.items() if name in _LIMITS}
    models = {name: value for name, value in changes.items() if name in _MODELS}
    _check_configuration(configuration)
    _check_limits(limits)
    cleared = {
        name: usual for name, usual in _CLEARED.items() if name in models and models[name] in (None, "")
    }
    named = {name: value for name, value in models.items() if name not in cleared}
    missing = [name for name, value in named.items() if value is None]
    if missing:
        raise AccountRefusedError("This setting needs a value.", field=missing[0])
    for name, value in named.items():
        if (
            isinstance(value, Decimal)
            and value.is_finite()
            and decimals_of(value) > (4 if name == "slippage_bps" else 6)
        ):
            raise AccountRefusedError("That is finer than this setting can be kept.", field=name)
    given = {**_own_models(AccountModels(**named)), **cleared}
    return _change(
        portfolio_id,
        actor,
        {**configuration, **limits, **given},
        what="settings",
        now=now,
        of_exchange=min(models, default=""),
    )


def _change(
    portfolio_id: int,
    actor: Any,
    changes: dict[str, Any],
    *,
    what: str,
    now: datetime,
    of_exchange: str = "",
) -> AccountView:
    """``of_exchange`` names a setting of the simulated exchange that is among the changes: no account at a broker has it."""
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=now, for_new_orders=False)
        account = desk.account
        if of_exchange and account.broker_connection_id is not None:
            raise AccountRefusedError(
                "This account's orders are filled and charged by its broker: there is no such setting for it.",
                field=of_exchange,
            )
        for name, value in changes.items():
            setattr(account, name, value)
        account.updated_at = now
        account.save(update_fields=[*changes, "updated_at"])
        announce(desk.portfolio.id, desk.portfolio.owner_id, what=what, now=now)
    view = account_of(portfolio_id)
    assert view is not None
    return view


def announce(portfolio_id: int, user_id: int, *, what: str, now: datetime) -> None:
    """Tell that something about an account is different."""
    publish(
        events.AccountChanged(portfolio_id=portfolio_id, user_id=user_id, what=what, at=now),
        stream=events.stream_of(portfolio_id),
    )


def reset_account(
    *, portfolio_id: int, actor: Any, cash: Decimal | None = None, now: datetime
) -> AccountView:
    """Begin anew: open orders are canceled, everything booked so far no longer counts, and there is ``cash`` to play with
    (what the account was opened with unless given). Orders and fills stay to be read; their ids stay taken.

    Raises ``PaperAccountRefusedError``, ``PortfolioUnknownError``, ``ReadOnlyError``, ``OrderRefusedError``.
    """
    with transaction.atomic():
        desk = own_desk(portfolio_id, actor, now=now)
        account = desk.account
        if account.broker_connection_id is not None:
            raise PaperAccountRefusedError("What lies at a broker cannot begin anew.")
        if cash is not None:
            _check_cash(cash, account.currency)
        cancel_open(desk, text="Cancelled: the account begins anew.", code="account_reset")
        booked = restart_paper_journal(
            portfolio_id=portfolio_id, amount=cash, currency=account.currency, actor=actor, now=now
        )
        account.last_equity, account.last_maintenance_margin = booked, ZERO
        account.balance_date = now.date()
        account.accrued_interest = account.accrued_borrow_fees = ZERO
        account.accrued_until = None
        account.margin_call_at, account.margin_call_amount = None, ZERO
        account.reset_at = account.updated_at = now
        account.save()
        announce(portfolio_id, desk.portfolio.owner_id, what="reset", now=now)
    view = account_of(portfolio_id)
    assert view is not None
    return view
