"""The wire's account: its figures and its configuration."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from portfolio_site.kernel.errors import DomainError
from trading import operations, queries
from trading.queries import AccountView, Configuration
from trading.wire.bodies import Fields
from trading.wire.calls import Call
from trading.wire.errors import invalid, not_found
from trading.wire.refusals import wire_error_of
from trading.wire.values import moment, rounded, text_of

_PLACES: Final = 8
_ZERO: Final = Decimal(0)
_MULTIPLIERS: Final = frozenset({1, 2, 4})


def get_account(call: Call) -> Any:
    """``GET /account``"""
    account = account_of(call)
    figures = queries.account_figures(call.portfolio_id, now=call.now)
    blocked = account.is_blocked or account.is_site_halted
    position_value = figures.long_market_value - figures.short_market_value
    return {
        "id": str(account.id),
        "account_number": account.account_number,
        "status": "ACCOUNT_CLOSED" if account.is_closed else "ACTIVE",
        "crypto_status": "INACTIVE" if account.is_closed else "ACTIVE",
        "currency": account.currency,
        "cash": _money(figures.cash),
        "portfolio_value": _money(figures.equity),
        "equity": _money(figures.equity),
        "last_equity": _money(account.last_equity),
        "long_market_value": _money(figures.long_market_value),
        "short_market_value": _money(figures.short_market_value),
        "position_market_value": _money(position_value),
        "initial_margin": _money(figures.initial_margin),
        "maintenance_margin": _money(figures.maintenance_margin),
        "last_maintenance_margin": _money(account.last_maintenance_margin),
        "sma": "0",
        "multiplier": str(account.effective_multiplier),
        "buying_power": _money(figures.buying_power),
        "effective_buying_power": _money(figures.buying_power),
        "regt_buying_power": _money(figures.regt_buying_power),
        "non_marginable_buying_power": _money(figures.non_marginable_buying_power),
        "options_buying_power": "0",
        "options_approved_level": 0,
        "options_trading_level": 0,
        "accrued_fees": _money(account.accrued_fees),
        "pending_reg_taf_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "intraday_adjustments": "0",
        "crypto_tier": queries.crypto_level(call.portfolio_id, now=call.now),
        "balance_asof": None if account.balance_date is None else account.balance_date.isoformat(),
        "trading_blocked": blocked,
        "transfers_blocked": False,
        "account_blocked": account.is_closed,
        "trade_suspended_by_user": account.configuration.suspend_trade,
        "shorting_enabled": figures.can_short,
        "created_at": moment(account.created_at),
        "admin_configurations": {},
        "user_configurations": None,
    }


def get_configuration(call: Call) -> Any:
    """``GET /account/configurations``"""
    return _configuration_form(account_of(call).configuration)


def set_configuration(call: Call) -> Any:
    """``PATCH /account/configurations``: null means unchanged, as the SDK sends the whole object."""
    changes = _changes(call.body())
    if not changes:
        return get_configuration(call)
    try:
        account = operations.update_configuration(
            portfolio_id=call.portfolio_id, actor=call.actor, now=call.now, **changes
        )
    except DomainError as refusal:
        raise wire_error_of(refusal) from refusal
    return _configuration_form(account.configuration)


def account_of(call: Call) -> AccountView:
    """The account of the key. Raises ``WireError`` (404) for a portfolio without one."""
    found = queries.account_of(call.portfolio_id)
    if found is None:
        raise not_found("account not found")
    return found


def account_id_of(call: Call) -> str:
    """The account's id, as the key knows it."""
    known = call.holder.account_id
    return str(account_of(call).id if known is None else known)


def _changes(body: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: body.flag(name)
        for name in (
            "fractional_trading",
            "no_shorting",
            "suspend_trade",
            "ptp_no_exception_entry",
            "disable_overnight_trading",
        )
    }
    found["trade_confirm_email"] = body.word("trade_confirm_email", frozenset({"all", "none"}))
    multiplier = body.number("max_margin_multiplier")
    if multiplier is not None:
        if multiplier not in _MULTIPLIERS:
            raise invalid("max_margin_multiplier must be 1, 2 or 4")
        found["max_margin_multiplier"] = int(multiplier)
    level = body.number("max_options_trading_level")
    if level is not None:
        if level not in {0, 1, 2, 3}:
            raise invalid("max_options_trading_level must be 0, 1, 2 or 3")
        found["max_options_trading_level"] = int(level)
    return {name: value for name, value in found.items() if value is not None}


def _configuration_form(chosen: Configuration) -> dict[str, Any]:
    return {
        "fractional_trading": chosen.fractional_trading,
        "max_margin_multiplier": str(chosen.max_margin_multiplier),
        "no_shorting": chosen.no_shorting,
        "suspend_trade": chosen.suspend_trade,
        "trade_confirm_email": chosen.trade_confirm_email,
        "ptp_no_exception_entry": chosen.ptp_no_exception_entry,
        "max_options_trading_level": chosen.max_options_trading_level,
        "disable_overnight_trading": chosen.disable_overnight_trading,
    }


def _money(value: Decimal) -> str:
    return text_of(rounded(value, _PLACES))
