"""The preview of an order: what it would cost, and what the account would look like after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import FxRateMissing, QuoteView, fx_rate
from trading.engine.margin import Held, figures_of
from trading.engine.rules_groups import take_profit_price
from trading.engine.terms import Terms, Tradable
from trading.engine.types import OrderClass, OrderType, Phase, PositionIntent, Refusal, Side, TimeInForce
from trading.models import TradingAccount
from trading.queries.accounts import effective_multiplier, held_by_instrument, may_short
from trading.queries.assessment import Assessment, assess
from trading.queries.holds import open_holds
from trading.queries.market import market_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreview:
    """Estimates in the instrument's currency; None where they cannot be made (no price, impossible numbers).

    ``total`` is what a buy costs or a sale brings after fees. ``coins`` are a fee
    that is taken of what is bought. ``weight_after`` is the share of the position
    in the whole portfolio (a fraction, negative when short), None where a price or a rate for that is missing; ``weight`` is
    what it is now. ``quantity`` is what is asked for, or what the amount buys. Everything "after" is after the order has
    traded in full at ``price``. ``trail_stop`` is where a trailing stop starts; ``gain_at_target`` and ``loss_at_stop`` are
    what the exits of a group would bring against the entry's price (for an OCO against each other: None), before fees.
    ``refusal`` says why the order would not be taken.
    """

    instrument: Instrument
    terms: Terms
    thing: Tradable
    quote: QuoteView | None
    market_is_open: bool
    is_extended: bool
    opens_at: datetime | None
    expires_at: datetime
    refusal: Refusal | None
    price: Decimal | None
    price_source: str
    amount: Decimal | None
    fees: Decimal | None
    coins: Decimal | None
    coins_worth: Decimal | None
    total: Decimal | None
    hold_cash: Decimal | None
    hold_quantity: Decimal | None
    intent: PositionIntent | None
    quantity: Decimal | None
    buying_power: Decimal | None
    buying_power_after: Decimal | None
    cash: Decimal | None
    cash_after: Decimal | None
    position: Decimal | None
    position_after: Decimal | None
    weight: Decimal | None
    weight_after: Decimal | None
    trail_stop: Decimal | None
    gain_at_target: Decimal | None
    loss_at_stop: Decimal | None

    @property
    def sells_short(self) -> Decimal | None:
        """Units that are sold without being held; None for any other order, and for one that is not taken."""
        is_short = self.intent is PositionIntent.SELL_TO_OPEN and self.position is not None
        return self.quantity if is_short and self.refusal is None else None

    @property
    def buys_back(self) -> Decimal | None:
        """Units of a short position that are bought back; None for any other order."""
        return self.quantity if self.intent is PositionIntent.BUY_TO_CLOSE else None

    @property
    def borrowed_after(self) -> Decimal | None:
        """Money that is owed once it has traded; None when none is. An order that is not taken borrows nothing."""
        if self.refusal is not None or self.cash_after is None or self.cash_after >= 0:
            return None
        return -self.cash_after

    @property
    def distance(self) -> Decimal | None:
        """How far the named price (limit, else stop) lies from the side of the market it would trade on, as a fraction of
        that; None for an order without one."""
        named = self.terms.limit_price if self.terms.limit_price is not None else self.terms.stop_price
        if named is None or self.quote is None or not self.quote.last:
            return None
        touch = (self.quote.ask if self.terms.side is Side.BUY else self.quote.bid) or self.quote.last
        return named / touch - 1 if named.is_finite() else None

    @property
    def fills_at_once(self) -> bool:
        """Whether the order would trade right away at the quote as it is."""
        return (
            self.refusal is None
            and self.market_is_open
            and self.terms.type in (OrderType.MARKET, OrderType.LIMIT)
            and self.terms.time_in_force not in (TimeInForce.OPG, TimeInForce.CLS)
            and self.price_source not in ("limit price", "stop price")
            and self.quote is not None
            and not self.quote.is_stale
        )


def order_preview(
    *, portfolio_id: int, base_currency: str, instrument: Instrument, terms: Terms, now: datetime
) -> OrderPreview:
    """What would happen if the order were placed now. Reads only; the same checks as placing it.

    The caller has made sure that the person may see the portfolio; ``base_currency`` is the portfolio's.
    """
    market = market_of(instrument, now=now)
    holds = open_holds(portfolio_id=portfolio_id, currency=instrument.currency, instrument_id=instrument.pk)
    account = TradingAccount.objects.filter(portfolio_id=portfolio_id).first() or TradingAccount(
        portfolio_id=portfolio_id, currency=base_currency
    )
    figures = assess(account=account, market=market, terms=terms, holds=holds, now=now)
    known = figures.price is not None
    is_buy = terms.side == "buy"
    total = figures.amount + figures.fees if is_buy else figures.amount - figures.fees
    value = books.portfolio_value(portfolio_id, now=now) if known and figures.refusal is None else None
    gain, loss = _exits(figures) if known else (None, None)

    def share(units: Decimal) -> Decimal | None:
        return None if value is None else _weight(value, base_currency, figures, units, now=now)

    return OrderPreview(
        instrument=instrument,
        terms=terms,
        thing=market.thing,
        quote=market.quote,
        market_is_open=market.is_open,
        is_extended=market.phase is Phase.EXTENDED,
        opens_at=market.opens_at,
        expires_at=market.expires_at(terms.time_in_force, now, extended=terms.extended_hours),
        refusal=figures.refusal,
        price=figures.price,
        price_source=figures.price_source,
        amount=figures.amount if known else None,
        fees=figures.fees if known else None,
        coins=figures.coins if known else None,
        coins_worth=figures.coins_worth if known else None,
        total=total if known else None,
        hold_cash=figures.hold_cash if known and figures.intent.opens else None,
        hold_quantity=figures.hold_quantity if known and not figures.intent.opens else None,
        intent=figures.intent if known else None,
        quantity=figures.quantity if known else None,
        buying_power=figures.buying_power if known else None,
        buying_power_after=_power_after(account, figures, now=now)
        if known and figures.refusal is None
        else None,
        cash=figures.cash if known else None,
        cash_after=figures.cash_after if known else None,
        position=figures.position if known else None,
        position_after=figures.position_after if known else None,
        weight=share(figures.position) if known else None,
        weight_after=share(figures.position_after) if known else None,
        trail_stop=figures.stop_price if known and terms.type is OrderType.TRAILING_STOP else None,
        gain_at_target=gain,
        loss_at_stop=loss,
    )


def _power_after(account: TradingAccount, figures: Assessment, *, now: datetime) -> Decimal:
    """What an opening order may hold once this one has traded. For an account that borrows by the margin formulas over the
    positions as they will be (three or four statements), else the cash that no order holds."""
    if figures.figures is None:
        return figures.cash_after - figures.holds.cash
    thing, pk = figures.market.thing, figures.market.instrument.pk
    held = held_by_instrument(account, now=now)
    price = held[pk].price if pk in held else figures.price or ZERO
    held[pk] = Held(
        quantity=figures.position_after,
        price=price,
        value_factor=thing.value_factor,
        is_marginable=thing.is_marginable,
        maintenance_rate=thing.maintenance_rate,
    )
    after = figures_of(
        cash=figures.cash_after,
        positions=held.values(),
        multiplier=effective_multiplier(account),
        may_short=may_short(account),
        reserved_margin=figures.holds.margin,
        reserved_cash=figures.holds.cash_only,
    )
    return after.buying_power if thing.is_marginable else after.non_marginable_buying_power


def _exits(figures: Assessment) -> tuple[Decimal | None, Decimal | None]:
    """(gain at the take-profit, loss at the stop-loss) of an order with exits, against the price of its entry."""
    terms = figures.terms
    if terms.order_class not in (OrderClass.BRACKET, OrderClass.OTO) or figures.price is None:
        return None, None
    units = figures.quantity * figures.market.thing.value_factor * (1 if terms.side is Side.BUY else -1)
    take = take_profit_price(terms)
    stop = terms.stop_loss.stop_price if terms.stop_loss is not None else None
    gain = None if take is None else (take - figures.price) * units
    loss = None if stop is None else (stop - figures.price) * units
    return gain, loss


def _weight(
    total: Decimal, base_currency: str, figures: Assessment, units: Decimal, *, now: datetime
) -> Decimal | None:
    """Value of ``units`` / portfolio value (which a trade changes by its fees only). Negative for a short position."""
    if figures.price is None or total <= 0:
        return None
    instrument = figures.market.instrument
    value = units * figures.price * figures.market.thing.value_factor
    if instrument.currency != base_currency:
        try:
            rate = fx_rate(base=instrument.currency, quote=base_currency, on=now.date())
        except FxRateMissing:
            return None
        value *= rate
    share: Decimal = value / total
    # An account that does not borrow cannot hold more than there is; prices of two moments may say so all the same.
    return share if figures.figures is not None else min(share, Decimal(1))
