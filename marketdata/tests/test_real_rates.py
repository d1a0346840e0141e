"""Real exchange rates: the ECB first, others for what it has not, simulated ones give way. The vendors are servers on
this machine, asked through the real clients."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from marketdata import operations, queries
from marketdata.models import FxRate
from marketdata.operations.rates import published_through
from marketdata.providers import ecb
from marketdata.tests.conftest import rate
from marketdata.tests.providers.test_ecb import archive, xml
from marketdata.tests.scripted import forget_gateway
from marketdata.tests.support import yahoo
from marketdata.tests.support.vendor import FAULTS, Reply
from portfolio_site.kernel.money import ISO_CURRENCIES

#: A Friday, after the ECB has published.
NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
TABLE = """Date,USD,JPY,GBP,CYP,
2026-11-20,1.1172,175.68,0.8338,N/A,
2026-11-19,1.113,175.92,0.83578,N/A,
2007-12-31,1.4721,164.93,0.73335,0.585274,
"""

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(internet, monkeypatch):
    """The ECB and Yahoo on this machine, and a site that may ask them."""
    monkeypatch.setattr(
        "marketdata.operations.rates.simulated_currencies", lambda: {"USD": 1, "JPY": 1, "GBP": 1}
    )
    internet.on("/ecb/" + ecb.WHOLE, Reply(archive(TABLE)))
    return internet


def chart(currency: str, *days: tuple[str, float]) -> dict:
    rows = [yahoo.day(day, close, at="00:00:00+00:00") for day, close in days]
    return yahoo.chart(rows, zone="Europe/London", currency=currency)


class TestFromTheEcb:
    def test_all_of_history_comes_with_the_first_question(self):
        result = operations.refresh_fx_rates(now=NOW)
        assert result.stored == {"ecb": 9}
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2026, 11, 20)) == Decimal("1.1172")
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2020, 1, 1)) == Decimal("1.4721")
        assert set(FxRate.objects.values_list("source", flat=True)) == {"ecb"}
        assert not FxRate.objects.exclude(quote__in=ISO_CURRENCIES).exists()

    def test_what_is_here_is_not_asked_for_again(self, world):
        operations.refresh_fx_rates(now=NOW)
        asked = len(world.asked)
        assert operations.refresh_fx_rates(now=NOW + timedelta(minutes=30)).stored == {}
        # Nor on the weekend, when nothing is published.
        assert operations.refresh_fx_rates(now=NOW + timedelta(days=2)).stored == {}
        assert len(world.asked) == asked

    def test_a_day_later_the_small_file_is_enough(self, world):
        operations.refresh_fx_rates(now=NOW)
        monday = NOW + timedelta(days=3)
        days = [
            ("2026-11-23", {"USD": "1.12"}),
            ("2026-11-20", {"USD": "1.1173"}),
            ("2026-08-28", {"USD": "1.1"}),
        ]
        world.on("/ecb/" + ecb.NINETY_DAYS, xml(*days))
        # One is new; one was put right by the ECB itself.
        assert operations.refresh_fx_rates(now=monday).stored == {"ecb": 2}
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2026, 11, 20)) == Decimal("1.1173")

    def test_simulated_rates_give_way_and_those_from_files_stay(self):
        rate("EUR", "USD", "2026-11-18", "1.5", source="simulated")
        rate("EUR", "GBP", "2026-11-19", "0.9", source="file rates.csv")
        rate("EUR", "CHF", "2026-11-19", "0.95", source="simulated")
        operations.refresh_fx_rates(now=NOW)
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2026, 11, 18)) == Decimal("1.4721")
        assert queries.fx_rate(base="EUR", quote="GBP", on=date(2026, 11, 19)) == Decimal("0.9")
        # Nobody has real ones of it here.
        assert queries.fx_rate_view(base="EUR", quote="CHF", on=date(2026, 11, 20)).is_simulated

    def test_simulated_rates_stay_where_the_real_ones_have_ended(self):
        rate("EUR", "CYP", "2026-11-18", "0.6", source="simulated")
        operations.refresh_fx_rates(now=NOW)
        assert queries.fx_rate(base="EUR", quote="CYP", on=date(2026, 11, 20)) == Decimal("0.6")

    def test_no_simulated_rates_are_made_again(self, monkeypatch):
        operations.refresh_fx_rates(now=NOW)
        operations.backfill_history(now=NOW)
        assert not FxRate.objects.filter(source="simulated", quote__in=["USD", "JPY", "GBP"]).exists()

    def test_a_real_site_makes_none_up(self, settings):
        settings.MARKET_DATA = "real"
        operations.backfill_history(now=NOW)
        assert not FxRate.objects.exists()

    @pytest.mark.parametrize(
        "fault", ["429 with Retry-After", "500", "web page", "hangs", "cut off", "nothing"]
    )
    def test_a_failure_changes_nothing_and_is_told(self, world, fault):
        rate("EUR", "USD", "2026-11-18", "1.5", source="simulated")
        world.on("/", FAULTS[fault])
        world.on("/ecb/" + ecb.WHOLE, FAULTS[fault])
        result = operations.refresh_fx_rates(now=NOW)
        assert result.stored == {}
        assert {"ecb", "yahoo"} <= set(result.failed)
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2026, 11, 20)) == Decimal("1.5")

    def test_a_simulated_site_asks_nobody(self, world, settings):
        settings.MARKET_DATA = "simulated"
        assert operations.refresh_fx_rates(now=NOW).stored == {}
        assert world.asked == []


class TestFromOthers:
    @pytest.fixture(autouse=True)
    def taiwan(self, make_instrument):
        make_instrument("2330.TW", currency="TWD")

    def test_a_currency_in_use_that_the_ecb_has_not_comes_from_yahoo(self, world):
        world.on(
            "/v8/finance/chart/EURTWD=X",
            chart("TWD", ("2026-11-18", 34.25), ("2026-11-19", 34.5), ("2026-11-20", 35.0)),
        )
        result = operations.refresh_fx_rates(now=NOW)
        assert (result.stored, result.lacking) == ({"ecb": 9, "yahoo": 2}, [])
        found = queries.fx_rate_view(base="EUR", quote="TWD", on=date(2026, 11, 20))
        # The running day has no rate yet.
        assert (found.rate, found.date, found.source) == (Decimal("34.5"), date(2026, 11, 19), "yahoo")
        operations.refresh_fx_rates(now=NOW + timedelta(hours=1))
        assert len(world.asked_for("/v8")) == 1

    def test_a_currency_nobody_has_is_told_and_not_asked_for_all_the_time(self, world):
        world.on("/v8", Reply(yahoo.NO_DATA, status=404))
        assert operations.refresh_fx_rates(now=NOW).lacking == ["TWD"]
        operations.refresh_fx_rates(now=NOW + timedelta(hours=1))
        assert len(world.asked_for("/v8")) == 2

    def test_while_the_ecb_is_away_others_stand_in_and_it_has_the_last_word(self, world):
        world.on("/v8", Reply(yahoo.NO_DATA, status=404))
        operations.refresh_fx_rates(now=NOW)
        tuesday = NOW + timedelta(days=4)
        world.on("/ecb/", FAULTS["500"])
        world.on("/v8/finance/chart/EURUSD=X", chart("USD", ("2026-11-20", 1.3), ("2026-11-23", 1.125)))
        forget_gateway()
        result = operations.refresh_fx_rates(now=tuesday)
        assert "ecb" in result.failed
        assert queries.fx_rate_view(base="EUR", quote="USD", on=date(2026, 11, 23)).source == "yahoo"
        assert queries.fx_rate(base="EUR", quote="USD", on=date(2026, 11, 20)) == Decimal("1.1172")
        forget_gateway()
        world.on(
            "/ecb/" + ecb.NINETY_DAYS,
            xml(
                ("2026-11-24", {"USD": "1.13"}),
                ("2026-11-23", {"USD": "1.12"}),
                ("2026-08-28", {"USD": "1.1"}),
            ),
        )
        operations.refresh_fx_rates(now=tuesday)
        found = queries.fx_rate_view(base="EUR", quote="USD", on=date(2026, 11, 23))
        assert (found.rate, found.source) == (Decimal("1.12"), "ecb")


class TestWhenIsItPublished:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            ("2026-11-20T15:10:00+00:00", "2026-11-19"),
            ("2026-11-20T15:20:00+00:00", "2026-11-20"),
            ("2026-11-21T20:00:00+00:00", "2026-11-20"),
            ("2026-11-22T23:30:00+00:00", "2026-11-20"),
            ("2026-07-20T14:20:00+00:00", "2026-07-20"),
        ],
    )
    def test_on_working_days_in_the_afternoon(self, at, expected):
        assert published_through(datetime.fromisoformat(at)).isoformat() == expected
