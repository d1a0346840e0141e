"""Workbooks, without database: every number a number, every text a text."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.renderers.data import (
    Locale,
)
from reports.renderers.numbers import decimal_text, percent_text
from reports.renderers.summary_xlsx import summary_xlsx
from reports.renderers.transactions_xlsx import transactions_xlsx
from reports.renderers.xlsx import Cell, SheetColumn, Workbook, fits
from reports.tests.samples import HEAD, history, line, summary


def _load(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content))


def _cells(book):
    return [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


class TestExcel:
    def test_summary_has_typed_cells(self):
        book = _load(summary_xlsx(summary()))
        assert book.sheetnames == ["Summary", "Holdings", "Cash", "Allocation", "Value by day", "Notes"]
        sheet = book["Holdings"]
        head = [cell.value for cell in sheet[1]]
        row = dict(zip(head, sheet[2], strict=True))
        assert row["Quantity"].value == 1234.5
        assert row["Quantity"].data_type == "n"
        assert row["Price of"].value == datetime(2026, 11, 20)
        assert row["Price of"].is_date
        assert row["Value"].number_format == "#,##0;[Red]-#,##0", "yen have no cents"
        assert "EUR" in row["Value (EUR)"].number_format
        assert row["Weight"].number_format == "0.00%"
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == "A1:M3"
        assert sheet.column_dimensions["B"].width > 30
        assert book.properties.title.startswith("Portfolio summary")

    def test_transactions_have_typed_cells_and_a_totals_sheet(self):
        book = _load(
            transactions_xlsx(history((line(), line(1, is_date_only=True, fees=Decimal("0.00000001")))))
        )
        sheet = book["Transactions"]
        head = [cell.value for cell in sheet[1]]
        first, second = (dict(zip(head, sheet[n], strict=True)) for n in (2, 3))
        assert first["Day"].value == datetime(2026, 1, 2)
        assert first["Time (Europe/Zurich)"].value == datetime(2026, 1, 2, 0, 30)
        assert second["Time (Europe/Zurich)"].value is None
        assert first["Cash"].value == -4.6
        assert second["Fees"].value == 1e-08
        totals = book["Totals"]
        assert [cell.value for cell in totals[2]][:3] == ["Buy", "EUR", 2]

    def test_holds_no_formula_whatever_people_wrote(self):
        lines = tuple(
            line(note=f"{sign}1+1", symbol=f"{sign}cmd", external_id=f"{sign}x", account=f"{sign}a")
            for sign in ("=", "+", "-", "@", "\t=", "\r=", "#N/A", "=\x00")
        )
        cells = _cells(_load(transactions_xlsx(history(lines)))) + _cells(_load(summary_xlsx(summary())))
        assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
        notes = [
            cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "@"))
        ]
        assert notes
        assert all(cell.quotePrefix for cell in notes)

    @given(st.text(max_size=60))
    @settings(max_examples=60, deadline=None)
    def test_takes_any_text_as_text(self, text):
        book = Workbook(title=text, author=text, subject=text, made_at=HEAD.generated_at)
        book.sheet("S", columns=[SheetColumn(heading="A", width=10)], rows=[[Cell(value=f"x{text}")]])
        [cell] = list(_load(book.finish())["S"][2])
        assert cell.data_type == "s"

    @pytest.mark.parametrize(
        ("value", "kind", "expected"),
        [
            (Decimal("0.1"), "fact", 0.1),
            (Decimal("123456789012.345"), "fact", 123456789012.345),
            (Decimal("1234567890123.4567"), "fact", "1234567890123.4567"),
            (Decimal("0.123456789012345678"), "quantity", "0.123456789012345678"),
            (Decimal("10.500000000000"), "quantity", 10.5),
            (Decimal("1234567890123.4567"), "money", 1234567890123.46),
            (Decimal(10) / 3, "percent", 3.33333333333333),
        ],
    )
    def test_keeps_facts_exact_and_rounds_only_what_is_computed(self, value, kind, expected):
        book = Workbook(title="", author="", subject="", made_at=HEAD.generated_at)
        book.sheet("S", columns=[SheetColumn(heading="A", width=10)], rows=[[Cell(value=value, kind=kind)]])
        [cell] = list(_load(book.finish())["S"][2])
        assert cell.value == expected

    def test_writes_days_before_the_calendar_of_spreadsheets_as_text(self):
        book = Workbook(title="", author="", subject="", made_at=HEAD.generated_at)
        book.sheet(
            "S",
            columns=[SheetColumn(heading="A", width=10)],
            rows=[[Cell(value=date(1899, 5, 1), kind="day")]],
        )
        assert _load(book.finish())["S"]["A2"].value == "1899-05-01"

    @given(
        st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15)
    )
    def test_what_fits_survives_the_way_through_a_double(self, value):
        if fits(value):
            assert Decimal(repr(float(value))) == value


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "places", "expected"),
        [
            ("1234567.895", 2, "1,234,567.90"),
            ("-0.004", 2, "0.00"),
            ("-1.005", 2, "\N{MINUS SIGN}1.00"),
            ("0.125", 2, "0.12"),
            ("100", None, "100"),
            ("1E+3", None, "1,000"),
            ("0.500000000000", None, "0.5"),
        ],
    )
    def test_writes_decimals(self, value, places, expected):
        assert decimal_text(Decimal(value), places=places, locale=Locale()) == expected

    def test_follows_the_locale(self):
        swiss = Locale(decimal_separator=".", group_separator="’")
        assert decimal_text(Decimal("1234.5"), places=2, locale=swiss, signed=True) == "+1’234.50"
        assert (
            percent_text(Decimal("0.05"), locale=Locale(decimal_separator=",")) == "5,00\N{NO-BREAK SPACE}%"
        )
