"""Explain this number: the rows, prices and rates that a figure was computed from, with its formula and its definition.

Each module beside this one explains a family of figures (`FIGURES`: name -> definition and working); a new figure is a
function and a line there. Sums come with rows that add up to them, everything else with what its formula takes, and each
of those leads to its own explanation.
"""

from __future__ import annotations

from holdings.domain.definitions import Definition
from holdings.queries.insights.explaining import (
    allocation,
    held,
    income,
    lots,
    parts,
    realised,
    returns,
    sums,
)
from holdings.queries.insights.explaining.registry import Figure
from holdings.queries.insights.explaining.returns import value_of
from holdings.queries.insights.explaining.working import (
    MOST_ROWS,
    Asked,
    Explained,
    Fact,
    MoneyRow,
    SubjectUnknown,
    Table,
    as_explained,
    fraction,
)
from holdings.queries.insights.lens import Lens

REGISTRY: dict[str, Figure] = {
    **sums.FIGURES,
    **returns.FIGURES,
    **parts.FIGURES,
    **held.FIGURES,
    **allocation.FIGURES,
    **income.FIGURES,
    **lots.FIGURES,
    **realised.FIGURES,
}


class FigureUnknown(LookupError):
    """There is no figure of that name."""


def is_figure(figure: str) -> bool:
    """Whether there is an explanation of that name."""
    return figure in REGISTRY


def definition_of(figure: str) -> Definition:
    """The label, sentence and formula of a figure. Raises `FigureUnknown`."""
    if figure not in REGISTRY:
        raise FigureUnknown(figure)
    return REGISTRY[figure].definition


def explained(lens: Lens, figure: str, asked: Asked) -> Explained:
    """What a figure was computed from, narrowed to what is asked.

    Raises `FigureUnknown`, `SubjectUnknown` where the books have no such part, lot or parcel, and the domain's
    `PortfolioError` where a rate is missing.
    """
    return as_explained(figure, definition_of(figure), REGISTRY[figure].work(lens, asked), lens.currency)


__all__ = [
    "MOST_ROWS",
    "REGISTRY",
    "Asked",
    "Explained",
    "Fact",
    "FigureUnknown",
    "MoneyRow",
    "SubjectUnknown",
    "Table",
    "as_explained",
    "definition_of",
    "explained",
    "fraction",
    "is_figure",
    "value_of",
]
