"""Margin: equity, requirements and buying power of an account. Pure; every amount is in the account's currency.

Sources of the formulas: Regulation T (50 % initial), FINRA rule 4210 (maintenance; shorts: 5 USD or 30 %, cheap ones 2.50 USD
or 100 %), and the published figures of the Alpaca account object. ``docs/trading-rules.md`` has them in words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

ZERO = Decimal(0)
_WIDE = Context(prec=60)
INITIAL_RATE = Decimal("0.5")
MAINTENANCE_RATE = Decimal("0.3")
#: A long position below this price carries no loan at all.
CHEAP_LONG = Decimal("2.50")
#: Short positions: per share, and the border below which the dearer rule applies.
SHORT_BORDER = Decimal(5)
SHORT_PER_SHARE = Decimal(5)
CHEAP_SHORT_PER_SHARE = Decimal("2.50")
#: Borrowing and selling short take this much equity.
MINIMUM_EQUITY = Decimal(2000)
#: Below this share of the maintenance margin positions are closed at once.
LIQUIDATION_SHARE = Decimal("0.5")
DAYS_OF_A_YEAR = Decimal(360)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position: units (negative when short), the price of one, what turns their product into money, and how it is lent
    against. ``maintenance_rate`` is set where it differs from the rule."""

    quantity: Decimal
    price: Decimal
    value_factor: Decimal = Decimal(1)
    is_marginable: bool = True
    maintenance_rate: Decimal | None = None

    @property
    def value(self) -> Decimal:
        """Market value, negative when short."""
        return _WIDE.multiply(_WIDE.multiply(self.quantity, self.price), self.value_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """The figures of an account. ``reserved_margin`` and ``reserved_cash`` are what open orders hold of the buying power
    and of the cash; the buying powers are what is left after that, never below zero. ``multiplier`` is the one in force."""

    cash: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    multiplier: int
    reserved_margin: Decimal
    reserved_cash: Decimal
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable_buying_power: Decimal
    can_short: bool

    @property
    def margin_deficit(self) -> Decimal:
        """What is missing to the maintenance margin; zero when nothing is."""
        return max(self.maintenance_margin - self.equity, ZERO)


def initial_requirement(held: Held) -> Decimal:
    """Equity it takes to open the position: half of a marginable one, all of another."""
    value = abs(held.value)
    return _WIDE.multiply(value, INITIAL_RATE) if held.is_marginable else value


def maintenance_requirement(held: Held) -> Decimal:
    """Equity it takes to keep the position."""
    value = abs(held.value)
    if held.quantity == 0:
        return ZERO
    if not held.is_marginable:
        return value
    units = _WIDE.multiply(abs(held.quantity), held.value_factor)
    rate = MAINTENANCE_RATE if held.maintenance_rate is None else held.maintenance_rate
    if held.quantity > 0:
        return value if held.price < CHEAP_LONG else _WIDE.multiply(value, rate)
    if held.price < SHORT_BORDER:
        return max(_WIDE.multiply(units, CHEAP_SHORT_PER_SHARE), value)
    return max(_WIDE.multiply(units, SHORT_PER_SHARE), _WIDE.multiply(value, rate))


def figures_of(
    *,
    cash: Decimal,
    positions: Iterable[Held],
    multiplier: int,
    may_short: bool = False,
    reserved_margin: Decimal = ZERO,
    reserved_cash: Decimal = ZERO,
) -> AccountFigures:
    """All figures from cash, positions and reservations.

    ``multiplier`` is what the account was opened with, less what its owner allows; below 2 000 of equity it is 1, and
    nothing can be sold short. Buying power: with multiplier 1 the cash; with 2 twice the equity beyond the initial
    margin; with 4 four times the equity beyond the maintenance margin.
    """
    long_value = short_value = initial = maintenance = ZERO
    for held in positions:
        value = held.value
        if value >= 0:
            long_value += value
        else:
            short_value += value
        initial += initial_requirement(held)
        maintenance += maintenance_requirement(held)
    equity = cash + long_value + short_value
    # A cash account has no minimum; one that may borrow does below it only what its cash allows.
    in_force = multiplier if equity >= MINIMUM_EQUITY else 1
    excess = max(equity - initial, ZERO)
    regt = 2 * excess
    free_cash = max(min(cash, excess), ZERO) if multiplier > 1 else max(cash, ZERO)
    if in_force == 1:
        power = free_cash
    elif in_force == 2:
        power = regt
    else:
        power = 4 * max(equity - maintenance, ZERO)
    used = reserved_margin + reserved_cash * in_force
    loan = reserved_margin / in_force if in_force > 1 else reserved_margin
    spendable = free_cash - reserved_cash - loan
    return AccountFigures(
        cash=cash,
        long_market_value=long_value,
        short_market_value=short_value,
        equity=equity,
        initial_margin=initial,
        maintenance_margin=maintenance,
        multiplier=in_force,
        reserved_margin=reserved_margin,
        reserved_cash=reserved_cash,
        buying_power=max(power - used, ZERO),
        regt_buying_power=max(regt - reserved_margin - 2 * reserved_cash, ZERO)
        if multiplier > 1
        else max(power - used, ZERO),
        non_marginable_buying_power=max(min(spendable, cash - reserved_cash), ZERO),
        can_short=may_short and multiplier > 1 and equity >= MINIMUM_EQUITY,
    )


def daily_charge(amount: Decimal, rate: Decimal) -> Decimal:
    """A day's share of a yearly rate on an amount: ``amount x rate / 360``, exact to 12 decimals."""
    if amount <= 0 or rate <= 0:
        return ZERO
    return _WIDE.divide(_WIDE.multiply(amount, rate), DAYS_OF_A_YEAR).quantize(
        Decimal("0.000000000001"), context=_WIDE
    )


def must_liquidate(*, equity: Decimal, maintenance: Decimal, is_overdue: bool) -> bool:
    """Whether positions are closed now: an overdue call, or equity below half of what has to be there."""
    if maintenance <= 0 or equity >= maintenance:
        return False
    return is_overdue or equity < _WIDE.multiply(maintenance, LIQUIDATION_SHARE)
