"""A file read in pieces is the file read as a whole: the same values, the same refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from holdings.domain import parsing
from holdings.domain.parsing.scanner import Scanner
from holdings.domain.types import Notice, Portfolio, PortfolioError

FILE: dict[str, Any] = {
    "format": "portfolio/1",
    "name": "Büro “1”",
    "base_currency": "EUR",
    "as_of": "2026-01-31",
    "timezone": "Europe/Zurich",
    "allow_negative_cash": True,
    "surprise": [1, {"a": None}],
    "accounts": [
        {"id": "depot", "kind": "securities", "currency": "EUR", "cash_account": "cash"},
        {"id": "cash", "kind": "cash", "currency": "EUR"},
    ],
    "instruments": [{"id": "ACME", "currency": "USD"}, {"id": "IDLE", "currency": "EUR"}],
    "transactions": [
        {"id": "1", "date": "2026-01-02", "type": "deposit", "amount": "1000", "currency": "EUR", "note": "\\\" , ] }"},
        {"id": "2", "date": "2026-01-05T10:00:00+00:00", "type": "buy", "instrument": "ACME", "quantity": "2",
         "price": "100.5", "fx_rate": "0.9", "tags": ["a", "b"], "odd": 1},
        {"date": "2026-01-06", "type": "sell", "instrument": "ACME", "quantity": "1", "price": "110", "lots": ["2"]},
    ],
    "prices": {"ACME": {"2026-01-05": "101", "2026-01-06": "102.25"}, "NOBODY": {"2026-01-05": "1"}},
    "fx": {"USD/EUR": {"2026-01-01": "0.9"}},
}  # fmt: skip


def pieces(text: str | bytes, size: int) -> Iterator[bytes]:
    content = text.encode() if isinstance(text, str) else text
    return (content[start : start + size] for start in range(0, len(content), size))


def streamed(text: str | bytes, size: int = 7) -> Portfolio:
    told: list[Notice] = []
    found = parsing.survey(pieces(text, size))
    rows = tuple(parsing.entries(pieces(text, size), found.portfolio, told.append))
    return replace(found.portfolio, transactions=rows, notices=(*found.portfolio.notices, *told))


class TestReadInPieces:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
    @pytest.mark.parametrize("indent", [None, 1])
    def test_gives_what_reading_it_whole_gives(self, size: int, indent: int | None) -> None:
        text = json.dumps(FILE, ensure_ascii=False, indent=indent)
        whole, parts = parsing.parse(text), streamed(text, size)
        assert parts == whole
        assert [row.path for row in parts.transactions] == [row.path for row in whole.transactions]
        assert sorted(map(str, parts.notices)) == sorted(map(str, whole.notices))

    def test_does_not_depend_on_where_the_members_stand(self) -> None:
        turned = dict(reversed(FILE.items()))
        assert streamed("\ufeff" + json.dumps(turned)) == parsing.parse(json.dumps(FILE))

    def test_says_what_the_entries_name(self) -> None:
        found = parsing.survey(pieces(json.dumps(FILE), 50))
        assert (found.count, found.has_lots, found.leaves_account) == (3, True, True)
        assert found.used["instrument"] == ("ACME",)

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "portfolio/2"},
            {"base_currency": "XXX"},
            {"accounts": {}},
            {"prices": {"ACME": {"2026-01-05": "-1"}}},
            {"prices": []},
            {"fx": {"USD": {}}},
            {"transactions": {}},
            {"transactions": [1]},
            {"transactions": [{"type": "buy"}]},
            {"transactions": [FILE["transactions"][0], FILE["transactions"][0]]},
            {"transactions": [{**FILE["transactions"][1], "instrument": "NOBODY"}]},
        ],
    )
    def test_refuses_what_reading_it_whole_refuses(self, change: dict[str, Any]) -> None:
        text = json.dumps(FILE | change)
        with pytest.raises(PortfolioError) as whole:
            parsing.parse(text)
        with pytest.raises(PortfolioError) as parts:
            streamed(text)
        assert str(parts.value.problems[0]) == str(whole.value.problems[0])

    def test_refuses_every_beginning_of_a_file(self) -> None:
        text = json.dumps(FILE)
        for length in range(len(text)):
            with pytest.raises(PortfolioError):
                streamed(text[:length], 50)

    @pytest.mark.parametrize(
        "text",
        ["", "[", "[]", "null", "{]", '{"a" 1}', '{"a": 1,}', '{1: 2}', '{"a": 1} x', '{"a": 01}', "{" * 5000,
         '{"a":' * 5000, '{"transactions": [1 2]}', '{"transactions": [], "transactions": []}', '{"prices": {"A"}}'],
    )  # fmt: skip
    def test_refuses_what_is_no_file(self, text: str) -> None:
        with pytest.raises(PortfolioError):
            streamed(text)

    def test_names_a_byte_that_is_no_text(self) -> None:
        with pytest.raises(PortfolioError, match="UTF-8"):
            streamed(b'{"name": "\xff"}')


class TestScanner:
    def test_waits_for_the_rest_of_a_number(self) -> None:
        scanner = Scanner(pieces("[12345, -1.5e3]", 1))
        assert [scanner.value() for _ in scanner.elements()] == [12345, -1500.0]
        scanner.end()

    def test_holds_no_more_than_it_looks_at(self) -> None:
        row = json.dumps({"note": "x" * 1000}) + ","
        scanner = Scanner(pieces("[" + row * 10_000 + "1]", 4096))
        longest = 0
        for _ in scanner.elements():
            scanner.value()
            longest = max(longest, len(scanner._text))
        assert longest < 3_000_000
