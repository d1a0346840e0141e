"""What a portfolio is made of: its parts by class, sector, currency, country, account, tag or holding, and their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from holdings.domain.numbers import exact, quotient
from holdings.domain.rebalancing import Held, Trade, trades_to
from holdings.models import Account, Portfolio, Position, TargetDimension, Transaction
from holdings.queries.insights.lens import Lens
from holdings.queries.targets import CASH, instrument_ids, targets_of
from holdings.queries.valuing import HoldingRow, Snapshot, unit_of
from marketdata.models import Instrument
from marketdata.queries import latest_quotes

ZERO = Decimal(0)
NONE = ""
DIMENSIONS = {
    "asset_class": "Asset class",
    "sector": "Sector",
    "currency": "Currency",
    "country": "Country",
    "account": "Account",
    "tag": "Tag",
    "instrument": "Holding",
}
TARGETABLE = frozenset(TargetDimension.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a part holds of one thing (or of cash: no instrument), in the portfolio's currency.

    `quantity` is in units of the thing, or the balance of cash in its own `currency`, which lies in `account_id`.
    """

    instrument_id: int | None
    label: str
    name: str
    value: Decimal
    weight: Decimal | None
    day_change: Decimal | None
    quantity: Decimal = ZERO
    account_id: int | None = None
    currency: str = ""


@dataclass(slots=True, kw_only=True)
class Part:
    """A part of the portfolio. `weight` and `target` are parts of securities and cash together."""

    key: str
    label: str
    members: list[Member] = field(default_factory=list)
    value: Decimal = ZERO
    weight: Decimal | None = None
    target: Decimal | None = None

    @property
    def drift(self) -> Decimal | None:
        """How far the weight is above its target."""
        return None if self.target is None or self.weight is None else self.weight - self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The parts by one dimension, the largest first. `total` is None where a price or rate is missing."""

    dimension: str
    total: Decimal | None
    parts: tuple[Part, ...]
    targeted: Decimal

    @property
    def has_targets(self) -> bool:
        """Whether any part has a target."""
        return any(part.target is not None for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """A trade that brings a part to its target; without an instrument it is money for a part that holds nothing."""

    key: str
    part: str
    instrument_id: int | None
    symbol: str
    quantity: Decimal | None
    amount: Decimal
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebalancing:
    """The trades, and the cash before and after them."""

    trades: tuple[Suggested, ...]
    cash_before: Decimal
    cash_after: Decimal


def allocation_of(lens: Lens, dimension: str) -> Allocation:
    """The parts of a portfolio now. Two to four statements beyond the snapshot's."""
    shown, portfolio = lens.snapshot, lens.portfolio
    parts: dict[str, Part] = {}
    total = _total(shown)
    with exact():
        for key, label, row, fraction in _pieces(portfolio, shown, dimension):
            if row.market_value_base is None or not row.quantity:
                continue
            _add(parts, key, label, _member(row, fraction, total))
        for cash in shown.cash:
            if cash.balance_base:
                key, label = _cash_part(dimension, cash.account_id, cash.account, cash.currency)
                _add(
                    parts,
                    key,
                    label,
                    Member(
                        instrument_id=None,
                        label=f"Cash · {cash.currency}",
                        name=cash.account,
                        value=cash.balance_base,
                        weight=_part_of(cash.balance_base, total),
                        day_change=None,
                        quantity=cash.balance,
                        account_id=cash.account_id,
                        currency=cash.currency,
                    ),
                )
    targets = targets_of(portfolio.pk, dimension)
    names = _names(targets, dimension, portfolio) if targets.keys() - parts.keys() else {}
    for key, target in targets.items():
        parts.setdefault(key, Part(key=key, label=names.get(key) or label_of(dimension, key))).target = target
    for part in parts.values():
        part.weight = _part_of(part.value, total)
        part.members.sort(key=lambda member: -member.value)
    return Allocation(
        dimension=dimension,
        total=total,
        parts=tuple(sorted(parts.values(), key=lambda part: (-part.value, part.label))),
        targeted=sum(targets.values(), ZERO),
    )


def rebalancing_of(lens: Lens, allocation: Allocation) -> Rebalancing | None:
    """The trades that restore the targets; None without targets, or where a price or rate is missing."""
    targets = {part.key: part.target for part in allocation.parts if part.target is not None}
    shown = lens.snapshot
    if not targets or allocation.total is None or allocation.total <= 0 or shown.cash_value is None:
        return None
    rows = {row.instrument_id: row for row in shown.holdings}
    wanted = instrument_ids(targets) if allocation.dimension == "instrument" else []
    # As the owner sees them: a target is no way to look at somebody else's things.
    instruments = Instrument.objects.visible_to(lens.portfolio.owner).in_bulk([*rows, *wanted])
    held = [
        found
        for part in allocation.parts
        for found in _held(lens, part, rows, instruments, alone=allocation.dimension == "instrument")
    ]
    trades = trades_to(
        {key: weight for key, weight in targets.items() if key != CASH and weight is not None},
        held,
        values={part.key: part.value for part in allocation.parts},
        total=allocation.total,
    )
    labels = {part.key: part.label for part in allocation.parts}
    suggested = tuple(_suggested(trade, labels, rows, instruments) for trade in trades)
    with exact():
        spent = sum((trade.amount for trade in trades), ZERO)
        return Rebalancing(
            trades=suggested, cash_before=shown.cash_value, cash_after=shown.cash_value - spent
        )


