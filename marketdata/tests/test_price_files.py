"""Reading price files: what is taken, and what is said about the rest."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from marketdata.importers.price_files import (
    Fault,
    Form,
    NotAPriceFile,
    action_rows,
    begin,
    copy_rows,
    open_reader,
)

TODAY = date(2026, 11, 20)
HEADER = "symbol,date,open,high,low,close,adj_close,volume"


def read(text, **options):
    faults: list[Fault] = []
    reader = open_reader(text.splitlines(keepends=True))
    reading = begin(reader, on_fault=faults.append, today=TODAY, **options)
    rows: list[Any]
    if reading.form is Form.ACTIONS:
        rows = list(action_rows(reader, reading))
    else:
        rows = "".join(copy_rows(reader, reading)).splitlines(keepends=True)
    return reading, rows, [(fault.line, fault.reason) for fault in faults]


class TestTidyFiles:
    def test_takes_good_rows_as_they_are_written(self):
        reading, rows, faults = read(f"{HEADER}\nAAPL,2010-01-04,7.6225,7.66,7.585,7.643214,6.4,493729600\n")
        assert rows == ["0\t2010-01-04\t7.6225\t7.66\t7.585\t7.643214\t493729600\n"]
        assert (reading.form, reading.has_adjusted_close, list(reading.symbols)) == (
            Form.TIDY,
            True,
            ["AAPL"],
        )
        assert faults == []

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("A,2020-13-01,1,1,1,1,1,1", "“2020-13-01” is not a date"),
            ("A,01/02/2020,1,1,1,1,1,1", "“01/02/2020” is not a date"),
            ("A,2027-01-01,1,1,1,1,1,1", "2027-01-01 is in the future"),
            ("A,1492-10-12,1,1,1,1,1,1", "1492-10-12 is too long ago"),
            ("A,2020-01-02,1,1,1,NaN,1,1", "the close is not a number (NaN)"),
            ("A,2020-01-02,1,1,1,,1,1", "the close is missing"),
            ("A,2020-01-02,1,1,1,abc,1,1", "the close “abc” is not a number"),
            ("A,2020-01-02,1,1,-1,1,1,1", "the low is negative (-1)"),
            ("A,2020-01-02,0,1,0,1,1,1", "the open is zero (0)"),
            ("A,2020-01-02,1,1e13,1,1,1,1", "the high is absurdly high (1e13)"),
            ("A,2020-01-02,1,inf,1,1,1,1", "the high is not a number (inf)"),
            ("A,2020-01-02,5,6,4,7,1,1", "the close 7 is outside low..high (4..6)"),
            ("A,2020-01-02,3,6,4,5,1,1", "the open 3 is outside low..high (4..6)"),
            ("A,2020-01-02,5,4,6,5,1,1", "the low 6 is above the high 4"),
            ("A,2020-01-02,1,1,1,1,1,-5", "the volume is negative (-5)"),
            ("A,2020-01-02,1,1,1,1,1,lots", "the volume “lots” is not a number"),
            ("A,2020-01-02,1,1", "4 columns instead of 8"),
            (",2020-01-02,1,1,1,1,1,1", "the symbol is missing"),
            ("A,2020-01-02,1_0,1_0,1_0,1_0,1,1", "the open is not a number (1_0)"),
            ("A,2020-01-02,１,１,１,１,1,1", "the open is not a number (１)"),
            (f"{'A' * 41},2020-01-02,1,1,1,1,1,1", "cannot be a symbol"),
            ('"A\tB",2020-01-02,1,1,1,1,1,1', "cannot be a symbol"),
        ],
    )
    def test_names_what_is_wrong_with_a_row(self, row, reason):
        _, rows, faults = read(f"{HEADER}\nGOOD,2020-01-02,1,1,1,1,1,1\n{row}\n")
        assert len(rows) == 1
        ((line, told),) = faults
        assert line == 3
        assert reason in told

    def test_close_alone_will_do(self):
        _, rows, faults = read("Date,Close\n2020-01-02,5.5\n", symbol="GOLD")
        assert rows == ["0\t2020-01-02\t\\N\t\\N\t\\N\t5.5\t\\N\n"]
        assert faults == []

    def test_without_a_symbol_column_the_symbol_must_be_told(self):
        with pytest.raises(NotAPriceFile, match="--symbol"):
            read("Date,Open,High,Low,Close\n")


class TestOtherForms:
    def test_euro_rates_leave_out_what_is_missing(self):
        reading, rows, faults = read(
            "Date,USD,JPY,CYP,\n2026-10-30,1.1172,175.68,N/A,\n2026-10-29,1.1,-3,N/A,\n"
        )
        assert reading.form is Form.RATES
        assert [[row.split("\t")[place] for place in (0, 1, 5)] for row in rows] == [
            ["0", "2026-10-30", "1.1172"],
            ["1", "2026-10-30", "175.68"],
            ["0", "2026-10-29", "1.1"],
        ]
        assert faults == [(3, "JPY: the value is negative (-3)")]

    def test_columns_that_are_symbols_make_a_wide_file(self):
        reading, rows, _ = read("Date,AAPL,KO\n1990-01-02,0.264,2.1\n")
        assert (reading.form, len(rows)) == (Form.WIDE, 2)

    def test_corporate_actions_are_checked_too(self):
        reading, rows, faults = read(
            "symbol,ex_date,type,value,source\n"
            "AAPL,2020-08-31,SPLIT,4.0,yahoo\nAAPL,2020-08-07,DIVIDEND,0.205,yahoo\nAAPL,2020-08-07,GIFT,1,\n"
            "AAPL,soon,SPLIT,2,\nAAPL,2020-08-07,DIVIDEND,-1,\nAAPL,2020\n"
        )
        assert reading.form is Form.ACTIONS
        assert rows == [(0, "2020-08-31", "split", "4.0", True), (0, "2020-08-07", "dividend", "0.205", True)]
        assert [line for line, _ in faults] == [4, 5, 6, 7]

    @pytest.mark.parametrize(
        "text", ["", "\n", "date,rate_pct\n2003-01-09,2.25\n", '{\n "Equity": []}\n', "a,b,c\n"]
    )
    def test_refuses_what_is_no_price_file(self, text):
        with pytest.raises(NotAPriceFile):
            read(text)
