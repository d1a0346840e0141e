"""What a definition is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """``label`` heads a column, ``sentence`` says what the figure is, ``formula`` how it is computed."""

    label: str
    sentence: str
    formula: str
