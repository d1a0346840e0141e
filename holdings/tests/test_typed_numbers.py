"""Numbers as people type them: separators of either kind are understood, and what can be read in two ways is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django import forms

from holdings.forms import ExactDecimalField

D = Decimal


class TestExactDecimalField:
    @pytest.mark.parametrize(
        ("typed", "number"),
        [
            ("1234.50", "1234.50"),
            ("1,234.50", "1234.50"),
            ("1.234,50", "1234.50"),
            ("1 234,50", "1234.50"),
            ("1\u202f234,50", "1234.50"),
            ("1'234.50", "1234.50"),
            ("1’234.50", "1234.50"),
            ("-1.234,50", "-1234.50"),
            ("1,234,567", "1234567"),
            ("1.234.567", "1234567"),
            ("1.234.567,89", "1234567.89"),
            ("12,5", "12.5"),
            ("0,125", "0.125"),
            ("1234,567", "1234.567"),
            ("1.234", "1.234"),
            (" 7 ", "7"),
        ],
    )
    def test_reads_what_was_meant(self, typed: str, number: str) -> None:
        assert ExactDecimalField().clean(typed) == D(number)

    @pytest.mark.parametrize("typed", ["1,000", "10,000", "-1,500", "100,125"])
    def test_refuses_what_can_be_read_in_two_ways(self, typed: str) -> None:
        with pytest.raises(forms.ValidationError) as refusal:
            ExactDecimalField().clean(typed)
        assert refusal.value.code == "ambiguous"
        assert typed.replace(",", "") in refusal.value.messages[0]
        assert typed.replace(",", ".") in refusal.value.messages[0]

    def test_reads_no_thousands_of_per_cent(self) -> None:
        assert ExactDecimalField(suffix="% a year").clean("3,125") == D("3.125")

    @pytest.mark.parametrize(
        "typed",
        [
            "1,2,3",
            "1.2.3",
            "12,34.5",
            "1.23,4.5",
            "1,234,5",
            ",",
            "1,,2",
            "NaN",
            "1e400",
            "٣",
            "1,234.5,6",
            "--1",
        ],
    )
    def test_refuses_what_is_no_number(self, typed: str) -> None:
        with pytest.raises(forms.ValidationError) as refusal:
            ExactDecimalField().clean(typed)
        assert refusal.value.code == "invalid"
