"""What a person asks for, and what the thing is that they ask for it. Values only."""

from dataclasses import dataclass, field
from decimal import Decimal

from trading.engine.types import OrderClass, OrderType, PositionIntent, Side, TimeInForce

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfit:
    """The exit with a gain: a limit order at ``limit_price``."""

    limit_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLoss:
    """The exit with a loss: a stop, with a limit where ``limit_price`` is given."""

    stop_price: Decimal | None
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the person asks for. Exactly one of ``quantity`` and ``notional`` (an amount of money) is given."""

    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    position_intent: PositionIntent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradable:
    """The terms under which an instrument trades.

    ``kind`` is stock (shares and ETFs), crypto or other. ``value_factor`` turns price x quantity into money.
    ``price_increment`` is the grid of prices where the instrument names one; stocks follow the penny rule instead.
    ``maintenance_rate`` and ``borrow_rate`` are set where they differ from the rule and the account's rate.
    """

    symbol: str
    currency: str
    kind: str = "stock"
    asset_class: str = "equity"
    is_active: bool = True
    is_tradable: bool = True
    quantity_step: Decimal = ONE
    value_factor: Decimal = ONE
    price_increment: Decimal | None = None
    is_marginable: bool = True
    is_shortable: bool = True
    is_easy_to_borrow: bool = True
    maintenance_rate: Decimal | None = None
    borrow_rate: Decimal | None = None
    status: str = field(default="normal")
    status_reason: str = ""

    @property
    def is_fractionable(self) -> bool:
        """Whether less than one unit can be traded."""
        return self.quantity_step < 1

    @property
    def minimum(self) -> Decimal:
        """The smallest amount of money an order may be about."""
        return Decimal(10) if self.kind == "crypto" else Decimal(1)
