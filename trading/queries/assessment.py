"""What an order would mean: the market it meets, what it costs, what it holds, and whether the account can.

The same assessment answers the preview of the ticket (without a lock) and decides in ``place_order`` (under
the portfolio's lock), so that the two cannot differ but by what happened in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q, Sum

from holdings import queries as books
from marketdata.models import Instrument, QuoteUnit
from marketdata.queries import QuoteView, latest_quote, market_session
from portfolio_site.kernel.money import round_money
from trading.engine.fees import FeeModel, Trade, parse_fee_model
from trading.engine.matching import touch
from trading.engine.reservation import worst_price
from trading.engine.rules import NotionalLimits, check_limit_price, check_notional, check_quantity
from trading.engine.types import MarketQuote, OrderType, Refusal, Side, TimeInForce
from trading.engine.wording import plain, price_text
from trading.models import OPEN_STATUSES, Order

ZERO = Decimal(0)
#: Wide enough for a price times a quantity without losing a digit.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: A good-till-canceled order is taken back after this long.
GTC_LIFETIME = timedelta(days=90)
LIMITS = NotionalLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the person asks for."""

    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """What the open orders of a portfolio hold: cash in one currency, units of one instrument.
    ``same_client_id`` is the order that already carries the client order id that was asked about."""

    cash: Decimal
    quantity: Decimal
    same_client_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The instrument, its latest quote and its session."""

    instrument: Instrument
    quote: QuoteView | None
    is_open: bool
    opens_at: datetime | None
    closes_at: datetime | None

    def tick(self) -> MarketQuote | None:
        """The quote as the matching engine takes it."""
        return None if self.quote is None else tick_of(self.quote)

    def expires_at(self, time_in_force: TimeInForce, now: datetime) -> datetime:
        """When an order placed now ends by itself: at the end of the session it is for (midnight UTC where
        the market never closes), or 90 days on."""
        if time_in_force is TimeInForce.GTC:
            return now + GTC_LIFETIME
        if self.closes_at is not None:
            return self.closes_at
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All figures of an order in the instrument's currency. ``refusal`` is None when it may be placed.

    ``price`` is what it would trade at now (a limit order away from the market: its limit), ``amount`` and
    ``fees`` what that comes to, ``hold_cash``/``hold_quantity`` what is reserved until it trades.
    """

    market: Market
    terms: Terms
    refusal: Refusal | None
    details: dict[str, str] = field(default_factory=dict)
    price: Decimal | None = None
    price_source: str = ""
    amount: Decimal = ZERO
    fees: Decimal = ZERO
    hold_cash: Decimal = ZERO
    hold_quantity: Decimal = ZERO
    cash: Decimal = ZERO
    reserved_cash: Decimal = ZERO
    position: Decimal = ZERO
    reserved_quantity: Decimal = ZERO

    @property
    def buying_power(self) -> Decimal:
        """Cash that no open order holds."""
        return self.cash - self.reserved_cash

    @property
    def cash_after(self) -> Decimal:
        """The cash balance once the order has traded at ``price``."""
        if self.terms.side is Side.BUY:
            return self.cash - self.amount - self.fees
        return self.cash + self.amount - self.fees

    @property
    def position_after(self) -> Decimal:
        """The position once the order has traded in full."""
        return self.position + (self.terms.quantity if self.terms.side is Side.BUY else -self.terms.quantity)


def tick_of(quote: QuoteView) -> MarketQuote:
    """A stored quote as the matching engine takes it."""
    return MarketQuote(
        bid=quote.bid, ask=quote.ask, last=quote.last, quoted_at=quote.quoted_at, is_stale=quote.is_stale
    )


def market_of(instrument: Instrument, *, now: datetime) -> Market:
    """The market an order for ``instrument`` meets now. One statement (the quote, read from its table)."""
    session = market_session(instrument, now)
    return Market(
        instrument=instrument,
        quote=latest_quote(instrument.pk, now=now),
        is_open=session.is_open,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
    )


