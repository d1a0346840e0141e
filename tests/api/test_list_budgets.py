"""What lists cost: twenty rows take as many statements as one (and those that read the rates of other currencies).

Every list of the description is asked before and after the books have grown (tests/api/growth.py), with
nothing cached. A new list whose rows do not grow there fails.
"""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.asked import Asked
from tests.api.asking import Teller
from tests.api.book import described, operations_of
from tests.api.growth import grow

DESCRIPTION = described()
READS = {
    name: operation for name, (_, method, operation) in operations_of(DESCRIPTION).items() if method == "get"
}
#: The grown books have other currencies: their rates are read at once, by a statement more for each thing that is valued
#: (twice for a series), and splits since a price that is not of today by one for all. Twenty rows that each asked for something
#: would take twenty more.
RATES = 5
#: Lists that are of one length, with the reason.
ALWAYS_AS_LONG = {
    "market_data_health_retrieve": "one row for each source of prices of the site",
    "portfolios_trading_account_equity_list": "one point for each moment of a fixed grid",
    "portfolios_valuations_retrieve": "one point for each day of a range",
    "portfolios_buying_power_list": "one row for each currency of an account, which has one",
    "instruments_bars_retrieve": "one bar for each day of a range",
    "instruments_beyond_retrieve": "what providers elsewhere find",
    "quotes_retrieve": "one row for each symbol that was asked for, known or not",
}
#: What is asked for all that there is, instead of what the example shows.
WIDE: dict[str, dict[str, Any]] = {
    "instruments_beyond_retrieve": {"q": "sap"},
    "instruments_search_list": {"q": "GROW", "limit": 50},
    "quotes_retrieve": {"symbols": "ACME," + ",".join(f"GROW{number}" for number in range(20))},
}


def is_list(operation: dict[str, Any]) -> bool:
    """Whether the answer is rows, or a page of them."""
    content: dict[str, Any] = operation["responses"]["200"].get("content", {})
    schema: dict[str, Any] = next((media["schema"] for media in content.values()), {})
    if "$ref" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["$ref"].split("/")[-1]]
    inner = schema.get("properties", {})
    return schema.get("type") == "array" or any(name in inner for name in ("results", "assets", "quotes"))


def rows_of(answer: Any) -> int:
    """How many."""
    if isinstance(answer, list):
        return len(answer)
    return max(len(part) for part in answer.values() if isinstance(part, list))


def measured(teller: Teller) -> dict[str, tuple[int, int]]:
    """Statements and rows of each operation that reads; rows are 0 where it is no list."""
    found = {}
    for name, operation in READS.items():
        cache.clear()
        with CaptureQueriesContext(connection) as statements:
            told = teller.ask(name)
        assert told.status == 200, (name, told.answer)
        found[name] = (len(statements), rows_of(told.answer) if is_list(operation) else 0)
    return found


class TestStatements:
    def test_of_every_list_do_not_grow_with_the_books(self, book: dict[str, Any]) -> None:
        teller = Teller(book, DESCRIPTION)
        for name, operation in READS.items():
            if name in WIDE or is_list(operation):
                teller.requests[name] = Asked(query=WIDE.get(name, {}))
        measured(teller)
        before = measured(teller)
        grow(book)
        after = measured(teller)
        dearer = {
            name: (before[name], after[name])
            for name, operation in READS.items()
            if is_list(operation) and after[name][0] > before[name][0] + RATES
        }
        assert dearer == {}, f"statements and rows, before and after: {dearer}"
        short = {
            name
            for name, operation in READS.items()
            if is_list(operation) and after[name][1] < before[name][1] + 10
        }
        assert short <= set(ALWAYS_AS_LONG), f"these lists did not grow: see tests/api/growth.py: {short}"
