"""The values that pass between the matching engine and its callers. Immutable, exact, without behaviour."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from trading.engine.liquidity import IDEAL, FillModel


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The other one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """At what price an order is willing to trade."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once the stop price has traded
    STOP_LIMIT = "stop_limit"  # a limit order once the stop price has traded
    TRAILING_STOP = "trailing_stop"  # a stop that follows the best price at a distance


class TimeInForce(StrEnum):
    """How long an order stays open."""

    DAY = "day"  # to the end of the session
    GTC = "gtc"  # until canceled, at most 90 days
    IOC = "ioc"  # what can be filled at once; the rest is canceled
    FOK = "fok"  # all of it at once, or nothing
    OPG = "opg"  # in the opening auction only
    CLS = "cls"  # in the closing auction only


class OrderClass(StrEnum):
    """Whether an order stands alone or belongs to a group."""

    SIMPLE = "simple"
    BRACKET = "bracket"  # an entry with a take-profit and a stop-loss
    OCO = "oco"  # a take-profit and a stop-loss for a position that is there
    OTO = "oto"  # an entry with one of the two exits, or both


class Role(StrEnum):
    """What a member of a group is for."""

    NONE = ""
    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


class PositionIntent(StrEnum):
    """What an order does to the position."""

    BUY_TO_OPEN = "buy_to_open"
    BUY_TO_CLOSE = "buy_to_close"
    SELL_TO_OPEN = "sell_to_open"
    SELL_TO_CLOSE = "sell_to_close"

    @property
    def opens(self) -> bool:
        """Whether it makes a position or adds to one: such an order holds money, a closing one holds units."""
        return self in (PositionIntent.BUY_TO_OPEN, PositionIntent.SELL_TO_OPEN)


class Watch(StrEnum):
    """What the book waits for before it looks at an order again."""

    NOTHING = ""  # held for its entry, queued for an auction, or at its end
    NOW = "now"  # any fresh price
    LIMIT = "limit"  # the touch at the limit price or better
    STOP = "stop"  # a trade at the stop price or beyond
    TRAIL = "trail"  # the same, with a stop price that follows the market


class Phase(StrEnum):
    """What the market is doing at the moment."""

    CLOSED = "closed"
    OPENING = "opening"  # the opening auction: opg orders, then everybody
    REGULAR = "regular"
    CLOSING = "closing"  # the closing auction: cls orders only
    EXTENDED = "extended"  # before and after the session: limit orders that asked for it


class Liquidity(StrEnum):
    """Whether an execution took what was on offer or had been on offer itself."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookOrder:
    """An open order as the exchange sees it.

    ``remaining`` is the unfilled quantity in units. ``limit_price`` is what the person will not go beyond;
    ``cap_price`` is the same for orders without a limit: the collar of a market or stop buy. ``stop_price``
    counts until ``is_triggered``. ``trail_price`` (money) or ``trail_percent`` is the distance of a trailing stop
    from ``hwm``, the best price since it was placed. ``submitted_at`` gives time priority and ``order_id`` breaks
    ties: the same book fills the same way. Before ``eligible_at`` the order is still on its way to the exchange.

    ``money_left`` is set for orders by amount: what may still be spent or raised, per unit of value factor;
    such an order trades as many units as that buys, down to the ``step``, and at most ``remaining``.
    Members of a ``group`` share one quantity: what one of them trades, the others no longer can.
    ``has_rested`` tells a maker from a taker. ``spent_on_quote`` is what the account already traded on this
    side of this very quote: the same offer is not taken twice.
    """

    order_id: UUID
    side: Side
    type: OrderType
    remaining: Decimal
    submitted_at: datetime
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    cap_price: Decimal | None = None
    is_triggered: bool = False
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    eligible_at: datetime | None = None
    money_left: Decimal | None = None
    step: Decimal = Decimal(0)
    group: UUID | None = None
    has_rested: bool = True
    fills: int = 0
    model: FillModel = IDEAL


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketQuote:
    """The market at one moment, per unit of the instrument.

    ``bid_size`` and ``ask_size`` are the units on offer; None means that the venue does not say, and then
    the whole order fills unless a participation cap is set and ``volume`` (units traded so far today) is known.
    ``low`` and ``high`` are the range of the bar that the quote stands in, where one is known: nothing trades
    outside it, and a touch just beyond it (the other side within) trades at its edge. ``is_stale`` is the caller's
    judgement of the quote's age; ``is_firm`` says that it was set by hand and stands, whatever its age. ``tick``
    is the price grid.
    """

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quoted_at: datetime
    is_stale: bool = False
    is_firm: bool = False
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    volume: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    tick: Decimal = Decimal("0.000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an account already traded, in units: on either side of this very quote, and in all today."""

    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    today: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill: ``quantity`` units at ``price`` each, with the sentence that says why at this price."""

    order_id: UUID
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    note: str
    liquidity: Liquidity = Liquidity.TAKER
    quoted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A stop that was reached: the price that traded, and the sentence for the trail. ``cap_price`` is the
    collar of a stop buy from now on."""

    order_id: UUID
    price: Decimal
    cap_price: Decimal | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The new best price of a trailing stop and the stop price that follows from it."""

    hwm: Decimal
    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """What a quote did to a book.

    ``triggered`` and ``executions`` in the order they happened; ``marks`` of trailing stops that moved; for
    each order that still has something open the sentence that says what it ``waiting``\\ s for; and the orders
    that end here with the reason (the rest of ioc, fok that cannot be filled, what missed its auction).
    """

    executions: tuple[Execution, ...]
    waiting: dict[UUID, str]
    triggered: tuple[Triggered, ...] = ()
    marks: dict[UUID, Mark] = field(default_factory=dict)
    ended: dict[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an order cannot be taken: a stable ``code``, a sentence, and the form field it belongs to."""

    code: str
    message: str
    field: str | None = None