@lru_cache(maxsize=4)
def _fee_model(text: str) -> FeeModel:
    return parse_fee_model(text)


def fee_model() -> FeeModel:
    """The tariff of paper accounts (setting ``TRADING_FEE_MODEL``)."""
    return _fee_model(settings.TRADING_FEE_MODEL)


def value_factor(instrument: Instrument) -> Decimal:
    """What turns price x quantity into money: the multiplier, a hundredth of it for percent quotes."""
    if instrument.quote_unit == QuoteUnit.PERCENT:
        return _EXACT.divide(instrument.multiplier, Decimal(100))
    factor: Decimal = instrument.multiplier
    return factor


def cost_of(
    *, side: Side, quantity: Decimal, price: Decimal, instrument: Instrument, fees: FeeModel
) -> tuple[Decimal, Decimal]:
    """(amount, fee) of trading ``quantity`` units at ``price``, rounded as they would be booked.

    The fee of a sale is never more than what the sale brings, so that a sale cannot cost cash.
    """
    with localcontext(_EXACT):
        notional = quantity * price * value_factor(instrument)
        fee = fees.fee(Trade(side=side, quantity=quantity, notional=notional))
    amount = round_money(notional, instrument.currency)
    rounded_fee = round_money(fee, instrument.currency)
    return amount, min(rounded_fee, amount) if side is Side.SELL else rounded_fee


def open_reservations(
    *, portfolio_id: int, currency: str, instrument_id: int, client_order_id: str = ""
) -> Reservations:
    """What open orders hold, and who already has that client order id. One statement."""
    is_open = Q(status__in=OPEN_STATUSES)
    rows = Order.objects.filter(portfolio_id=portfolio_id)
    sums: dict[str, Any] = {
        "cash": Sum("reserved_cash", filter=is_open & Q(currency=currency)),
        "quantity": Sum("reserved_quantity", filter=is_open & Q(instrument_id=instrument_id)),
    }
    if client_order_id:
        rows = rows.filter(is_open | Q(client_order_id=client_order_id))
        sums["same"] = ArrayAgg("id", filter=Q(client_order_id=client_order_id))
    else:
        rows = rows.filter(is_open)
    found = rows.aggregate(**sums)
    return Reservations(
        cash=found["cash"] or ZERO,
        quantity=found["quantity"] or ZERO,
        same_client_id=(found.get("same") or [None])[0],
    )


def assess(*, portfolio_id: int, market: Market, terms: Terms, reservations: Reservations) -> Assessment:
    """Every check of an order that has an instrument, and every figure its preview shows.

    Two statements (cash and position) unless the order is refused for its form. The checks: tradable
    instrument, quantity, limit price, a price that is there and fresh, order size, shares not sold twice,
    buying power.
    """
    plain_refusal = _check_form(market, terms) or _check_price(market, terms)
    if plain_refusal is not None:
        return Assessment(market=market, terms=terms, refusal=plain_refusal)
    instrument = market.instrument
    fees = fee_model()
    price, source = _expected_price(market, terms)
    amount, fee = cost_of(
        side=terms.side, quantity=terms.quantity, price=price, instrument=instrument, fees=fees
    )
    hold = ZERO
    if terms.side is Side.BUY:
        with localcontext(_EXACT):
            highest = worst_price(limit_price=terms.limit_price, reference_price=price)
        hold = sum(
            cost_of(side=Side.BUY, quantity=terms.quantity, price=highest, instrument=instrument, fees=fees),
            ZERO,
        )
    cash = books.cash_balance(portfolio_id, instrument.currency)
    position = books.position_quantity(portfolio_id, instrument.pk)
    figures = Assessment(
        market=market,
        terms=terms,
        refusal=None,
        price=price,
        price_source=source,
        amount=amount,
        fees=fee,
        hold_cash=hold,
        hold_quantity=terms.quantity if terms.side is Side.SELL else ZERO,
        cash=cash,
        reserved_cash=reservations.cash,
        position=position,
        reserved_quantity=reservations.quantity,
    )
    refusal, details = _check_account(figures)
    return figures if refusal is None else replace(figures, refusal=refusal, details=details)


