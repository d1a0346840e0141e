"""Positions: every instrument ever held, per account, with its lots, cost, value, gains and money-weighted return."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.state import Charge, Effects, Income, Lot, PositionFlow, Realised
from holdings.domain.numbers import EXACT, quotient, share
from holdings.domain.statistics.irr import Irr, irr_of_days
from holdings.domain.types import ZERO, Account, Instrument

Key = tuple[str, str]
Resolve = Callable[[str, str], Key | None]
AMOUNT, BASE = attrgetter("amount"), attrgetter("base")
PROCEEDS, COST = attrgetter("proceeds"), attrgetter("cost")
PROCEEDS_BASE, COST_BASE = attrgetter("proceeds_base"), attrgetter("cost_base")


@dataclass(frozen=True, slots=True)
class OpenLot:
    """An open parcel as shown; a pool has the id ``pool``."""

    id: str
    opened: date
    quantity: Decimal
    cost: Decimal
    cost_base: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One instrument in one account. Unsuffixed money is in the instrument's currency, ``_base`` in base currency."""

    instrument: str
    account: str
    currency: str
    quantity: Decimal
    cost_basis: Decimal
    cost_basis_base: Decimal
    price: Decimal | None
    price_base: Decimal | None
    price_date: date | None
    market_value: Decimal
    market_value_base: Decimal
    realised_gain: Decimal
    realised_gain_base: Decimal
    dividends: Decimal
    dividends_base: Decimal
    interest: Decimal
    interest_base: Decimal
    fees: Decimal
    fees_base: Decimal
    taxes: Decimal
    taxes_base: Decimal
    irr: Irr
    irr_base: Irr
    lots: tuple[OpenLot, ...]

    @property
    def average_cost(self) -> Decimal:
        """Cost basis per unit, 0 when closed."""
        return quotient(self.cost_basis, self.quantity)

    @property
    def average_cost_base(self) -> Decimal:
        """Cost basis per unit in base currency, 0 when closed."""
        return quotient(self.cost_basis_base, self.quantity)

    @property
    def unrealised_gain(self) -> Decimal:
        """Market value less cost basis."""
        return EXACT.subtract(self.market_value, self.cost_basis)

    @property
    def unrealised_gain_base(self) -> Decimal:
        """Market value less cost basis, in base currency."""
        return EXACT.subtract(self.market_value_base, self.cost_basis_base)


class _Sums:
    """Money per position in both currencies."""

    def __init__(self) -> None:
        self.own: dict[Key, Decimal] = defaultdict(Decimal)
        self.base: dict[Key, Decimal] = defaultdict(Decimal)

    def add(self, key: Key, own: Decimal, base: Decimal) -> None:
        self.own[key] += own
        self.base[key] += base


def positions_of(ledger: Ledger, effects: Effects, ordinal: int) -> list[Position]:
    """Positions as of the end of a day (the ledger's end), in order of first appearance. Needs the exact context."""
    keys = list(dict.fromkeys((move.instrument, move.account) for move in effects.quantities))
    resolve = _resolver(keys, ledger.setup.accounts)
    realised, dividends, interest, fees, taxes = (_Sums() for _ in range(5))
    closed: dict[Key, list[Realised]] = defaultdict(list)
    for row in effects.realised:
        closed[row.instrument, row.account].append(row)
    for key, rows in closed.items():
        realised.add(
            key,
            sum(map(PROCEEDS, rows), ZERO) - sum(map(COST, rows), ZERO),
            sum(map(PROCEEDS_BASE, rows), ZERO) - sum(map(COST_BASE, rows), ZERO),
        )
    _sum(effects.incomes, {"dividend": dividends, "interest": interest}, resolve)
    _sum(effects.charges, {"fee": fees, "tax": taxes}, resolve)
    moves: dict[tuple[str, ...], list[PositionFlow]] = defaultdict(list)
    for flow in effects.positions:
        moves[flow[1:3]].append(flow)  # by instrument and account
    flows: dict[Key, list[PositionFlow]] = defaultdict(list)
    for (name, account), found in moves.items():
        resolved = resolve(name, account)
        if resolved is not None:
            flows[resolved] += found
    pooled = _pool_shares(ledger, keys)
    shown = []
    for key in keys:
        instrument = ledger.setup.instruments[key[0]]
        lots = _open_lots(ledger, key, pooled)
        quantity = ledger.quantities.get(key, ZERO)
        quote = ledger.market.price(key[0], ordinal, key[1])
        value = ZERO if quote is None else quantity * quote.price * instrument.unit
        rate = ledger.market.rate(instrument.currency, ledger.base, ordinal) if value else None
        price_rate = rate if rate is not None else _known_rate(ledger, instrument, ordinal)
        value_base = ZERO if rate is None else value * rate
        own_irr = _irr([(flow.ordinal, flow.amount) for flow in flows[key]], ordinal, value)
        shown.append(
            Position(
                instrument=key[0],
                account=key[1],
                currency=instrument.currency,
                quantity=quantity,
                cost_basis=sum((lot.cost for lot in lots), ZERO),
                cost_basis_base=sum((lot.cost_base for lot in lots), ZERO),
                price=None if quote is None else quote.price,
                price_base=None if quote is None or price_rate is None else quote.price * price_rate,
                price_date=None if quote is None else quote.day,
                market_value=value,
                market_value_base=value_base,
                realised_gain=realised.own[key],
                realised_gain_base=realised.base[key],
                dividends=dividends.own[key],
                dividends_base=dividends.base[key],
                interest=interest.own[key],
                interest_base=interest.base[key],
                fees=fees.own[key],
                fees_base=fees.base[key],
                taxes=taxes.own[key],
                taxes_base=taxes.base[key],
                irr=own_irr,
                irr_base=own_irr
                if instrument.currency == ledger.base
                else _irr([(flow.ordinal, flow.base) for flow in flows[key]], ordinal, value_base),
                lots=tuple(lots),
            )
        )
    return shown


