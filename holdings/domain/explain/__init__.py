"""Explain a figure: the rows, prices and rates it was computed from, its formula and its definition."""

from __future__ import annotations

from holdings.domain.explain.parts import part_rows
from holdings.domain.explain.sums import REGISTRY, Explanation, Row, explain

__all__ = ["REGISTRY", "Explanation", "Row", "explain", "part_rows"]