def _check_form(market: Market, terms: Terms) -> Refusal | None:
    instrument = market.instrument
    if not instrument.is_active:
        return Refusal(
            code="instrument_inactive",
            message=f"{instrument.symbol} is no longer traded.",
            field="instrument",
        )
    if not instrument.is_tradable:
        return Refusal(
            code="instrument_not_tradable",
            message=f"{instrument.symbol} cannot be traded here.",
            field="instrument",
        )
    return check_quantity(
        terms.quantity, step=instrument.quantity_step, symbol=instrument.symbol
    ) or check_limit_price(terms.limit_price, order_type=terms.type, asset_class=instrument.asset_class)


def _check_price(market: Market, terms: Terms) -> Refusal | None:
    tick = market.tick()
    found = None if tick is None else touch(tick, terms.side)
    symbol = market.instrument.symbol
    if tick is None or found is None:
        return Refusal(
            code="price_missing",
            message=f"There is no price for {symbol} at the moment, so no order can be taken for it.",
            field="instrument",
        )
    if terms.type is OrderType.MARKET and market.is_open and tick.is_stale:
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
    tick = market.tick()
    found = None if tick is None else touch(tick, terms.side)
    if found is None:
        raise LookupError("the price was checked before")
    price, source = found
    limit = terms.limit_price
    if limit is not None and (price > limit if terms.side is Side.BUY else price < limit):
        return limit, "limit price"
    return price, source


def _check_account(figures: Assessment) -> tuple[Refusal | None, dict[str, str]]:
    terms, instrument = figures.terms, figures.market.instrument
    free_quantity = figures.position - figures.reserved_quantity
    refusal = check_notional(
        figures.amount,
        side=terms.side,
        closes_position=terms.quantity == figures.position,
        limits=LIMITS,
        currency=instrument.currency,
    )
    if refusal is not None:
        return refusal, {}
    if terms.side is Side.SELL:
        if terms.quantity <= free_quantity:
            return None, {}
        return _oversell(figures, free_quantity)
    if figures.hold_cash <= figures.buying_power:
        return None, {}
    return _overspend(figures)


def _oversell(figures: Assessment, free: Decimal) -> tuple[Refusal, dict[str, str]]:
    symbol = figures.market.instrument.symbol
    if figures.position <= 0:
        message = f"You do not hold any {symbol} in this portfolio."
    elif figures.reserved_quantity > 0:
        message = (
            f"You can sell at most {plain(max(free, ZERO))} {symbol}: "
            f"you hold {plain(figures.position)}, and "
            f"{plain(figures.reserved_quantity)} of them are in open sell orders."
        )
    else:
        message = f"You can sell at most {plain(free)} {symbol}, which is all you hold in this portfolio."
    return (
        Refusal(code="insufficient_quantity", message=message, field="quantity"),
        {
            "requested": plain(figures.terms.quantity),
            "available": plain(max(free, ZERO)),
            "existing_quantity": plain(figures.position),
            "held_for_orders": plain(figures.reserved_quantity),
        },
    )


def _overspend(figures: Assessment) -> tuple[Refusal, dict[str, str]]:
    currency = figures.market.instrument.currency
    free = max(figures.buying_power, ZERO)
    details = {"buying_power": plain(free), "required": plain(figures.hold_cash), "currency": currency}
    if figures.cash <= 0 and figures.reserved_cash == 0:
        return (
            Refusal(
                code="no_cash_in_currency",
                message=(
                    f"{figures.market.instrument.symbol} is paid in {currency}, "
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
        " A market order holds 2.5 % more than its estimate, in case the price moves."
        if figures.terms.type is OrderType.MARKET
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
