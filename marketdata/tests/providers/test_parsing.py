"""Numbers and instants out of answers: exact, or refused."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.providers import base, http, parsing


class TestJson:
    def test_numbers_keep_their_digits(self):
        found = parsing.decode_json('{"a": 0.1, "b": 12345678901234567890.123456789, "c": 7, "d": 1e-30}')
        assert found == {
            "a": Decimal("0.1"),
            "b": Decimal("12345678901234567890.123456789"),
            "c": 7,
            "d": Decimal("1e-30"),
        }

    def test_what_is_no_number_is_a_fault_of_the_one_value(self):
        found = parsing.decode_json('{"good": 1.5, "bad": NaN, "worse": -Infinity}')
        assert parsing.price(found["good"], "x") == Decimal("1.5")
        for name in ("bad", "worse"):
            with pytest.raises(base.BadAnswer, match="finite"):
                parsing.price(found[name], "it")

    @pytest.mark.parametrize(
        "text",
        ["", "<html>", "{", "[1,", '{"a": 1e999999999999999999999}', "[" * 50_000, "9" * 5000, "undefined"],
    )
    def test_the_rest_is_refused(self, text):
        with pytest.raises(base.BadAnswer):
            parsing.decode_json(text)


class TestNumbers:
    @pytest.mark.parametrize("value", [True, False, [], {}, "1,5", "1.2.3", float("1")])
    def test_of_other_kinds_are_refused(self, value):
        with pytest.raises(base.BadAnswer):
            parsing.number(value, "it")

    @pytest.mark.parametrize("value", [None, "", "None", "-"])
    def test_may_not_be_there(self, value):
        assert parsing.number(value, "it") is None

    @pytest.mark.parametrize("value", [0, -1, "-0.01", "1e12", Decimal("sNaN")])
    def test_that_are_no_price_are_refused(self, value):
        with pytest.raises(base.BadAnswer):
            parsing.price(value, "it")

    @pytest.mark.parametrize("value", [-1, "NaN", "x", "1e17", True])
    def test_that_are_no_volume_are_none(self, value):
        assert parsing.volume(value) is None


class TestInstants:
    @pytest.mark.parametrize("value", [None, "NaN", 10**15, -(10**15), "soon", True])
    def test_that_cannot_be_are_refused(self, value):
        with pytest.raises(base.BadAnswer):
            parsing.instant(value, "it")

    def test_are_aware(self):
        assert parsing.instant(1739998801, "it").isoformat() == "2025-02-19T21:00:01+00:00"
        assert (
            parsing.instant("1739998801500", "it", unit=1000).isoformat()
            == "2025-02-19T21:00:01.500000+00:00"
        )


class TestUnits:
    def test_pence_are_hundredths(self):
        assert parsing.units_of("GBp", expected="GBP") == 100
        assert parsing.units_of("GBP", expected="GBP") == 1
        assert parsing.units_of("usd", expected="USD") == 1

    @pytest.mark.parametrize(
        ("got", "expected"), [("", "USD"), ("GBp", "USD"), ("GBP", "ZAR"), ("ZAc", "GBP")]
    )
    def test_of_another_currency_are_refused(self, got, expected):
        with pytest.raises(base.WrongCurrency):
            parsing.units_of(got, expected=expected)


class TestAsQuoted:
    @given(st.decimals(min_value="0.01", max_value="99999", places=2))
    def test_cents_survive_32_bits(self, price):
        assert parsing.as_quoted(through_single(price)) == price

    @given(
        st.decimals(min_value="0.50", max_value="9999", places=2),
        st.sampled_from([(2, 1), (3, 1), (4, 1), (7, 1), (10, 1), (20, 1), (28, 1), (3, 2), (1, 8), (1, 10)]),
    )
    def test_cents_survive_splits_and_32_bits(self, price, ratio):
        factor = Decimal(ratio[0]) / Decimal(ratio[1])
        assert parsing.as_quoted(through_single(price / factor), factor) == price

    @given(st.decimals(min_value="0.000001", max_value="99999", places=6))
    def test_it_is_never_off_by_more_than_32_bits_are(self, price):
        assert abs(parsing.as_quoted(through_single(price)) / price - 1) < Decimal("2e-7")

    def test_digits_that_were_meant_are_kept(self):
        for text in ("96077.45", "0.0000123456789012345678", "16777217", "123456789", "244.6"):
            assert parsing.as_quoted(Decimal(text)) == Decimal(text)

    @given(
        st.decimals(min_value="0.001", max_value="99999", places=3),
        st.decimals(min_value="0.001", max_value="10", places=3),
    )
    def test_the_simplest_number_lies_between(self, low, width):
        found = parsing.simplest_between(low, low + width, low + width / 2)
        assert low <= found <= low + width
        assert len(found.normalize().as_tuple().digits) <= len(
            (low + width / 2).normalize().as_tuple().digits
        )


def through_single(price: Decimal) -> Decimal:
    """As Yahoo sends a price: through 32 bits, then written with the digits of 64."""
    return Decimal(repr(struct.unpack("f", struct.pack("f", float(price)))[0]))


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"retry-after": "53"}, 53.0),
            ({"retry-after": "1.5"}, 1.5),
            ({"retry-after": "999999999"}, 86400.0),
            (
                {"retry-after": "Fri, 20 Nov 2026 15:02:00 GMT", "date": "Fri, 20 Nov 2026 15:00:00 GMT"},
                120.0,
            ),
            ({"retry-after": "Fri, 20 Nov 2026 14:00:00 GMT", "date": "Fri, 20 Nov 2026 15:00:00 GMT"}, 0.0),
            ({"retry-after": "Fri, 20 Nov 2026 15:02:00 GMT"}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "-5"}, None),
            ({"retry-after": "²"}, None),
            ({}, None),
        ],
    )
    def test_is_read_as_seconds_or_as_a_date(self, headers, expected):
        assert http.retry_after(headers) == expected


class TestClient:
    def test_an_answer_of_absurd_size_is_not_taken(self, vendor, monkeypatch):
        monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)
        vendor.on("/", "x" * 5000)
        with pytest.raises(base.ProviderUnavailable):
            http.HttpClient(timeout=1).get(vendor.url)

    def test_says_who_asks(self, vendor):
        vendor.on("/", "fine")
        assert http.HttpClient(timeout=1).get(vendor.url, {"a": "b c"}).text == "fine"
        assert vendor.asked[0].headers["user-agent"].startswith("Holdfast")
        assert vendor.asked[0].query == {"a": "b c"}
