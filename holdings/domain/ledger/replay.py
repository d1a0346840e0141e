"""From a journal to books: sorting, deferring transfers, learning prices and splits, and applying every transaction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from holdings.domain.ledger import section104
from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.handlers import HANDLERS
from holdings.domain.ledger.parcels import PlannedMatch
from holdings.domain.ledger.pools import rebase
from holdings.domain.ledger.state import Books, Effects, LedgerError, Setup
from holdings.domain.ledger.tally import Tally
from holdings.domain.ledger.trades import check_method, gross
from holdings.domain.ledger.transfers import is_early
from holdings.domain.market import Market, MissingRate, SplitEvent, TradePrice
from holdings.domain.numbers import derived, exact
from holdings.domain.series import Series
from holdings.domain.types import (
    ZERO,
    CostMethod,
    Instrument,
    Problem,
    Transaction,
    TransactionType,
)

TRADED = (TransactionType.BUY, TransactionType.SELL)
PRICED = (
    TransactionType.BUY,
    TransactionType.SELL,
    TransactionType.DELIVERY_IN,
    TransactionType.DELIVERY_OUT,
    TransactionType.DIVIDEND,
    TransactionType.DISTRIBUTION,
    TransactionType.INTEREST,
    TransactionType.STAKING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A finished replay: the ledger at its end and everything that happened on the way."""

    ledger: Ledger
    effects: Effects
    problems: tuple[Problem, ...]


def in_order(transactions: Iterable[Transaction], timezone: str = "UTC") -> list[Transaction]:
    """Journal order: by instant, a bare date as 00:00 of its day, equal instants as they stand."""
    rows = list(transactions)
    if all(row.at is None for row in rows):
        return sorted(rows, key=lambda row: row.day)
    zone = ZoneInfo(timezone)
    midnights: dict[object, float] = {}

    def key(row: Transaction) -> tuple[int, float]:
        if row.at is not None:
            return row.day.toordinal(), row.at.timestamp()
        if row.day not in midnights:
            midnights[row.day] = datetime.combine(row.day, time.min, zone).timestamp()
        return row.day.toordinal(), midnights[row.day]

    return sorted(rows, key=key)


def market_of(
    *,
    base_currency: str,
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, Series],
    fx: Mapping[tuple[str, str], Series],
    ordered: Sequence[Transaction],
) -> Market:
    """The market as a journal sees it: with its splits, and its transaction prices where there is no close yet."""
    rates = Market(base_currency=base_currency, instruments=instruments, prices={}, fx=fx)
    trades: dict[str, list[TradePrice]] = {}
    first_close = {name: series.first for name, series in prices.items()}
    # Where a close is known from the first entry on, no entry's own price is ever asked for.
    begin = ordered[0].day.toordinal() if ordered else 0
    closed = {name for name, day in first_close.items() if day is not None and day <= begin}
    with exact():
        for order, tx in enumerate(ordered, 1):
            kind, name = tx.type, tx.instrument
            if name is None or name not in instruments or (kind in TRADED and name in closed):
                continue
            if kind in PRICED and tx.quantity and tx.to_instrument is None:
                known_from = first_close.get(name)
                # What a delivery once cost is no price of its day: it only stands in where nothing else is known.
                traded = tx.price is not None or kind in TRADED
                if (known_from is None or tx.day.toordinal() < known_from) and (traded or name not in trades):
                    price = trade_price(tx, instruments[name], rates)
                    if price is not None:
                        trades.setdefault(name, []).append(TradePrice(tx.day.toordinal(), order, price))
            elif kind in (TransactionType.SYMBOL_CHANGE, TransactionType.MERGER):
                _carry_price(trades, tx, order, prices, instruments)
    return Market(
        base_currency=base_currency,
        instruments=instruments,
        prices=prices,
        fx=fx,
        splits=_splits(ordered),
        trade_prices=trades,
    )


def _carry_price(
    trades: dict[str, list[TradePrice]],
    tx: Transaction,
    order: int,
    prices: Mapping[str, Series],
    instruments: Mapping[str, Instrument],
) -> None:
    """A new symbol without a price of its own starts from the old one's, divided by the ratio."""
    old, new = tx.instrument, tx.to_instrument
    if (
        old is None
        or new is None
        or new not in instruments
        or instruments[old].currency != instruments[new].currency
    ):
        return
    ordinal = tx.day.toordinal()
    closes = prices.get(old)
    price = None if closes is None else closes.at(ordinal)
    if price is None and trades.get(old):
        price = trades[old][-1].price
    first = prices[new].first if new in prices else None
    if price is None or tx.amount or (first is not None and first <= ordinal):
        return
    if tx.ratio is not None and tx.ratio > 0:
        price = derived(price * tx.ratio.denominator, Decimal(tx.ratio.numerator))
    trades.setdefault(new, []).append(TradePrice(ordinal, order, price))


