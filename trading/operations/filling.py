"""Booking executions: what a fill does to its order, to the money and the units it holds, and to the journal."""

from __future__ import annotations

import uuid
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from portfolio_site.kernel.rows import new_row
from trading import events
from trading.engine.liquidity import to_step
from trading.engine.reservation import needed, short_price
from trading.engine.states import OrderStatus, Trigger
from trading.engine.triggers import collar_price
from trading.engine.types import Execution, Liquidity, Mark, Side, Triggered
from trading.engine.wording import price_text
from trading.models import Fill, Order
from trading.operations.desk import Desk
from trading.operations.ending import cancel, reject
from trading.operations.grouping import after_fill
from trading.operations.posting import BookedTrade
from trading.queries.accounts import effective_multiplier, figures_with
from trading.queries.costs import Cost, cost_of, traded_volume
from trading.queries.market import Market

ZERO = Decimal(0)
#: numeric(28,12)
_PRICE_UNIT = Decimal("0.000000000001")


def fill(desk: Desk, order: Order, execution: Execution) -> bool:
    """Book one execution: journal, cash, position, fill, order. False when the money for it is not there.

    A fill never costs more than the order holds, but for a market order that waited while the price ran away
    (or minimum fees of many small fills): then free money has to cover the rest, else the order ends here.
    """
    desk.date_after_journal()
    market = desk.markets[order.instrument_id]
    cost = _cost(desk, order, market, execution)
    if order.opens_position and not _is_covered(desk, order, cost):
        _refuse_for_money(desk, order, execution.price)
        return False
    route(desk, order)
    number = desk.next_number(order)  # while the row still says whether it was filled before
    done = _apply(desk, order, market, execution, cost)
    desk.move(order, Trigger.FILL if done else Trigger.PARTIAL_FILL)
    booked = _booked(desk, order, execution, cost, number)
    desk.book(booked)
    desk.watch(order)
    desk.note(order, execution.note, kind="filled" if done else "partially_filled")
    _tell(desk, order, booked.fill, done=done)
    after_fill(desk, order)
    return True


def route(desk: Desk, order: Order) -> None:
    """Let an order that waited begin to work, and say so."""
    if order.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        desk.move(order, Trigger.ROUTE)
        desk.watch(order)
        desk.tell_routed(order)


def trigger(desk: Desk, order: Order, found: Triggered) -> None:
    """A stop was reached: from now on it is a market or a limit order."""
    if order.status == OrderStatus.HELD:
        desk.move(order, Trigger.ARM)
        desk.tell_routed(order)
    order.triggered_at = desk.now
    order.cap_price = found.cap_price
    desk.watch(order)
    desk.note(order, found.note, kind="triggered")
    desk.news.append(
        events.OrderTriggered(
            order_id=order.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            side=order.side,
            type=order.type,
            quantity=order.remaining,
            stop_price=order.stop_price,
            price=found.price,
            limit_price=order.limit_price,
            currency=order.currency,
            status=order.status,
            at=desk.now,
        )
    )


def mark(desk: Desk, order: Order, found: Mark) -> None:
    """A trailing stop follows the market."""
    order.hwm, order.stop_price = found.hwm, found.stop_price
    if order.watch:
        order.watch_price = found.stop_price
    desk.touch(order)


def hold_for(desk: Desk, order: Order, market: Market, *, quantity: Decimal, price: Decimal) -> Decimal:
    """What an opening order has to hold for ``quantity`` units at the worst price it may get; ``price`` is what it would
    trade at now."""
    side = Side(order.side)
    if side is Side.BUY:
        bound = order.limit_price if order.limit_price is not None else order.cap_price
        worst = bound if bound is not None else collar_price(price)
    else:
        worst = short_price(limit_price=order.limit_price, ask=price)
    cost = cost_of(
        side=side, quantity=quantity, price=worst, thing=market.thing, fees=desk.fees, on=desk.now.date()
    )
    return needed(
        amount=cost.amount,
        fees=cost.fees if side is Side.BUY else ZERO,
        multiplier=_multiplier(desk, order),
        is_marginable=order.reserves_margin,
    )


def _multiplier(desk: Desk, order: Order) -> int:
    return effective_multiplier(desk.account) if order.currency == desk.account.currency else 1


def collar_anew(desk: Desk, order: Order) -> None:
    """A market buy that waited for the session gets its collar from the session's own price."""
    market = desk.markets[order.instrument_id]
    quote = market.quote
    price = None if quote is None else quote.ask or quote.last
    if price:
        order.cap_price = collar_price(price)


def _cost(desk: Desk, order: Order, market: Market, execution: Execution) -> Cost:
    is_crypto = market.thing.kind == "crypto"
    return cost_of(
        side=Side(order.side),
        quantity=execution.quantity,
        price=execution.price,
        thing=market.thing,
        fees=desk.fees,
        on=desk.now.date(),
        liquidity=execution.liquidity,
        volume=traded_volume(desk.portfolio.id, now=desk.now) if is_crypto else ZERO,
    )


def _is_covered(desk: Desk, order: Order, cost: Cost) -> bool:
    """Whether what the order holds pays for the fill, with free money on top where it does not."""
    if not order.reserves_margin and order.side == Side.BUY and cost.total > desk.cash(order.currency):
        return False  # no loan is given on it, however much buying power there is
    if _used(desk, order, cost) <= order.reserved_cash:
        return True
    free, multiplier = _free_money(desk, order)
    # With too little equity to borrow a fee costs what it is: what the order was taken for is what it needs.
    wanted: Decimal = _used(desk, order, cost, multiplier)
    held: Decimal = order.reserved_cash
    return wanted <= free + held