def label_of(dimension: str, key: str) -> str:
    """What a part is called."""
    if key == CASH and dimension not in ("account", "tag", "currency"):
        return "Cash"
    if not key:
        return "Untagged" if dimension == "tag" else "Not known"
    if dimension == "asset_class":
        return str(dict(Instrument._meta.get_field("asset_class").flatchoices).get(key, key))
    return key


def _held(
    lens: Lens, part: Part, rows: dict[int, HoldingRow], instruments: dict[int, Instrument], *, alone: bool
) -> Iterable[Held]:
    for member in part.members:
        if member.instrument_id is None:
            continue
        row = rows[member.instrument_id]
        yield Held(
            id=str(row.instrument_id),
            part=part.key,
            quantity=row.quantity,
            value=member.value,
            unit_value=quotient(row.market_value_base, row.quantity)
            if row.market_value_base is not None
            else None,
            step=instruments[row.instrument_id].quantity_step,
        )
    thing = instruments.get(next(iter(instrument_ids([part.key])), 0)) if alone else None
    if thing is not None and not part.members:
        quote = latest_quotes([thing.pk]).get(thing.pk)
        rate = None if quote is None else lens.converted(Decimal(1), thing.currency)
        unit = None if quote is None or rate is None else quote.last * unit_of(thing) * rate
        yield Held(
            id=part.key, part=part.key, quantity=ZERO, value=ZERO, unit_value=unit, step=thing.quantity_step
        )


def _suggested(
    trade: Trade, labels: dict[str, str], rows: dict[int, HoldingRow], instruments: dict[int, Instrument]
) -> Suggested:
    pk = int(trade.id) if trade.id else None
    row = rows.get(pk) if pk is not None else None
    return Suggested(
        key=trade.part,
        part=labels.get(trade.part, trade.part),
        instrument_id=pk,
        symbol=instruments[pk].symbol if pk is not None else "",
        quantity=trade.quantity,
        amount=trade.amount,
        price=row.price.price if row is not None and row.price is not None else None,
        currency=row.currency if row is not None else "",
    )


def _pieces(
    portfolio: Portfolio, shown: Snapshot, dimension: str
) -> Iterable[tuple[str, str, HoldingRow, Decimal | None]]:
    """(part, its label, holding, quantity in it or None for all of it)."""
    if dimension in ("account", "tag"):
        yield from _by_position(portfolio, shown, dimension)
        return
    names: dict[str, Callable[[HoldingRow], str]] = {
        "asset_class": lambda row: row.asset_class,
        "sector": lambda row: row.sector,
        "currency": lambda row: row.currency,
        "country": lambda row: row.country,
        "instrument": lambda row: str(row.instrument_id),
    }
    for row in shown.holdings:
        key = names[dimension](row)
        yield key, row.symbol if dimension == "instrument" else label_of(dimension, key), row, None


def _by_position(
    portfolio: Portfolio, shown: Snapshot, dimension: str
) -> Iterable[tuple[str, str, HoldingRow, Decimal | None]]:
    rows = {row.instrument_id: row for row in shown.holdings}
    positions = Position.objects.filter(portfolio=portfolio).order_by("instrument_id", "account_id")
    held = [position for position in positions if position.quantity and position.instrument_id in rows]
    accounts = {row.pk: row.name for row in Account.objects.filter(portfolio=portfolio)}
    tags: dict[tuple[int | None, int | None], set[str]] = {}
    if dimension == "tag":
        entries = Transaction.objects.filter(portfolio=portfolio, instrument__isnull=False).counting()
        for instrument_id, account_id, found in entries.exclude(tags=[]).values_list(
            "instrument_id", "account_id", "tags"
        ):
            tags.setdefault((instrument_id, account_id), set()).update(found)
    for position in held:
        row = rows[position.instrument_id]
        if dimension == "account":
            yield str(position.account_id), accounts[position.account_id], row, position.quantity
            continue
        for tag in sorted(tags.get((position.instrument_id, position.account_id), {NONE})):
            yield tag, label_of("tag", tag), row, position.quantity


def _member(row: HoldingRow, quantity: Decimal | None, total: Decimal | None) -> Member:
    value = row.market_value_base or ZERO
    change = row.day_change_base
    if quantity is not None and quantity != row.quantity:
        unit = value / row.quantity
        value = unit * quantity
        change = None if change is None else change * quantity / row.quantity
    return Member(
        instrument_id=row.instrument_id,
        label=row.symbol,
        name=row.name,
        value=value,
        weight=_part_of(value, total),
        day_change=change,
        quantity=row.quantity if quantity is None else quantity,
        currency=row.currency,
    )


def _add(parts: dict[str, Part], key: str, label: str, member: Member) -> None:
    part = parts.setdefault(key, Part(key=key, label=label))
    part.members.append(member)
    part.value += member.value


def _cash_part(dimension: str, account_id: int, account: str, currency: str) -> tuple[str, str]:
    if dimension == "account":
        return str(account_id), account
    if dimension == "currency":
        return currency, currency
    return (NONE, label_of("tag", NONE)) if dimension == "tag" else (CASH, "Cash")


def _names(targets: dict[str, Decimal], dimension: str, portfolio: Portfolio) -> dict[str, str]:
    if dimension != "instrument":
        return {}
    visible = Instrument.objects.visible_to(portfolio.owner).filter(pk__in=instrument_ids(targets))
    return {str(pk): symbol for pk, symbol in visible.values_list("pk", "symbol")}


def _total(shown: Snapshot) -> Decimal | None:
    if shown.market_value is None or shown.cash_value is None:
        return None
    return shown.market_value + shown.cash_value


def _part_of(value: Decimal, total: Decimal | None) -> Decimal | None:
    return None if total is None or total <= 0 else quotient(value, total)
