"""What a figure is to the registry of explanations: its definition, and the function that shows how it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdings.domain.definitions import DEFINITIONS, Definition
from holdings.queries.insights.explaining.working import Asked, Working
from holdings.queries.insights.lens import Lens

Work = Callable[[Lens, Asked], Working]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that can be explained."""

    definition: Definition
    work: Work


def figure(name: str, work: Work) -> Figure:
    """A figure with the definition of that name."""
    return Figure(DEFINITIONS[name], work)
