"""Rows of the domain with symbols and account names in the place of ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdings.domain.analysis import Analysis
from holdings.domain.explain import Row
from holdings.domain.numbers import exact
from holdings.domain.types import ZERO
from holdings.models import Account
from holdings.queries.insights.explaining.working import MOST_ROWS, MoneyRow, Working
from holdings.queries.insights.lens import Lens


def added_up(lens: Lens, analysis: Analysis, rows: Sequence[Row], **fields: Any) -> Working:
    """The working of a sum of the domain's rows; those that are shown get their names. One statement."""
    names = Names(lens, analysis)
    with exact():
        total = sum((row.amount for row in rows), ZERO)
    return Working(
        total=total,
        money=tuple(names.row(row) for row in rows[:MOST_ROWS]),
        left_out=max(0, len(rows) - MOST_ROWS),
        **fields,
    )


class Names:
    """Symbols and account names by id."""

    def __init__(self, lens: Lens, analysis: Analysis) -> None:
        self.symbols = {pk: thing.symbol or thing.name for pk, thing in analysis.setup.instruments.items()}
        self.accounts = {str(row.pk): row.name for row in Account.objects.filter(portfolio=lens.portfolio)}

    def row(self, row: Row) -> MoneyRow:
        """A row as it is shown."""
        parts = [self._part(part, row) for part in self._split(row)]
        return MoneyRow(
            label=" · ".join(
                part[:1].upper() + part[1:] if index == 0 else part for index, part in enumerate(parts)
            ),
            amount=row.amount,
            day=row.day,
            transaction_id=number_of(row.transaction),
            instrument_id=number_of(row.instrument),
            quantity=row.quantity,
            price=row.price,
            price_day=row.price_day,
            currency=row.currency or "",
            rate=row.rate,
            rate_pairs=row.rate_pairs,
        )

    def _split(self, row: Row) -> Sequence[tuple[str, str]]:
        """The parts of a label, each with what it names: an instrument's id comes before an account's."""
        found: list[tuple[str, str]] = []
        instrument_seen = False
        for part in row.label.split(" · "):
            if part == row.instrument and not instrument_seen:
                found.append(("instrument", part))
                instrument_seen = True
            elif part == row.account:
                found.append(("account", part))
            else:
                found.append(("", part))
        return found

    def _part(self, part: tuple[str, str], row: Row) -> str:
        kind, text = part
        if kind == "instrument":
            return self.symbols.get(text, text)
        if kind == "account":
            return self.accounts.get(text, text)
        return text.replace("lot ", "lot #") if text.startswith("lot ") and text != "lot pool" else text


def number_of(text: str | None) -> int | None:
    """An id of the domain as a primary key."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None