def _known_rate(ledger: Ledger, instrument: Instrument, ordinal: int) -> Decimal | None:
    try:
        return ledger.market.rate(instrument.currency, ledger.base, ordinal)
    except LookupError:
        return None  # nothing is held any more, so nothing needs it


def _irr(flows: Iterable[tuple[int, Decimal]], ordinal: int, value: Decimal) -> Irr:
    put_in: dict[int, Decimal] = {}
    for day, amount in flows:
        put_in[day] = put_in[day] + amount if day in put_in else amount
    put_in[ordinal] = put_in.get(ordinal, ZERO) - value
    return irr_of_days({day: -float(amount) for day, amount in put_in.items()})


def _resolver(keys: list[Key], accounts: Mapping[str, Account]) -> Resolve:
    """Income and costs of an instrument may be booked on its cash account: find the position they belong to."""
    known = set(keys)
    by_instrument: dict[str, list[str]] = defaultdict(list)
    for name, account in keys:
        by_instrument[name].append(account)

    def resolve(instrument: str, account: str) -> Key | None:
        if (instrument, account) in known:
            return instrument, account
        holding = by_instrument.get(instrument)
        if not holding:
            return None
        for name in holding:
            if name in accounts and accounts[name].cash_account == account:
                return instrument, name
        return instrument, holding[0]

    return resolve


def _sum(rows: Iterable[Income | Charge], sums: Mapping[str, _Sums], resolve: Resolve) -> None:
    groups: dict[tuple[str, str | None, str], list[Income | Charge]] = defaultdict(list)
    for row in rows:
        groups[row[1:4]].append(row)  # by kind, instrument and account
    for (kind, name, account), found in groups.items():
        key = None if name is None else resolve(name, account)
        if key is not None:
            sums[kind].add(key, sum(map(AMOUNT, found), ZERO), sum(map(BASE, found), ZERO))


def _pool_shares(ledger: Ledger, keys: list[Key]) -> dict[Key, OpenLot]:
    """Each account's part of its instrument's pool; the last account has the remainder, so that the parts add up."""
    if not ledger.pooled:
        return {}
    shares: dict[Key, OpenLot] = {}
    for name, pool in ledger.pools.items():
        holders = [key for key in keys if key[0] == name and ledger.held.get(key)]
        if not holders:
            continue
        cost, cost_base = pool.cost, pool.cost_base
        for key in holders[:-1]:
            part = ledger.held[key]
            own, base = share(pool.cost, part, pool.quantity), share(pool.cost_base, part, pool.quantity)
            shares[key] = OpenLot("pool", pool.opened, part, own, base)
            cost, cost_base = cost - own, cost_base - base
        shares[holders[-1]] = OpenLot("pool", pool.opened, ledger.held[holders[-1]], cost, cost_base)
    return shares


def _open_lots(ledger: Ledger, key: Key, pooled: Mapping[Key, OpenLot]) -> list[OpenLot]:
    lots: list[Lot] = ledger.lots.get(key, [])
    shown = [OpenLot(lot.id, lot.opened, lot.quantity, lot.cost, lot.cost_base) for lot in lots]
    if key in pooled:
        shown.append(pooled[key])
    return shown
