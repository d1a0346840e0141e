"""The demo site: five years of a person's savings, as journal entries. Pure: prices and dividends in, entries out.

The person lives in the euro area, saves monthly into world ETFs, keeps some shares in dollars, pounds and francs, two
government bonds and a little crypto. Every purchase is at that day's close, and cash is there before it is spent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from holdings.operations import Entry

YEARS = 5
CENT = Decimal("0.01")

#: (months after the start, symbol, amount to invest in the instrument's currency)
PURCHASES: tuple[tuple[int, str, int], ...] = (
    (0, "AAPL", 6000),
    (0, "MSFT", 6500),
    (1, "NESN.SW", 4000),
    (1, "SHEL.L", 3000),
    (2, "NVDA", 2500),
    (3, "SAP.DE", 3500),
    (4, "NOVN.SW", 3600),
    (5, "AZN.L", 2800),
    (6, "BTC-USD", 3000),
    (8, "ETH-USD", 2000),
    (10, "JNJ", 3000),
    (12, "TSLA", 4000),
    (14, "ASML.AS", 4200),
    (18, "KO", 2500),
    (22, "ALV.DE", 3000),
    (26, "GLD", 4000),
    (30, "MSFT", 3500),
    (34, "BTC-USD", 1500),
    (40, "AGG", 5000),
    (48, "SHEL.L", 1800),
)
#: (months after the start, symbol, share of what is held then)
SALES: tuple[tuple[int, str, str], ...] = (
    (28, "AAPL", "0.30"),
    (33, "TSLA", "1"),
    (38, "NVDA", "0.25"),
    (45, "ETH-USD", "0.5"),
)
#: Bonds: (months after the start, symbol, nominal amount, months between coupons, yearly coupon in percent)
BONDS: tuple[tuple[int, str, int, int, str], ...] = (
    (20, "DE000BU2Z031", 10000, 12, "2.60"),
    (36, "US91282CLW90", 8000, 6, "4.25"),
)
#: Opening deposits and later ones: (months after the start, currency, amount)
DEPOSITS: tuple[tuple[int, str, int], ...] = (
    (0, "EUR", 12000),
    (0, "USD", 26000),
    (1, "CHF", 8000),
    (1, "GBP", 6000),
    (12, "USD", 6000),
    (26, "USD", 7500),
    (36, "USD", 9000),
    (40, "USD", 4000),
    (48, "GBP", 1500),
    (20, "EUR", 10500),
)
MONTHLY_DEPOSIT = 1200
MONTHLY_ETFS = (("EUNL.DE", Decimal(700)), ("VWCE.DE", Decimal(400)))

#: Withholding tax by country of the payer, as a share of the gross dividend.
WITHHOLDING = {"CH": Decimal("0.35"), "US": Decimal("0.15"), "DE": Decimal("0.26375"), "NL": Decimal("0.15")}
TRADE_FEE = {"EUR": Decimal("1.00"), "USD": Decimal("1.50"), "GBP": Decimal("3.00"), "CHF": Decimal("5.00")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What the story needs to know of an instrument."""

    id: int
    symbol: str
    currency: str
    country: str
    is_percent: bool
    quantity_step: Decimal
    closes: Mapping[date, Decimal]
    dividends: Mapping[date, Decimal]
    splits: Mapping[date, Decimal]