def _free_money(desk: Desk, order: Order) -> tuple[Decimal, int]:
    """What no open order holds, of the pot that this order draws on; and the multiplier that is in force."""
    holds = desk.holds(currency=order.currency, instrument_id=order.instrument_id)
    cash = desk.cash(order.currency)
    if _multiplier(desk, order) == 1:
        return cash - holds.cash, 1
    figures = figures_with(
        desk.account,
        cash=cash,
        reserved_margin=holds.margin,
        reserved_cash=holds.cash_only,
        now=desk.now,
        units=desk.positions,
    )
    free = figures.buying_power if order.reserves_margin else figures.non_marginable_buying_power
    return free, figures.multiplier


def _apply(desk: Desk, order: Order, market: Market, execution: Execution, cost: Cost) -> bool:
    """Count the fill and shrink what is held to what the rest can need. True when nothing is left to do."""
    with localcontext(prec=60, rounding=ROUND_HALF_EVEN):
        before = (order.filled_avg_price or ZERO) * order.filled_quantity
        filled = order.filled_quantity + execution.quantity
        average = (before + execution.price * execution.quantity) / filled
        order.filled_avg_price = average.quantize(_PRICE_UNIT)
        order.filled_quantity = filled
        order.filled_amount += cost.amount
        if order.notional is not None:
            left = (order.notional - order.filled_amount) / (execution.price * market.thing.value_factor)
            rest = to_step(max(left, ZERO).quantize(_PRICE_UNIT), market.thing.quantity_step)
            if not order.opens_position:
                rest = min(rest, order.reserved_quantity - execution.quantity)
            order.quantity = filled + max(rest, ZERO)
    done = bool(order.remaining == 0)
    if done:
        order.filled_at = desk.now
        order.reserved_cash = order.reserved_quantity = ZERO
    elif not order.opens_position:
        if order.reserved_quantity:
            order.reserved_quantity = (
                order.remaining if order.notional is None else order.reserved_quantity - execution.quantity
            )
    else:
        left_over = max(order.reserved_cash - _used(desk, order, cost), ZERO)
        want = hold_for(desk, order, market, quantity=order.remaining, price=execution.price)
        order.reserved_cash = min(left_over, want) if order.notional is None else left_over
    return done


def _used(desk: Desk, order: Order, cost: Cost, multiplier: int | None = None) -> Decimal:
    return needed(
        amount=cost.amount,
        fees=cost.fees if order.side == Side.BUY else ZERO,
        multiplier=_multiplier(desk, order) if multiplier is None else multiplier,
        is_marginable=order.reserves_margin,
    )


def _booked(desk: Desk, order: Order, execution: Execution, cost: Cost, number: int) -> BookedTrade:
    """The fill's row and what the journal says of it. Coins taken as a fee are bought less: their worth is the fee."""
    row = new_row(
        Fill,
        {"order": order},
        id=uuid.uuid4(),
        portfolio_id=order.portfolio_id,
        instrument_id=order.instrument_id,
        side=order.side,
        number=number,
        quantity=execution.quantity,
        price=execution.price,
        amount=cost.amount,
        fees=cost.fees,
        fee_quantity=cost.coins,
        fee_worth=cost.coins_worth,
        fee_details=cost.details,
        liquidity=Liquidity(execution.liquidity).value,
        cum_quantity=order.filled_quantity,
        leaves_quantity=order.remaining,
        executed_at=desk.now,
        quoted_at=execution.quoted_at,
    )
    return BookedTrade(
        fill=row,
        order=order,
        journal_quantity=execution.quantity - cost.coins,
        journal_amount=cost.amount - cost.coins_worth,
        journal_fees=cost.fees + cost.coins_worth,
    )


def _tell(desk: Desk, order: Order, row: Fill, *, done: bool) -> None:
    kind = events.OrderFilled if done else events.OrderPartiallyFilled
    desk.tell(
        "fill" if done else "partial_fill",
        order,
        kind(
            order_id=order.id,
            fill_id=row.id,
            portfolio_id=order.portfolio_id,
            user_id=desk.portfolio.owner_id,
            instrument_id=order.instrument_id,
            symbol=order.instrument.symbol,
            side=order.side,
            quantity=row.quantity,
            price=row.price,
            fees=row.fees,
            currency=order.currency,
            order_quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            filled_avg_price=order.filled_avg_price or row.price,
            status=order.status,
            position_quantity=row.position_quantity,
            at=desk.now,
        ),
        fill=row,
    )


def _refuse_for_money(desk: Desk, order: Order, price: Decimal) -> None:
    if order.limit_price is None:
        reason = (
            f"By the time the order could trade, the price had risen to {price_text(price)} "
            f"{order.currency}, more than the account can pay."
        )
    else:
        reason = (
            f"By the time the order could trade, at {price_text(price)} {order.currency}, the account could no longer "
            "pay for it."
        )
    code = "insufficient_buying_power"
    if order.status in (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW):
        reject(desk, order, code=code, reason=reason)
    else:
        cancel(desk, order, text=reason, code=code, reason=reason)
