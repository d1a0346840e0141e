"""The ECB's reference rates against a vendor on this machine."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta
from decimal import Decimal

import pytest

from marketdata.providers import base, ecb
from marketdata.tests.support.vendor import FAULTS, Reply

TODAY = date(2026, 11, 20)
TABLE = """Date,USD,JPY,CYP,GBP,
2026-11-20,1.1172,175.68,N/A,0.8338,
2026-11-19,1.113,175.92,N/A,0.83578,

2007-12-31,1.4721,164.93,0.585274,0.73335,
"""


def archive(text: str, name: str = "eurofxref-hist.csv") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, text)
    return content.getvalue()


def xml(*days: tuple[str, dict[str, str]]) -> str:
    cubes = "".join(
        f"<Cube time='{day}'>"
        + "".join(f"<Cube currency='{c}' rate='{r}'/>" for c, r in rates.items())
        + "</Cube>"
        for day, rates in days
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        f'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><Cube>{cubes}</Cube></gesmes:Envelope>'
    )


@pytest.fixture
def provider(vendor):
    vendor.on("/" + ecb.WHOLE, Reply(archive(TABLE)))
    vendor.on("/" + ecb.NINETY_DAYS, xml(("2026-11-20", {"USD": "1.1172"}), ("2026-08-24", {"USD": "1.09"})))
    vendor.on("/" + ecb.LATEST, xml(("2026-11-20", {"USD": "1.1172", "JPY": "175.68"})))
    return ecb.EcbProvider(timeout=0.3, base_url=vendor.url)


class TestRates:
    def test_all_of_history_comes_from_the_archive(self, provider):
        found = provider.rates(["USD", "CYP", "EUR", "XXX"], date(1999, 1, 1), TODAY)
        assert [(rate.quote, rate.date.isoformat(), rate.rate) for rate in found] == [
            ("CYP", "2007-12-31", Decimal("0.585274")),
            ("USD", "2007-12-31", Decimal("1.4721")),
            ("USD", "2026-11-19", Decimal("1.113")),
            ("USD", "2026-11-20", Decimal("1.1172")),
        ]
        assert {rate.base for rate in found} == {"EUR"}

    def test_the_smallest_file_that_covers_the_days_is_asked_for(self, vendor, provider):
        assert len(provider.rates(["USD", "JPY"], TODAY, TODAY)) == 2
        assert len(provider.rates(["USD"], TODAY - timedelta(days=80), TODAY)) == 1
        assert len(provider.rates(["USD"], TODAY - timedelta(days=200), TODAY)) == 2
        assert [asked.path.strip("/") for asked in vendor.asked] == [ecb.LATEST, ecb.NINETY_DAYS, ecb.WHOLE]

    def test_before_it_is_published_today_has_no_rate(self, vendor, provider):
        assert provider.rates(["USD"], TODAY + timedelta(days=1), TODAY + timedelta(days=1)) == []
        assert [asked.path.strip("/") for asked in vendor.asked] == [ecb.LATEST]

    def test_a_day_long_ago_comes_from_the_archive(self, provider):
        (rate,) = provider.rates(["GBP"], date(2007, 12, 31), date(2007, 12, 31))
        assert rate.rate == Decimal("0.73335")


class TestTable:
    def test_cells_without_a_rate_are_left_out(self):
        found = list(ecb.parse_csv("Date, USD, ISK, \n2026-11-20, 1.1172, N/A, \n2026-11-19,,136,\n"))
        assert [(rate.quote, rate.rate) for rate in found] == [
            ("USD", Decimal("1.1172")),
            ("ISK", Decimal(136)),
        ]

    @pytest.mark.parametrize("cell", ["NaN", "-1.1", "0", "Infinity", "many", "1e50"])
    def test_an_impossible_rate_is_left_out_and_the_others_kept(self, cell):
        found = list(ecb.parse_csv(f"Date,USD,JPY\n2026-11-20,{cell},175.68\n"))
        assert [rate.quote for rate in found] == ["JPY"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "<html></html>",
            "Datum,USD\n",
            "Date,JPY\n",
            "Date,USD,JPY\n2026-11-20,1.1\n",
            "Date,USD\nsoon,1.1\n",
            "Date,USD\n1815-06-18,1\n",
        ],
    )
    def test_what_is_no_such_table_is_refused(self, text):
        with pytest.raises(base.BadAnswer):
            list(ecb.parse_csv(text))


class TestSmallFiles:
    def test_entities_are_refused(self):
        bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
        with pytest.raises(base.BadAnswer):
            ecb.parse_xml(bomb.encode())

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "<Cube/>",
            "<html><body>",
            xml()[:-20],
            "<Cube currency='USD' rate='1'/>",
            xml(("soon", {"USD": "1"})),
        ],
    )
    def test_what_holds_no_rates_is_refused(self, text):
        with pytest.raises(base.BadAnswer):
            ecb.parse_xml(text.encode())


class TestArchive:
    @pytest.mark.parametrize(
        "body", [b"", b"PK", b"<html>", archive("x", "readme.txt"), archive(TABLE)[:-40]]
    )
    def test_what_is_none_is_refused(self, body):
        with pytest.raises(base.BadAnswer):
            ecb.unzipped(body)

    def test_a_bomb_is_refused(self):
        with pytest.raises(base.BadAnswer, match="absurdly large"):
            ecb.unzipped(archive("0" * (33 * 1024 * 1024)))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("days", [0, 30, 4000])
def test_whatever_comes_back_is_an_error_of_the_port(vendor, provider, fault, days):
    for name in (ecb.WHOLE, ecb.NINETY_DAYS, ecb.LATEST):
        vendor.on("/" + name, FAULTS[fault])
    with pytest.raises(base.ProviderError):
        provider.rates(["USD"], TODAY - timedelta(days=days), TODAY)