def trade_price(tx: Transaction, instrument: Instrument, market: Market) -> Decimal | None:
    """The unit price a transaction shows, in the instrument's currency; None where it shows none."""
    price = tx.price
    if price is None and tx.quantity and instrument.unit:
        total = tx.amount if tx.amount is not None else tx.cost
        if total is not None:
            price = derived(total, tx.quantity * instrument.unit)
    if price is None or tx.currency == instrument.currency or not price:
        return price
    if tx.instrument_rate is not None:
        return price * tx.instrument_rate
    if instrument.currency == market.base_currency and tx.fx_rate is not None:
        return price * tx.fx_rate
    try:
        return price * market.rate(tx.currency, instrument.currency, tx.day.toordinal())
    except MissingRate:
        return None  # the ledger refuses the transaction itself if it needs that rate


def replay(
    setup: Setup,
    ordered: Sequence[Transaction],
    *,
    books: Books | None = None,
    rebase_on: int | None = None,
    splits: Mapping[str, Sequence[SplitEvent]] | None = None,
    tally: Tally | None = None,
    rows: bool = True,
) -> Replay:
    """Apply a journal (already ``in_order``) and collect every problem instead of stopping at the first.

    ``rebase_on``: the ordinal of a statement's ``from``: statement gains are measured from the value at the end of that day.
    ``tally`` adds up what happens; without ``rows``, of the effects only realised parcels, external flows and notices are
    written down.
    """
    planned: list[PlannedMatch] = []
    if setup.method is CostMethod.SECTION104:
        physical = Ledger(replace(setup, method=CostMethod.AVERAGE), books, handlers=HANDLERS, rows=False)
        done = _run(physical, ordered, None)
        planned = section104.plan(done.effects.pool_events, splits or _splits(ordered))
    ledger = Ledger(setup, books, handlers=HANDLERS, plan=planned, tally=tally, rows=rows)
    return _run(ledger, ordered, rebase_on)


def _splits(ordered: Sequence[Transaction]) -> dict[str, list[SplitEvent]]:
    found: dict[str, list[SplitEvent]] = {}
    for order, tx in enumerate(ordered, 1):
        if tx.type is TransactionType.SPLIT and tx.instrument and tx.ratio:
            found.setdefault(tx.instrument, []).append(
                SplitEvent(tx.day.toordinal(), order, tx.ratio, tx.account)
            )
    return found


def _run(ledger: Ledger, ordered: Sequence[Transaction], rebase_on: int | None) -> Replay:
    problems: list[Problem] = []
    waiting: list[tuple[int, Transaction]] = []
    transfer = TransactionType.TRANSFER
    handlers = ledger.handlers
    rebase_before = -1
    if rebase_on is not None:
        rebase_before = bisect_right(ordered, rebase_on, key=lambda tx: tx.day.toordinal())
    with exact():
        for index, tx in enumerate(ordered):
            if index == rebase_before and rebase_on is not None:
                _open_statement(ledger, rebase_on)
            if tx.lots:
                check_method(ledger, tx)
            ledger.sequence = index + 1
            if not waiting and tx.type is not transfer:
                ledger.ordinal = tx.day.toordinal()
                try:
                    handlers[tx.type](ledger, tx)
                except (LedgerError, MissingRate) as refused:
                    problems.append(_problem(tx, refused))
                continue
            last_of_day = index + 1 == len(ordered) or ordered[index + 1].day != tx.day
            if tx.type is transfer and not last_of_day and is_early(ledger, tx):
                waiting.append((index, tx))
                continue
            _book(ledger, tx, problems)
            while waiting:
                ready = next((item for item in waiting if last_of_day or not is_early(ledger, item[1])), None)
                if ready is None:
                    break
                if last_of_day:
                    ready = next((item for item in waiting if not is_early(ledger, item[1])), ready)
                waiting.remove(ready)
                ledger.sequence = ready[0] + 1
                _book(ledger, ready[1], problems)
        if rebase_on is not None and rebase_before == len(ordered):
            _open_statement(ledger, rebase_on)
    return Replay(ledger=ledger, effects=ledger.effects, problems=tuple(problems))


def _open_statement(ledger: Ledger, ordinal: int) -> None:
    rebase(ledger, ordinal)
    if ledger.tally is not None:
        ledger.tally.mark(ledger.cash)


def _book(ledger: Ledger, tx: Transaction, problems: list[Problem]) -> None:
    try:
        ledger.book(tx)
    except LedgerError as refused:
        problems.append(_problem(tx, refused))


def _problem(tx: Transaction, refused: LedgerError | MissingRate) -> Problem:
    if isinstance(refused, MissingRate):
        refused = LedgerError.of(refused)
    return Problem(f"{tx.path or tx.id}.{refused.field}", refused.message)


def disagreement(tx: Transaction, instrument: Instrument) -> Decimal | None:
    """How far ``amount`` and quantity × price lie apart, as a part of the amount; None where not both are given."""
    if tx.amount is None or tx.price is None or not tx.quantity:
        return None
    computed = gross(replace(tx, amount=None), instrument)
    if tx.amount == computed:
        return ZERO
    return derived(abs(computed - tx.amount), tx.amount) if tx.amount else Decimal(1)
