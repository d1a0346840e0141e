"""The preview of an order: what it would cost, and what the account would look like after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.queries import FxRateMissing, QuoteView, fx_rate
from trading.engine.terms import Terms
from trading.engine.types import Refusal
from trading.models import TradingAccount
from trading.queries.assessment import Assessment, assess
from trading.queries.holds import open_holds
from trading.queries.market import market_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreview:
    """Estimates in the instrument's currency; None where they cannot be made (no price, impossible numbers).

    ``total`` is what a buy costs or a sale brings after fees. ``weight_after`` is the share of the position
    in the whole portfolio (a fraction), None where a price or a rate for that is missing. ``refusal`` says
    why the order would not be taken.
    """

    instrument: Instrument
    terms: Terms
    quote: QuoteView | None
    market_is_open: bool
    opens_at: datetime | None
    expires_at: datetime
    refusal: Refusal | None
    price: Decimal | None
    price_source: str
    amount: Decimal | None
    fees: Decimal | None
    total: Decimal | None
    hold_cash: Decimal | None
    buying_power: Decimal | None
    cash_after: Decimal | None
    position: Decimal | None
    position_after: Decimal | None
    weight_after: Decimal | None

    @property
    def fills_at_once(self) -> bool:
        """Whether the order would trade right away at the quote as it is."""
        return (
            self.refusal is None
            and self.market_is_open
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
    return OrderPreview(
        instrument=instrument,
        terms=terms,
        quote=market.quote,
        market_is_open=market.is_open,
        opens_at=market.opens_at,
        expires_at=market.expires_at(terms.time_in_force, now, extended=terms.extended_hours),
        refusal=figures.refusal,
        price=figures.price,
        price_source=figures.price_source,
        amount=figures.amount if known else None,
        fees=figures.fees if known else None,
        total=total if known else None,
        hold_cash=figures.hold_cash if known and figures.intent.opens else None,
        buying_power=figures.buying_power if known else None,
        cash_after=figures.cash_after if known else None,
        position=figures.position if known else None,
        position_after=figures.position_after if known else None,
        weight_after=_weight_after(portfolio_id, base_currency, figures, now=now)
        if known and figures.refusal is None
        else None,
    )


def _weight_after(
    portfolio_id: int, base_currency: str, figures: Assessment, *, now: datetime
) -> Decimal | None:
    """Position value after / portfolio value (which a trade changes by its fees only)."""
    if figures.price is None or figures.position_after < 0:
        return None
    total = books.portfolio_value(portfolio_id, now=now)
    if total is None or total <= 0:
        return None
    instrument = figures.market.instrument
    value = figures.position_after * figures.price * figures.market.thing.value_factor
    if instrument.currency != base_currency:
        try:
            rate = fx_rate(base=instrument.currency, quote=base_currency, on=now.date())
        except FxRateMissing:
            return None
        value *= rate
    share: Decimal = value / total
    return min(share, Decimal(1))
