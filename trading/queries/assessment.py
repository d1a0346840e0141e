"""What an order would mean: the market it meets, what it costs, what it holds, and whether the account can.

The same assessment answers the preview of the ticket (without a lock) and decides in ``place_order`` (under
the portfolio's lock), so that the two cannot differ but by what happened in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from holdings import queries as books
from trading.engine.liquidity import to_step
from trading.engine.margin import AccountFigures
from trading.engine.matching import touch
from trading.engine.reservation import needed, short_price, worst_price
from trading.engine.rules_account import check_intent
from trading.engine.rules_groups import check_group, take_profit_price
from trading.engine.rules_orders import check_terms, is_fractional
from trading.engine.terms import Terms
from trading.engine.triggers import collar_price, mark_of, trade_price
from trading.engine.types import OrderClass, OrderType, Phase, PositionIntent, Refusal, Side, TimeInForce
from trading.models import TradingAccount
from trading.queries.accounts import effective_multiplier, fee_model_of, figures_with
from trading.queries.checks import check_account
from trading.queries.costs import Cost, cost_of, traded_volume
from trading.queries.holds import Holds
from trading.queries.market import Market

ZERO = Decimal(0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_TWELVE = Decimal("0.000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All figures of an order in the instrument's currency. ``refusal`` is None when it may be placed.

    ``quantity`` is what is asked for, or what the amount buys. ``price`` is what it would trade at now (a limit
    order away from the market: its limit), ``amount`` and ``fees`` what that comes to, ``coins`` a fee taken of what is bought,
    ``hold_cash``/``hold_quantity``
    what is reserved until it trades (``reserves_margin``: of the buying power, else of the cash). ``available`` is what
    an opening order may hold. ``cap_price``, ``hwm`` and ``stop_price`` are what the order starts with.
    """

    market: Market
    terms: Terms
    refusal: Refusal | None
    details: dict[str, str] = field(default_factory=dict)
    quantity: Decimal = ZERO
    intent: PositionIntent = PositionIntent.BUY_TO_OPEN
    price: Decimal | None = None
    price_source: str = ""
    amount: Decimal = ZERO
    fees: Decimal = ZERO
    coins: Decimal = ZERO
    coins_worth: Decimal = ZERO
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    reserves_margin: bool = True
    cap_price: Decimal | None = None
    hwm: Decimal | None = None
    stop_price: Decimal | None = None
    cash: Decimal = ZERO
    reserved_cash: Decimal = ZERO
    available: Decimal = ZERO
    position: Decimal = ZERO
    reserved_quantity: Decimal = ZERO
    holds: Holds = field(default_factory=Holds)
    figures: AccountFigures | None = None

    @property
    def buying_power(self) -> Decimal:
        """What an opening order of this instrument may hold."""
        return self.available

    @property
    def free_quantity(self) -> Decimal:
        """Units of the position that no open order is going to close."""
        return abs(self.position) - self.reserved_quantity

    @property
    def cash_after(self) -> Decimal:
        """The cash balance once the order has traded at ``price``."""
        if self.terms.side is Side.BUY:
            return self.cash - self.amount - self.fees
        return self.cash + self.amount - self.fees

    @property
    def position_after(self) -> Decimal:
        """The position once the order has traded in full, less the coins that are taken as a fee."""
        return self.position + (self.quantity - self.coins if self.terms.side is Side.BUY else -self.quantity)


def assess(
    *,
    account: TradingAccount,
    market: Market,
    terms: Terms,
    holds: Holds,
    now: datetime,
    position: Decimal | None = None,
    cash: Decimal | None = None,
    is_forced: bool = False,
) -> Assessment:
    """Every check of an order that has an instrument, and every figure its preview shows.

    Two statements (cash and position, unless given) for a cash account, some more for one that may borrow.
    ``is_forced`` is for the house closing a position: what the account limits itself to does not hold that up.
    """
    thing, portfolio_id = market.thing, account.portfolio_id
    if position is None:
        position = books.position_quantity(portfolio_id, market.instrument.pk)
    refusal = (
        check_terms(terms, thing, position=position)
        or check_group(terms, thing)
        or _check_price(market, terms)
    )
    if refusal is None and is_fractional(terms, thing) and not account.fractional_trading:
        refusal = Refusal(
            code="fractional_not_allowed",
            message="Trading in parts of a unit is switched off in this account's configuration.",
            field="quantity",
        )
    if refusal is not None:
        return Assessment(market=market, terms=terms, refusal=refusal)
    if terms.order_class is OrderClass.OCO:
        terms = replace(terms, limit_price=take_profit_price(terms))
    price, source = _expected_price(market, terms)
    quantity = _quantity(terms, market, price)
    intent, refusal = check_intent(terms, position=position, thing=thing)
    draft = Assessment(
        market=market,
        terms=terms,
        refusal=refusal,
        quantity=quantity,
        intent=intent,
        price=price,
        price_source=source,
        position=position,
        reserved_quantity=holds.quantity,
        holds=holds,
        reserved_cash=holds.cash,
    )
    figures = _with_money(draft, account=account, cash=cash, now=now)
    if figures.refusal is not None:
        return figures
    refusal, details = check_account(figures, account=account, now=now, is_forced=is_forced)
    return figures if refusal is None else replace(figures, refusal=refusal, details=details)


