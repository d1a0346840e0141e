"""The positions of a person's accounts as the page shows them: with weights and totals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from marketdata.queries import QuoteView, latest_quotes
from trading.engine.terms import Terms
from trading.engine.types import OrderType, Side, TimeInForce
from trading.queries.account_page import AccountCard, account_cards
from trading.queries.accounts import AccountView
from trading.queries.market import kind_of
from trading.queries.positions import PositionView, positions_of

ZERO = Decimal(0)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: So many accounts are shown beneath one another; the rest are chosen one by one.
MOST_TOGETHER = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """A position and its place in the account: ``weight`` is its market value as a part of the account's equity (negative
    when short), None where it is in another currency or there is no equity. ``quote`` is what it is valued at."""

    position: PositionView
    weight: Decimal | None
    quote: QuoteView | None

    @property
    def units(self) -> Decimal:
        """What the last price is to be multiplied by to get the market value."""
        price = self.position.current_price
        return _EXACT.divide(self.position.market_value, price) if price else ZERO

    @property
    def today_base(self) -> Decimal:
        """What today's gain counts from: the market value less that gain."""
        return self.position.market_value - self.position.intraday_pl


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPositions:
    """The positions of one account; totals are over those in the account's own currency."""

    card: AccountCard
    rows: tuple[PositionRow, ...]

    @property
    def account(self) -> AccountView:
        """Whose they are."""
        return self.card.account

    def _own(self) -> list[PositionView]:
        return [row.position for row in self.rows if row.position.currency == self.account.currency]

    @property
    def has_others(self) -> bool:
        """Whether some are in another currency, and in no total."""
        return len(self._own()) != len(self.rows)

    @property
    def market_value(self) -> Decimal:
        """Of all, shorts counted negative."""
        return sum((view.market_value for view in self._own()), ZERO)

    @property
    def cost_basis(self) -> Decimal:
        """What they cost, shorts counted negative."""
        return sum((view.cost_basis for view in self._own()), ZERO)

    @property
    def today(self) -> Decimal:
        """Today's gain."""
        return sum((view.intraday_pl for view in self._own()), ZERO)

    @property
    def unrealised(self) -> Decimal:
        """Gain since the entries."""
        return sum((view.unrealized_pl for view in self._own()), ZERO)


def positions_page(user: Any, *, portfolio_id: int | None, now: datetime) -> list[AccountPositions]:
    """The positions of one account the person may see, or of all their own that hold any. Ten statements and seven for
    each account shown, however much it holds."""
    cards = account_cards(user, now=now, portfolio_id=portfolio_id)
    if portfolio_id is None:
        cards = [card for card in cards if card.positions and card.account.owner_id == user.pk]
    return [_of_account(card, now=now) for card in cards[:MOST_TOGETHER]]


def _of_account(card: AccountCard, *, now: datetime) -> AccountPositions:
    views = positions_of(card.account.portfolio_id, now=now) if card.positions else []
    quotes = latest_quotes([view.instrument_id for view in views], now=now) if views else {}
    equity = card.figures.equity
    rows = tuple(
        PositionRow(
            position=view,
            weight=_EXACT.divide(view.market_value, equity)
            if equity > 0 and view.currency == card.account.currency
            else None,
            quote=quotes.get(view.instrument_id),
        )
        for view in views
    )
    return AccountPositions(card=card, rows=rows)


def closing_terms(position: PositionView, quantity: Decimal) -> Terms:
    """The market order that closes so much of a position: for the day, crypto good till canceled."""
    return Terms(
        side=Side.SELL if position.quantity > 0 else Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC if kind_of(position.asset_class) == "crypto" else TimeInForce.DAY,
        quantity=quantity,
    )