@dataclass(slots=True)
class Story:
    """The entries so far, and what is held and in cash after them."""

    market: Mapping[str, Listed]
    start: date
    today: date
    entries: list[Entry] = field(default_factory=list)
    held: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def month(self, number: int, day: int = 3) -> date:
        """Return a day in the n-th month of the story."""
        index = self.start.month - 1 + number
        return date(self.start.year + index // 12, index % 12 + 1, day)

    def trading_day(self, symbol: str, day: date) -> date | None:
        """Return the first day with a close on or after `day`, or None when the story ends before one."""
        closes = self.market[symbol].closes
        for ahead in range(10):
            found = day + timedelta(days=ahead)
            if found in closes and found < self.today:
                return found
        return None

    def add(self, kind: str, day: date, **values: object) -> None:
        """Append an entry of the journal."""
        self.entries.append(Entry(type=kind, occurred=day, source="demo", **values))  # type: ignore[arg-type]


def five_years(*, market: Mapping[str, Listed], today: date) -> list[Entry]:
    """Return the journal of the demo portfolio up to yesterday, in the order in which it happened."""
    story = Story(market=market, start=date(today.year - YEARS, today.month, 1), today=today)
    plan: list[tuple[date, int, tuple[object, ...]]] = []
    for months, currency, amount in DEPOSITS:
        plan.append((story.month(months, 1), 0, ("deposit", currency, Decimal(amount))))
    for number in range(YEARS * 12):
        plan.append((story.month(number, 2), 0, ("deposit", "EUR", Decimal(MONTHLY_DEPOSIT))))
        for symbol, spend in MONTHLY_ETFS:
            plan.append((story.month(number, 5), 2, ("buy", symbol, spend)))
    plan += [(story.month(months), 2, ("buy", symbol, Decimal(total))) for months, symbol, total in PURCHASES]
    plan += [(story.month(months), 3, ("sell", symbol, Decimal(share))) for months, symbol, share in SALES]
    for months, symbol, nominal, every, coupon in BONDS:
        plan.append((story.month(months, 10), 2, ("bond", symbol, Decimal(nominal))))
        for number in range(months + every, YEARS * 12, every):
            plan.append((story.month(number, 15), 4, ("coupon", symbol, Decimal(coupon) * every / 12)))
    for symbol, listed in market.items():
        plan += [
            (day, 1, ("split", symbol, ratio)) for day, ratio in listed.splits.items() if day >= story.start
        ]
        plan += [
            (day, 4, ("dividend", symbol, cash))
            for day, cash in listed.dividends.items()
            if day >= story.start
        ]
    for year in range(1, YEARS + 1):
        plan.append((story.month(year * 12 - 1, 28), 5, ("custody",)))
    for day, _, step in sorted(plan, key=lambda item: (item[0], item[1])):
        if day < today:
            _STEPS[str(step[0])](story, day, *step[1:])
    return sorted(story.entries, key=lambda entry: str(entry.occurred))


def _deposit(story: Story, day: date, currency: str, amount: Decimal) -> None:
    story.add("deposit", day, amount=amount, currency=currency)


def _buy(story: Story, day: date, symbol: str, spend: Decimal) -> None:
    listed, on = story.market[symbol], story.trading_day(symbol, day)
    if on is None:
        return
    price = listed.closes[on]
    step = max(listed.quantity_step, Decimal("0.0001"))
    quantity = (spend / price / step).to_integral_value(rounding=ROUND_DOWN) * step
    if listed.currency != "EUR" and not symbol.endswith("-USD"):
        quantity = quantity.to_integral_value(rounding=ROUND_DOWN)
    story.add(
        "buy",
        on,
        instrument_id=listed.id,
        quantity=quantity,
        price=price,
        fees=TRADE_FEE[listed.currency],
        tags=("savings plan",) if symbol in dict(MONTHLY_ETFS) else (),
    )
    story.held[symbol] += quantity


def _bond(story: Story, day: date, symbol: str, nominal: Decimal) -> None:
    listed, on = story.market[symbol], story.trading_day(symbol, day)
    if on is None:
        return
    story.add(
        "buy",
        on,
        instrument_id=listed.id,
        quantity=nominal,
        price=listed.closes[on],
        fees=TRADE_FEE[listed.currency],
        note="Nominal amount; the price is in percent.",
    )
    story.held[symbol] += nominal


def _sell(story: Story, day: date, symbol: str, share: Decimal) -> None:
    listed, on = story.market[symbol], story.trading_day(symbol, day)
    step = listed.quantity_step if symbol.endswith("-USD") else Decimal(1)
    quantity = story.held[symbol] * share
    if share < 1:
        quantity = (quantity / step).to_integral_value(rounding=ROUND_DOWN) * step
    if on is None or quantity <= 0:
        return
    story.add(
        "sell",
        on,
        instrument_id=listed.id,
        quantity=quantity,
        price=listed.closes[on],
        fees=TRADE_FEE[listed.currency],
    )
    story.held[symbol] -= quantity


def _coupon(story: Story, day: date, symbol: str, percent: Decimal) -> None:
    if story.held[symbol] > 0:
        amount = (story.held[symbol] * percent / 100).quantize(CENT, rounding=ROUND_HALF_EVEN)
        story.add("interest", day, instrument_id=story.market[symbol].id, amount=amount, note="Coupon")


def _split(story: Story, day: date, symbol: str, ratio: Decimal) -> None:
    if story.held[symbol] > 0:
        story.add("split", day, instrument_id=story.market[symbol].id, ratio=f"{ratio.normalize():f}")
        story.held[symbol] *= ratio


def _dividend(story: Story, day: date, symbol: str, per_share: Decimal) -> None:
    listed = story.market[symbol]
    gross = (story.held[symbol] * per_share).quantize(CENT, rounding=ROUND_HALF_EVEN)
    if gross > 0:
        tax = (gross * WITHHOLDING.get(listed.country, Decimal(0))).quantize(CENT, rounding=ROUND_HALF_EVEN)
        story.add("dividend", day, instrument_id=listed.id, amount=gross, taxes=tax)


def _custody(story: Story, day: date) -> None:
    story.add("fee", day, amount=Decimal("24.00"), currency="EUR", note="Custody fee of the year")


_STEPS: dict[str, Callable[..., None]] = {
    "deposit": _deposit,
    "buy": _buy,
    "bond": _bond,
    "sell": _sell,
    "coupon": _coupon,
    "split": _split,
    "dividend": _dividend,
    "custody": _custody,
}
