"""The print shop: what a kind of report is, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Progress = Callable[[int, str], None]
"""Hears a percentage (of the step under way) and what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, with every date settled: making it again asks the same.

    ``period_from`` None: from the first entry on. ``currency`` is the one that totals are in.
    """

    owner: Any
    portfolio: Any
    period_from: date | None
    period_to: date
    currency: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKind:
    """A kind of report. ``collect`` reads the books (inside one snapshot) into frozen data; ``renderers`` turn that into
    bytes, by format, without touching anything else."""

    code: str
    title: str
    description: str
    collect: Callable[[Order], Any]
    renderers: Mapping[str, Callable[[Any, Progress], bytes]]

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that this kind comes in."""
        return tuple(self.renderers)
