"""Wash sales (United States): a loss whose shares are bought again within 30 days before or after is moved to the replacement.

The loss of the shares replaced is put on the realised row as ``wash_sale_adjustment`` and added to the cost of the replacement
lots, whose holding period grows by the days the sold shares were held (IRC §1091, §1223(3); IRS Publication 550). Replacements
are taken oldest purchase first, across the portfolio's accounts; each share replaces one sold share only. What is left of the
very lot that was sold does not count as its replacement (Rev. Rul. 56-602).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from holdings.domain.ledger.state import Lot, Realised
from holdings.domain.numbers import scaled, share
from holdings.domain.types import ZERO

if TYPE_CHECKING:
    from holdings.domain.ledger.engine import Ledger

WINDOW = timedelta(days=30)


@dataclass(slots=True, eq=False)
class PendingLoss:
    """A loss (or the part of it) that no purchase has replaced yet: a row among those written.

    ``sold`` and ``unmatched`` are in today's share units.
    """

    rows: list[Realised]
    index: int
    sold: Decimal
    unmatched: Decimal

    @property
    def row(self) -> Realised:
        """The row of the loss, as it stands now."""
        return self.rows[self.index]

    def add(self, adjustment: Decimal, adjustment_base: Decimal) -> None:
        """Mark a part of the loss as one that does not count."""
        row = self.row
        self.rows[self.index] = row._replace(
            wash_sale_adjustment=row.wash_sale_adjustment + adjustment,
            wash_sale_adjustment_base=row.wash_sale_adjustment_base + adjustment_base,
        )


class WashSales:
    """Finds replacements forward in time: at a loss among the lots already held, later among the purchases that follow."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: list[PendingLoss] = []

    def sold(self, ledger: Ledger, count: int) -> None:
        """Look at the rows of one sale: so many of the last ones written."""
        rows = ledger.effects.realised
        for index in range(len(rows) - count, len(rows)):
            row = rows[index]
            if row.gain >= 0 and row.gain_base >= 0:
                continue
            loss = PendingLoss(rows, index, row.quantity, row.quantity)
            candidates = [
                lot
                for (name, _), lots in ledger.lots.items()
                if name == row.instrument
                for lot in lots
                if self._replaces(lot, row) and row.closed - WINDOW <= lot.opened <= row.closed
            ]
            for lot in sorted(candidates, key=lambda lot: (lot.opened, lot.order)):
                self._replace(ledger, loss, lot)
            if loss.unmatched:
                self.pending.append(loss)

    def bought(self, ledger: Ledger, lot: Lot) -> None:
        """Look at a new purchase: it replaces the losses of the last 30 days, the oldest first."""
        self.pending = [
            loss for loss in self.pending if loss.unmatched and loss.row.closed + WINDOW >= lot.opened
        ]
        for loss in self.pending:
            if loss.row.instrument != lot.instrument or not loss.unmatched:
                continue
            if lot.washed:
                break
            rest = self._replace(ledger, loss, lot)
            if rest is None:
                break
            lot = rest

    def split(self, instrument: str, ratio: Fraction) -> None:
        """Count losses that still wait in the new shares."""
        for loss in self.pending:
            if loss.row.instrument == instrument:
                loss.sold, loss.unmatched = scaled(loss.sold, ratio), scaled(loss.unmatched, ratio)

    @staticmethod
    def _replaces(lot: Lot, row: Realised) -> bool:
        return lot.quantity > 0 and lot.purchased and not lot.washed and lot.id != row.lot

    @staticmethod
    def _replace(ledger: Ledger, loss: PendingLoss, lot: Lot) -> Lot | None:
        """Let a lot replace as much of a loss as it can; returns what is left of it, unwashed."""
        part = min(loss.unmatched, lot.quantity)
        if not part:
            return lot
        rest: Lot | None = None
        if part < lot.quantity:
            # Only the replacing shares carry the loss: the remainder becomes a lot of its own, same purchase, same age.
            lots = ledger.lots[(lot.instrument, lot.account)]
            parcel = ledger.take(lots, lot, lot.quantity - part)
            rest = Lot(
                id=lot.id, instrument=lot.instrument, account=lot.account, opened=lot.opened, held_since=lot.held_since,
                order=lot.order, quantity=parcel.quantity, cost=parcel.cost, cost_base=parcel.cost_base,
                basis_base=parcel.basis_base,
            )  # fmt: skip
            ledger.put(rest)
        row = loss.row
        adjustment = share(max(-row.gain, ZERO), part, loss.sold)
        adjustment_base = share(max(-row.gain_base, ZERO), part, loss.sold)
        loss.add(adjustment, adjustment_base)
        lot.cost += adjustment
        lot.cost_base += adjustment_base
        lot.unit_cost = None
        lot.washed = True
        lot.held_since = lot.opened - (row.closed - row.held_since)
        loss.unmatched -= part
        ledger.touch(lot)
        return rest
