"""What was held when a split or dividend took effect: who held a share before the ex-date has a right to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdings.domain.ledger import LedgerError, Setup, open_ledger
from holdings.domain.ledger.engine import Ledger
from holdings.domain.numbers import scaled
from holdings.domain.types import ZERO, CostMethod, Transaction, TransactionType


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A split (`ratio`: new shares per old one) or dividend (no ratio) of an instrument.

    `effective` is the instant in the night before the ex-date's session: what was done before is in old shares and entitled.
    `is_missing`: a split that the entries do not know of, and that counts all the same.
    """

    ex_date: date
    effective: datetime
    ratio: Fraction | None = None
    is_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Units held by account when an action took effect, in the shares before it.

    `last_before` is the time of the latest entry before it with a time of its own; `same_day` says whether an entry that
    has only the ex-date as its day moved units: nobody can tell which side of the action it is on.
    """

    by_account: dict[str, Decimal] = field(default_factory=dict)
    last_before: datetime | None = None
    same_day: bool = False

    @property
    def quantity(self) -> Decimal:
        """Units held in all accounts together; negative when short."""
        return sum(self.by_account.values(), ZERO)


def held_at(
    setup: Setup, ordered: Sequence[Transaction], instrument: str, actions: Iterable[Action]
) -> list[Held]:
    """Return for each action what was held of the instrument when it took effect, in the order of the actions given.

    `ordered` are the entries of the instrument and of those that corporate actions tie to it, in journal order. Entries
    that the ledger refuses (there are none in books that hold together) count as not there.
    """
    ledger = open_ledger(replace(setup, method=CostMethod.FIFO, allow_short=True, contribute=False))
    wanted = sorted(enumerate(actions), key=lambda pair: (pair[1].effective, pair[0]))
    found: dict[int, Held] = {}
    waiting: list[Transaction] = []
    last_before: datetime | None = None
    zone = ZoneInfo(setup.timezone)
    for tx in [*ordered, None]:
        while wanted and (tx is None or not _is_before(tx, wanted[0][1])):
            index, action = wanted.pop(0)
            found[index] = Held(
                by_account=_quantities(ledger, instrument),
                last_before=last_before,
                same_day=_moves_on(ordered, action, instrument),
            )
            if action.is_missing and action.ratio is not None:
                _apply_split(ledger, instrument, action)
        if tx is None:
            break
        _apply(ledger, tx, waiting)
        if tx.at is not None and instrument in (tx.instrument, tx.to_instrument):
            last_before = tx.at.astimezone(zone)
    return [found[index] for index in sorted(found)]


def _is_before(tx: Transaction, action: Action) -> bool:
    if action.ratio is None and tx.type is TransactionType.SPLIT and tx.day == action.ex_date:
        return True  # A dividend is told in the shares of its ex-date.
    if tx.at is None:
        return tx.day < action.ex_date
    return tx.at < action.effective


def _moves_on(ordered: Iterable[Transaction], action: Action, instrument: str) -> bool:
    return any(
        tx.at is None
        and tx.day == action.ex_date
        and instrument in (tx.instrument, tx.to_instrument)
        and bool(tx.quantity)
        and tx.type is not TransactionType.SPLIT
        for tx in ordered
    )


def _quantities(ledger: Ledger, instrument: str) -> dict[str, Decimal]:
    return {
        account: quantity
        for (name, account), quantity in sorted(ledger.quantities.items())
        if name == instrument and quantity
    }


def _apply(ledger: Ledger, tx: Transaction, waiting: list[Transaction]) -> None:
    """Book an entry; one that comes too early (a transfer before its purchase, both of one day) when it can be."""
    for each in [replace(tx, lots=()), *waiting]:
        try:
            ledger.apply(each)
        except LedgerError:
            if each not in waiting:
                waiting.append(each)
        else:
            if each in waiting:
                waiting.remove(each)


def _apply_split(ledger: Ledger, instrument: str, action: Action) -> None:
    """Multiply what is held, as if the split were booked."""
    if not any(name == instrument and quantity for (name, _), quantity in ledger.quantities.items()):
        return
    ledger.apply(
        Transaction(
            id="",
            type=TransactionType.SPLIT,
            day=action.ex_date,
            currency=ledger.instrument(instrument).currency,
            instrument=instrument,
            ratio=action.ratio,
        )
    )


def after_split(quantity: Decimal, ratio: Fraction) -> Decimal:
    """Units after a split, fractions and all."""
    return scaled(quantity, ratio)


def moment_of_split(action: Action, held: Held, timezone: str) -> date | datetime:
    """When to book a split so that it stands behind everything done in old shares and before everything in new ones.

    The ex-date, which is its first instant in the portfolio's time zone, unless something with a time of its own was done in
    old shares after that (an exchange far away): then the night before the session.
    """
    zone = ZoneInfo(timezone)
    midnight = datetime.combine(action.ex_date, time(0), zone).astimezone(UTC)
    if held.last_before is None or held.last_before < midnight:
        return action.ex_date
    if action.effective.astimezone(zone).date() == action.ex_date:
        return action.effective
    return action.ex_date
