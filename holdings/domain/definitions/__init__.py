"""One sentence for every figure: the help texts beside the figures and the words of docs/figures.md."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition
from holdings.domain.definitions.books import BOOKS
from holdings.domain.definitions.held import HELD
from holdings.domain.definitions.income import INCOME
from holdings.domain.definitions.parts import PARTS
from holdings.domain.definitions.realised import REALISED
from holdings.domain.definitions.returns import RETURNS

DEFINITIONS: dict[str, Definition] = {**BOOKS, **RETURNS, **PARTS, **HELD, **INCOME, **REALISED}

__all__ = ["DEFINITIONS", "Definition"]
