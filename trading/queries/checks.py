"""The checks of an order that need its figures: hours, limits, guards, shares and money. The first that fails is told."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

from trading.engine.matching import touch
from trading.engine.rules import NotionalLimits, check_notional, decimals_of
from trading.engine.rules_account import check_collar, check_limits, check_opposite, check_stop_side
from trading.engine.rules_groups import check_base
from trading.engine.triggers import COLLAR_BORDER, NARROW_COLLAR, WIDE_COLLAR, trade_price
from trading.engine.types import OrderType, PositionIntent, Refusal, Side, TimeInForce
from trading.engine.wording import plain, price_text
from trading.models import TradingAccount
from trading.queries.accounts import limits_of, may_short

if TYPE_CHECKING:
    from trading.queries.assessment import Assessment

ZERO = Decimal(0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
HOUSE = NotionalLimits()
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
Found = tuple[Refusal | None, dict[str, str]]


def check_account(
    figures: Assessment, *, account: TradingAccount, now: datetime, is_forced: bool = False
) -> Found:
    """What the market's hours, the account and its books say to an order whose form is right."""
    refusal = _check_hours(figures, now) or _check_status(figures)
    if refusal is not None:
        return refusal, {}
    missing = _check_position_is_there(figures, account)
    if missing is not None:
        return missing
    refusal = _check_short(figures, account)
    if refusal is not None:
        return refusal, {}
    if not is_forced:
        for found in (
            _check_prices(figures, account),
            _check_size(figures, account),
            _check_others(figures),
        ):
            if found is not None:
                return found
    if not figures.intent.opens:
        return (None, {}) if figures.hold_quantity <= figures.free_quantity else _oversell(figures)
    return (None, {}) if figures.hold_cash <= figures.available else _overspend(figures)


def _check_hours(figures: Assessment, now: datetime) -> Refusal | None:
    market, terms = figures.market, figures.terms
    if terms.time_in_force in _AT_ONCE and not market.is_open:
        return Refusal(
            code="market_closed",
            message=(
                "The market is closed, and this order is to be filled at once. "
                "Send a day order, which waits for the next session."
            ),
            field="time_in_force",
        )
    if terms.time_in_force in _AUCTIONS and market.is_past_cutoff(terms.time_in_force, now):
        which = "opening" if terms.time_in_force is TimeInForce.OPG else "closing"
        return Refusal(
            code="auction_cutoff",
            message=(
                f"It is too late for this session's {which} auction, and orders for the next one are taken from three "
                "hours after the close, in New York from 19:00."
            ),
            field="time_in_force",
        )
    return None


def _check_status(figures: Assessment) -> Refusal | None:
    thing = figures.market.thing
    if thing.status == "close_only" and figures.intent.opens:
        because = f" {thing.status_reason}" if thing.status_reason else ""
        return Refusal(
            code="instrument_close_only",
            message=f"Positions in {thing.symbol} can only be closed at the moment.{because}",
            field="instrument",
        )
    return None


def _check_short(figures: Assessment, account: TradingAccount) -> Refusal | None:
    """An opening sale: there must be equity for it, and the thing must be there to borrow."""
    if figures.intent is not PositionIntent.SELL_TO_OPEN:
        return None
    thing = figures.market.thing
    if figures.figures is not None and not figures.figures.can_short:
        return Refusal(
            code="short_needs_equity",
            message="Selling short takes an equity of 2 000 or more.",
            field="side",
        )
    if not thing.is_shortable or not thing.is_easy_to_borrow or thing.currency != account.currency:
        return Refusal(code="not_shortable", message=f"{thing.symbol} cannot be sold short.", field="side")
    if figures.terms.notional is not None or decimals_of(figures.quantity) > 0:
        return Refusal(
            code="short_fractional", message="Only whole units can be sold short.", field="quantity"
        )
    return None


def _check_prices(figures: Assessment, account: TradingAccount) -> Found | None:
    """Limit and stops against the market as it is."""
    terms, tick = figures.terms, figures.market.tick()
    if tick is None:
        return None
    last = trade_price(tick) or figures.price or ZERO
    found = touch(tick, terms.side)
    reference = last if found is None else found[0]
    refusal = check_stop_side(terms, market_price=last) or check_collar(
        terms, market_price=reference, collar=account.price_collar
    )
    if refusal is not None:
        return refusal, {}
    based = check_base(terms, market_price=last)
    return None if based is None else (based[0], {"base_price": plain(based[1])})


