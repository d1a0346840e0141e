"""Short ways to write portfolio files in tests, and to run them."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

from holdings.domain.analysis import Analysis, analyse
from holdings.domain.numbers import exact
from holdings.domain.output import document
from holdings.domain.parsing import parse_document
from holdings.domain.types import CostMethod, PortfolioError

Json = dict[str, Any]


def tx(kind: str, day: str, **fields: Any) -> Json:
    """A transaction; `instrument` defaults to A where a quantity is given."""
    row: Json = {"type": kind, "date": day, **fields}
    if "quantity" in row and "instrument" not in row:
        row["instrument"] = "A"
    return row


def portfolio(*transactions: Json, **fields: Any) -> Json:
    """A file in USD with one instrument A in USD, valued at the end of 2024, ids numbered from t1."""
    numbers = itertools.count(1)
    rows = [{"id": f"t{next(numbers)}", **row} for row in transactions]
    return {
        "format": "portfolio/1",
        "name": "Test",
        "base_currency": "USD",
        "as_of": "2024-12-31",
        "instruments": [{"id": "A", "currency": "USD", "asset_class": "equity"}],
        "transactions": rows,
        **fields,
    }


def run(body: Json, start: str | None = None, end: str | None = None, **options: Any) -> Analysis:
    """Analyse a file."""
    method = options.pop("method", None)
    return analyse(
        parse_document(body),
        start=None if start is None else date.fromisoformat(start),
        end=None if end is None else date.fromisoformat(end),
        method=None if method is None else CostMethod(method),
        **options,
    )


def figures(body: Json, start: str | None = None, end: str | None = None, **options: Any) -> Json:
    """The printed document of a file, daily rows included."""
    return document(run(body, start, end, **options), daily=True)


def problems(body: Json, **options: Any) -> dict[str, str]:
    """Why a file is refused, by path."""
    try:
        run(body, **options)
    except PortfolioError as error:
        return {problem.path: problem.message for problem in error.problems}
    return {}


def codes(result: Json) -> list[str]:
    """The codes of the warnings."""
    return [row["code"] for row in result["warnings"]]


def total(values: list[str]) -> Decimal:
    """An exact sum of printed numbers."""
    with exact():
        return sum(map(Decimal, values), Decimal(0))


def adds_up(result: Json) -> bool:
    """Whether the statement's lines give the closing value to the last digit."""
    lines = {name: Decimal(text) for name, text in result["statement"].items() if name not in {"from", "to"}}
    with exact():
        rebuilt = (
            lines["opening_value"]
            + lines["contributions"]
            - lines["withdrawals"]
            + lines["realised_gain"]
            + lines["unrealised_gain"]
            + lines["dividends"]
            + lines["interest"]
            - lines["fees"]
            - lines["taxes"]
            + lines["currency_gain"]
        )
    return rebuilt == lines["closing_value"]