def _with_money(
    draft: Assessment, *, account: TradingAccount, cash: Decimal | None, now: datetime
) -> Assessment:
    market, terms, thing = draft.market, draft.terms, draft.market.thing
    fees = fee_model_of(account)
    volume = traded_volume(account.portfolio_id, now=now) if thing.kind == "crypto" else ZERO
    price = draft.price or ZERO

    def cost_at(unit_price: Decimal) -> Cost:
        return cost_of(
            side=terms.side,
            quantity=draft.quantity,
            price=unit_price,
            thing=thing,
            fees=fees,
            on=now.date(),
            volume=volume,
        )

    expected = cost_at(price)
    if cash is None:
        cash = books.cash_balance(account.portfolio_id, thing.currency)
    available, multiplier, figures = _funds(draft, account=account, cash=cash, now=now)
    cap, hwm, stop = _start_prices(draft)
    is_marginable = thing.is_marginable and thing.currency == account.currency
    hold_cash = hold_quantity = ZERO
    if draft.intent.opens:
        if terms.side is Side.BUY:
            worst = terms.limit_price if terms.limit_price is not None else cap or worst_price(
                limit_price=None, reference_price=price
            )  # fmt: skip
        else:
            worst = short_price(limit_price=terms.limit_price, ask=_ask(market) or price)
        highest = cost_at(worst)
        amount = highest.amount if terms.notional is None else max(terms.notional, expected.amount)
        hold_cash = needed(
            amount=amount,
            fees=highest.fees if terms.side is Side.BUY else ZERO,
            multiplier=multiplier,
            is_marginable=is_marginable,
        )
    else:
        hold_quantity = _closing_quantity(draft)
    return replace(
        draft,
        amount=expected.amount,
        fees=expected.fees,
        coins=expected.coins,
        coins_worth=expected.coins_worth,
        hold_cash=hold_cash,
        hold_quantity=hold_quantity,
        reserves_margin=is_marginable,
        cap_price=cap,
        hwm=hwm,
        stop_price=stop,
        cash=cash,
        available=available,
        figures=figures,
    )


def _closing_quantity(draft: Assessment) -> Decimal:
    """Units a closing order holds. One by amount may need a little more when the price falls before it trades."""
    if draft.terms.notional is None:
        return draft.quantity
    reach = to_step(draft.quantity * Decimal("1.025"), draft.market.thing.quantity_step)
    return min(max(reach, draft.quantity), max(draft.free_quantity, draft.quantity))


def _funds(
    draft: Assessment, *, account: TradingAccount, cash: Decimal, now: datetime
) -> tuple[Decimal, int, AccountFigures | None]:
    """(what an opening order may hold, multiplier in force, the account's figures where they were needed)."""
    thing, holds = draft.market.thing, draft.holds
    if effective_multiplier(account) == 1 or thing.currency != account.currency:
        return cash - holds.cash, 1, None
    figures = figures_with(
        account, cash=cash, reserved_margin=holds.margin, reserved_cash=holds.cash_only, now=now
    )
    power = figures.buying_power if thing.is_marginable else figures.non_marginable_buying_power
    return power, figures.multiplier, figures


def _start_prices(draft: Assessment) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """(collar, best price so far, stop price) that the order starts with."""
    terms, tick = draft.terms, draft.market.tick()
    hwm = None
    stop = terms.stop_price
    if terms.type is OrderType.TRAILING_STOP:
        price = None if tick is None else trade_price(tick)
        mark = mark_of(
            side=terms.side,
            trail_price=terms.trail_price,
            trail_percent=terms.trail_percent,
            hwm=None,
            price=price or draft.price or ZERO,
        )
        hwm, stop = mark.hwm, mark.stop_price
    if terms.side is Side.SELL or terms.limit_price is not None:
        return None, hwm, stop
    return collar_price(stop if stop is not None else draft.price or ZERO), hwm, stop


def _quantity(terms: Terms, market: Market, price: Decimal) -> Decimal:
    if terms.quantity is not None:
        return terms.quantity
    with localcontext(_EXACT):
        units = (terms.notional or ZERO) / (price * market.thing.value_factor)
    return to_step(units.quantize(_TWELVE, context=_EXACT), market.thing.quantity_step)


def _ask(market: Market) -> Decimal | None:
    tick = market.tick()
    found = None if tick is None else touch(tick, Side.BUY)
    return None if found is None else found[0]


def _check_price(market: Market, terms: Terms) -> Refusal | None:
    tick = market.tick()
    found = None if tick is None else touch(tick, terms.side)
    symbol = market.thing.symbol
    if tick is None or found is None:
        return Refusal(
            code="price_missing",
            message=f"There is no price for {symbol} at the moment, so no order can be taken for it.",
            field="instrument",
        )
    waits = terms.time_in_force in (TimeInForce.OPG, TimeInForce.CLS)
    if terms.type is OrderType.MARKET and market.is_open and tick.is_stale and not waits:
        return Refusal(
            code="price_stale",
            message=(
                f"The last price of {symbol} is too old to trade on. "
                "Wait for a fresh one, or place a limit order."
            ),
            field="instrument",
        )
    return None


def _expected_price(market: Market, terms: Terms) -> tuple[Decimal, str]:
    """What the order would trade at now, and what that price is: the far side of the quote in the session, its middle in
    extended hours, the last trade otherwise."""
    tick = market.tick()
    found = None if tick is None else touch(tick, terms.side)
    if tick is None or found is None:
        raise LookupError("the price was checked before")
    price, source = found
    if market.phase is Phase.EXTENDED and tick.bid is not None and tick.ask is not None:
        price, source = _EXACT.divide(tick.bid + tick.ask, Decimal(2)), "middle of bid and ask"
    elif market.phase is Phase.CLOSED and tick.last:
        price, source = tick.last, "last trade"
    limit = terms.limit_price
    if terms.type is OrderType.STOP and terms.stop_price is not None:
        return terms.stop_price, "stop price"
    if limit is not None and (price > limit if terms.side is Side.BUY else price < limit):
        return limit, "limit price"
    if limit is not None and terms.type is OrderType.STOP_LIMIT:
        return limit, "limit price"
    return price, source
