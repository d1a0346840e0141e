"""Target weights: what is wanted of each part, and which instruments the names of parts stand for."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from holdings.models import TargetWeight

#: The name of the part that is cash.
CASH: Final = "cash"


def targets_of(portfolio_id: int, dimension: str) -> dict[str, Decimal]:
    """Target weights by part. One statement."""
    rows = TargetWeight.objects.filter(portfolio_id=portfolio_id, dimension=dimension).order_by(
        "-weight", "key"
    )
    return {row.key: row.weight for row in rows}


def instrument_ids(names: Iterable[str]) -> list[int]:
    """The ids among the names of parts. Whether the person may see what they stand for is for the caller to ask."""
    return [int(name) for name in names if name.isascii() and name.isdigit() and len(name) <= 18]