def _check_size(figures: Assessment, account: TradingAccount) -> Found | None:
    thing, terms = figures.market.thing, figures.terms
    amount = figures.amount if terms.notional is None else max(terms.notional, figures.amount)
    # Unrounded: a thousandth of a cent is little, but not nothing.
    exact = _EXACT.multiply(_EXACT.multiply(figures.quantity, figures.price or ZERO), thing.value_factor)
    basis = plain(exact if terms.notional is None else max(terms.notional, exact))
    if figures.quantity <= 0:
        return (
            Refusal(
                code="notional_too_small",
                message=f"{plain(terms.notional or ZERO)} {thing.currency} buys less than the smallest unit of "
                f"{thing.symbol}.",
                field="notional",
            ),
            {"cost_basis": basis, "minimum": plain(thing.minimum)},
        )
    refusal = check_notional(
        amount,
        closes_position=not figures.intent.opens and figures.quantity == abs(figures.position),
        limits=NotionalLimits(minimum=thing.minimum, maximum=HOUSE.maximum),
        currency=thing.currency,
    )
    if refusal is not None:
        return refusal, {"cost_basis": basis, "minimum": plain(thing.minimum)}
    value = abs(figures.position) * (figures.price or ZERO) * thing.value_factor
    refusal = check_limits(
        terms,
        limits=limits_of(account),
        quantity=figures.quantity,
        amount=amount,
        position_after=value + figures.holds.money_here + amount,
        open_orders=figures.holds.open_orders,
        opens=figures.intent.opens,
        currency=thing.currency,
    )
    return None if refusal is None else (refusal, {})


def _check_others(figures: Assessment) -> Found | None:
    found = check_opposite(figures.terms, intent=figures.intent, others=figures.holds.others)
    return None if found is None else (found[0], {"existing_order_id": str(found[1])})


def _oversell(figures: Assessment) -> Found:
    symbol, free = figures.market.thing.symbol, max(figures.free_quantity, ZERO)
    is_sale = figures.terms.side is Side.SELL
    held = abs(figures.position)
    verb, kind = ("sell", "sell") if is_sale else ("buy back", "buy")
    if figures.reserved_quantity > 0:
        message = (
            f"You can {verb} at most {plain(free)} {symbol}: "
            f"you {'hold' if is_sale else 'are short'} {plain(held)}, and "
            f"{plain(figures.reserved_quantity)} of them are in open {kind} orders."
        )
    elif is_sale:
        message = f"You can sell at most {plain(free)} {symbol}, which is all you hold in this portfolio."
    else:
        message = f"You can buy back at most {plain(free)} {symbol}, which is all you are short of."
    return (
        Refusal(code="insufficient_quantity", message=message, field="quantity"),
        _quantities(figures, free),
    )


def _quantities(figures: Assessment, free: Decimal) -> dict[str, str]:
    return {
        "requested": plain(figures.quantity),
        "available": plain(free),
        "existing_quantity": plain(figures.position),
        "held_for_orders": plain(figures.reserved_quantity),
        "symbol": figures.market.thing.symbol,
        "related_orders": ",".join(
            sorted(str(other.id) for other in figures.holds.others if other.side is figures.terms.side)
        ),
    }


def _check_position_is_there(figures: Assessment, account: TradingAccount) -> Found | None:
    """An opening sale in an account that may not sell short is a sale of something that is not there."""
    if figures.intent is not PositionIntent.SELL_TO_OPEN or may_short(account):
        return None
    symbol = figures.market.thing.symbol
    if account.multiplier > 1:
        return (
            Refusal(
                code="short_not_allowed",
                message=f"You do not hold any {symbol}, and this account is not allowed to sell short.",
                field="side",
            ),
            _quantities(figures, ZERO),
        )
    return (
        Refusal(
            code="insufficient_quantity",
            message=f"You do not hold any {symbol} in this portfolio.",
            field="quantity",
        ),
        _quantities(figures, ZERO),
    )


def _collar_text(price: Decimal) -> str:
    return f"{plain((WIDE_COLLAR if price < COLLAR_BORDER else NARROW_COLLAR) * 100)} %"


def _overspend(figures: Assessment) -> Found:
    thing = figures.market.thing
    currency = thing.currency
    free = max(figures.available, ZERO)
    details = {
        "buying_power": plain(free),
        "required": plain(figures.hold_cash),
        "cost_basis": plain(figures.hold_cash),
        "currency": currency,
    }
    if figures.cash <= 0 and figures.reserved_cash == 0 and figures.figures is None:
        return (
            Refusal(
                code="no_cash_in_currency",
                message=(
                    f"{thing.symbol} is paid in {currency}, "
                    f"and this account holds no {currency}. "
                    "Orders are paid in the instrument's own currency; nothing is exchanged by itself."
                ),
                field="quantity",
            ),
            details,
        )
    held = (
        ""
        if figures.reserved_cash == 0
        else f" ({price_text(figures.reserved_cash)} more are held by open orders)"
    )
    reserve = (
        f" A market order holds {_collar_text(figures.price or ZERO)} more than its estimate, in case the price moves."
        if figures.terms.type is OrderType.MARKET and figures.terms.notional is None
        else ""
    )
    return (
        Refusal(
            code="insufficient_buying_power",
            message=(
                f"This order needs {price_text(figures.hold_cash)} {currency}; "
                f"you can spend {price_text(free)} {currency}{held}.{reserve}"
            ),
            field="quantity",
        ),
        details,
    )
