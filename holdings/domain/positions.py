"""Positions: every instrument ever held, per account, with its lots, cost, value, gains and money-weighted return."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from holdings.domain.ledger.engine import Ledger
from holdings.domain.ledger.state import Lot
from holdings.domain.ledger.tally import DIVIDEND, FEE, IN_BASE, INTEREST, TAX, Column, Place, Tally
from holdings.domain.numbers import EXACT, quotient, share
from holdings.domain.statistics.irr import Irr, irr_of_days
from holdings.domain.types import ZERO, Account, Instrument

Key = tuple[str, str]
Resolve = Callable[[str, str], Key | None]


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


def positions_of(ledger: Ledger, tally: Tally, ordinal: int) -> list[Position]:
    """Positions as of the end of a day (the ledger's end), in order of first appearance. Needs the exact context."""
    keys = list(tally.held)
    resolve = _resolver(keys, ledger.setup.accounts)
    places = _places(tally, resolve)
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
        place = places[key]
        own_irr = _irr(place.flows, ordinal, value)
        shown.append(
            Position(
                instrument=key[0],
                account=key[1],
                currency=instrument.currency,
                quantity=quantity,
                cost_basis=sum([lot.cost for lot in lots], ZERO),
                cost_basis_base=sum([lot.cost_base for lot in lots], ZERO),
                price=None if quote is None else quote.price,
                price_base=None if quote is None or price_rate is None else quote.price * price_rate,
                price_date=None if quote is None else quote.day,
                market_value=value,
                market_value_base=value_base,
                realised_gain=place.gain,
                realised_gain_base=place.gain_base,
                dividends=place.sums[DIVIDEND],
                dividends_base=place.sums[DIVIDEND + IN_BASE],
                interest=place.sums[INTEREST],
                interest_base=place.sums[INTEREST + IN_BASE],
                fees=place.sums[FEE],
                fees_base=place.sums[FEE + IN_BASE],
                taxes=place.sums[TAX],
                taxes_base=place.sums[TAX + IN_BASE],
                irr=own_irr,
                irr_base=own_irr if place.flows_base is None else _irr(place.flows_base, ordinal, value_base),
                lots=tuple(lots),
            )
        )
    return shown


def _known_rate(ledger: Ledger, instrument: Instrument, ordinal: int) -> Decimal | None:
    try:
        return ledger.market.rate(instrument.currency, ledger.base, ordinal)
    except LookupError:
        return None  # nothing is held any more, so nothing needs it


def _irr(put_in: Column, ordinal: int, value: Decimal) -> Irr:
    dated = {day: -float(amount) for day, amount in put_in.items()}
    dated[ordinal] = -float(put_in.get(ordinal, ZERO) - value)
    return irr_of_days(dated)


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


def _places(tally: Tally, resolve: Resolve) -> dict[Key, Place]:
    """What happened to each position, with income and costs that were booked elsewhere but belong to it."""
    found = {key: tally.places[key] for key in tally.held}
    for key, place in tally.places.items():
        if key in tally.held:
            continue
        home = resolve(*key)
        if home is not None:
            found[home] = _together(found[home], place)
    return found


def _together(place: Place, other: Place) -> Place:
    """Both in one; what they were made of stays as it is."""
    made = Place(foreign=place.flows_base is not None)
    made.quantities, made.gain, made.gain_base = place.quantities, place.gain, place.gain_base
    made.sums = [one + two for one, two in zip(place.sums, other.sums, strict=True)]
    made.flows = _added(place.flows, other.flows)
    if place.flows_base is not None and other.flows_base is not None:
        made.flows_base = _added(place.flows_base, other.flows_base)
    return made


def _added(column: Column, other: Column) -> Column:
    merged = dict(column)
    for day, amount in other.items():
        merged[day] = merged[day] + amount if day in merged else amount
    return merged


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
