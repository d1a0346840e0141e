"""Yahoo's charts become what was traded: splits and float noise taken out, days of the exchange, dividends as paid."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from marketdata.providers import base
from marketdata.providers.yahoo import YahooProvider
from marketdata.tests.providers.conftest import NOW, ref
from marketdata.tests.support import yahoo
from marketdata.tests.support.vendor import Reply
from marketdata.tests.support.yahoo import day, single

CHARTS = "/v8/finance/chart/"
SEVEN_FOR_ONE = ("2014-06-09T09:30:00-04:00", 7, 1)
FOUR_FOR_ONE = ("2020-08-31T09:30:00-04:00", 4, 1)


@pytest.fixture
def provider(vendor):
    return YahooProvider(timeout=1, base_url=vendor.url)


@pytest.fixture
def history(vendor, provider):
    def ask(chart, start="2010-01-01", end="2026-11-19", **fields):
        vendor.on(CHARTS, chart)
        return provider.history(ref(**fields), date.fromisoformat(start), date.fromisoformat(end))

    return ask


def closes(found: base.History) -> dict[str, str]:
    return {bar.date.isoformat(): f"{bar.close.normalize():f}" for bar in found.bars}


class TestAsTraded:
    def test_two_splits_later_the_closes_are_those_of_their_days(self, history):
        """Apple's, known from unadjusted files: 645.57, 93.70, 499.23, 129.04."""
        found = history(
            yahoo.chart(
                [
                    day("2014-06-06", 645.57 / 28, volume=349_938_400),
                    day("2014-06-09", 93.70 / 4),
                    day("2020-08-28", 499.23 / 4, volume=187_630_000),
                    day("2020-08-31", 129.04, volume=225_702_700),
                ],
                splits=[SEVEN_FOR_ONE, FOUR_FOR_ONE],
            )
        )
        assert closes(found) == {
            "2014-06-06": "645.57",
            "2014-06-09": "93.7",
            "2020-08-28": "499.23",
            "2020-08-31": "129.04",
        }
        assert [bar.volume for bar in found.bars] == [12_497_800, 250, 46_907_500, 225_702_700]
        assert [(action.kind, action.value) for action in found.actions] == [("split", 7), ("split", 4)]
        assert found.faults == []

    def test_splits_after_the_days_asked_for_count_too(self, vendor, history):
        found = history(
            yahoo.chart([day("2014-06-06", 645.57 / 28)], splits=[SEVEN_FOR_ONE, FOUR_FOR_ONE]),
            start="2014-06-01",
            end="2014-06-06",
        )
        assert closes(found) == {"2014-06-06": "645.57"}
        assert found.actions == []
        (asked,) = vendor.asked
        assert asked.query["period2"] == "9999999999"
        assert "split" in asked.query["events"]

    def test_consolidations_are_undone_the_other_way(self, history):
        found = history(
            yahoo.chart(
                [day("2021-07-30", 12.95 * 8), day("2021-08-02", 103.40)],
                splits=[("2021-08-02T09:30:00-04:00", 1, 8)],
            )
        )
        assert closes(found) == {"2021-07-30": "12.95", "2021-08-02": "103.4"}

    @pytest.mark.parametrize(
        ("price", "ratio"),
        [("33.15", (3, 2)), ("1.07", (21, 20)), ("10.99", (1, 3)), ("726.44", (40, 1)), ("28.75", (224, 1))],
    )
    def test_any_ratio_gives_the_price_that_was_quoted(self, history, price, ratio):
        top, bottom = ratio
        found = history(
            yahoo.chart(
                [day("2020-08-28", float(price) * bottom / top)],
                splits=[("2020-08-31T09:30:00-04:00", top, bottom)],
            )
        )
        assert closes(found) == {"2020-08-28": price}

    def test_a_split_that_the_prices_do_not_show_yet_is_not_undone_and_told(self, history):
        found = history(
            yahoo.chart([day("2020-08-28", 499.23), day("2020-08-31", 129.04)], splits=[FOUR_FOR_ONE])
        )
        assert closes(found) == {"2020-08-28": "499.23", "2020-08-31": "129.04"}
        assert "not divided by it yet" in found.faults[0]

    def test_a_crash_on_the_day_of_a_split_is_no_missing_adjustment(self, history):
        found = history(
            yahoo.chart([day("2020-08-28", 100.0), day("2020-08-31", 60.0)], splits=[FOUR_FOR_ONE])
        )
        assert closes(found)["2020-08-28"] == "400"
        assert found.faults == []

    @pytest.mark.parametrize(
        "split", [("2020-08-31T09:30:00-04:00", 0, 1), ("2020-08-31T09:30:00-04:00", 4, -1)]
    )
    def test_an_impossible_split_changes_nothing(self, history, split):
        found = history(yahoo.chart([day("2020-08-28", 100.0)], splits=[split]))
        assert closes(found) == {"2020-08-28": "100"}
        assert found.actions == []
        assert found.faults


class TestDividends:
    def test_are_what_was_paid_then(self, history):
        found = history(
            yahoo.chart(
                [day("2012-08-08", 619.86 / 28), day("2012-08-09", 620.73 / 28)],
                splits=[SEVEN_FOR_ONE, FOUR_FOR_ONE],
                dividends=[
                    ("2012-08-09T09:30:00-04:00", 0.094643),
                    ("2020-08-07T09:30:00-04:00", 0.205),
                    ("2020-11-06T09:30:00-05:00", 0.205),
                ],
            )
        )
        dividends = {str(a.ex_date): str(a.value) for a in found.actions if a.kind == "dividend"}
        assert dividends == {"2012-08-09": "2.65", "2020-08-07": "0.82", "2020-11-06": "0.205"}

    def test_of_pence_are_in_pounds(self, history):
        chart = yahoo.chart(
            [day("2026-05-06", 1300.0)],
            dividends=[("2026-05-07T08:00:00+01:00", 23.5)],
            currency="GBp",
            zone="Europe/London",
        )
        found = history(chart, symbol="ULVR.L", currency="GBP")
        assert (found.bars[0].close, found.actions[0].value) == (13, Decimal("0.235"))

    def test_in_another_currency_are_left_out_and_told(self, history):
        chart = yahoo.chart([day("2026-05-06", 1300.0)], dividends=[("2026-05-07T08:00:00+01:00", 23.5)])
        (event,) = chart["chart"]["result"][0]["events"]["dividends"].values()
        event["currency"] = "EUR"
        found = history(chart)
        assert found.actions == []
        assert "quotes in EUR" in found.faults[0]

    def test_larger_than_the_price_are_left_out_and_told(self, history):
        found = history(
            yahoo.chart([day("2026-05-06", 13.0)], dividends=[("2026-05-07T09:30:00-04:00", 23.5)])
        )
        assert found.actions == []
        assert "more than the share cost" in found.faults[0]

    def test_two_on_one_day_are_one_fact(self, history):
        chart = yahoo.chart([day("2026-05-06", 13.0)], dividends=[("2026-05-07T09:30:00-04:00", 0.5)])
        events = chart["chart"]["result"][0]["events"]
        events["capitalGains"] = {"x": {"date": yahoo.stamp("2026-05-07T09:30:00-04:00"), "amount": 0.25}}
        assert [(a.kind, a.value) for a in history(chart).actions] == [("dividend", Decimal("0.75"))]


class TestDays:
    def test_are_those_of_the_exchange_in_summer_and_winter(self, history):
        """Midnight in London is the evening before in UTC half of the year; the answer's offset is of today."""
        rows = [
            ("2026-01-15T00:00:00+00:00", *[single(1.17)] * 4, 0),
            ("2026-07-15T00:00:00+01:00", *[single(1.16)] * 4, 0),
        ]
        found = history(yahoo.chart(rows, zone="Europe/London"), symbol="EURUSD=X", asset_class="currency")
        assert list(closes(found)) == ["2026-01-15", "2026-07-15"]
        assert found.bars[0].volume is None

    def test_come_sorted_once_and_within_what_was_asked_for(self, history):
        found = history(
            yahoo.chart(
                [
                    day("2026-11-18", 3.0),
                    day("2026-11-16", 1.0),
                    day("2026-11-17", 2.0),
                    day("2026-11-20", 4.0),
                ]
            ),
            start="2026-11-17",
            end="2026-11-19",
        )
        assert closes(found) == {"2026-11-17": "2", "2026-11-18": "3"}

    def test_there_twice_with_different_closes_are_told(self, history):
        found = history(
            yahoo.chart(
                [day("2026-11-18", 3.0), day("2026-11-18", 3.5, at="16:00:01-05:00"), day("2026-11-19", 3.0)]
            )
        )
        assert closes(found) == {"2026-11-18": "3.5", "2026-11-19": "3"}
        assert found.faults == ["2026-11-18: there twice, 3.0 and 3.5; the later one was taken"]

    def test_without_a_close_are_no_days(self, history):
        found = history(
            yahoo.chart(
                [
                    ("2026-11-17T09:30:00-05:00", None, None, None, None, None),
                    ("2026-11-18T09:30:00-05:00", 0, 0, 0, 0, 0),
                    day("2026-11-19", 3.0),
                ]
            )
        )
        assert list(closes(found)) == ["2026-11-19"]
        assert found.faults == []

    @pytest.mark.parametrize("close", [-1.0, 1e300, "NaN", "x"])
    def test_with_an_impossible_close_are_left_out_and_told(self, history, close):
        rows = [("2026-11-18T09:30:00-05:00", 3.0, 3.0, 3.0, close, 5), day("2026-11-19", 3.0)]
        text = Reply(yahoo.chart(rows)).content().decode().replace('"NaN"', "NaN")
        found = history(Reply(text))
        assert list(closes(found)) == ["2026-11-19"]
        assert found.faults[0].startswith("2026-11-18: the close is")

    @pytest.mark.parametrize(
        ("opened", "high", "low"), [(5.0, 4.0, 3.0), (3.5, 3.2, 3.0), (3.5, 3.0, 4.0), (-1.0, 4.0, 3.0)]
    )
    def test_whose_range_cannot_be_keep_the_close_alone(self, history, opened, high, low):
        (bar,) = (
            found := history(yahoo.chart([("2026-11-18T09:30:00-05:00", opened, high, low, 3.5, 5)]))
        ).bars
        assert (bar.open, bar.high, bar.low, bar.close) == (None, None, None, Decimal("3.5"))
        assert "do not fit" in found.faults[0]

    def test_nothing_in_those_days_is_no_error(self, history):
        assert history(Reply(yahoo.NOT_THEN, status=400)) == base.History()

    def test_nobody_knows_the_symbol(self, history):
        with pytest.raises(base.SymbolUnknown, match="may be delisted"):
            history(Reply(yahoo.NO_DATA, status=404))

    def test_columns_of_different_lengths_are_refused(self, history):
        chart = yahoo.chart([day("2026-11-18", 3.0), day("2026-11-19", 3.0)])
        chart["chart"]["result"][0]["indicators"]["quote"][0]["close"].pop()
        with pytest.raises(base.BadAnswer, match="1 values in close for 2 times"):
            history(chart)

    def test_a_currency_that_changed_is_refused(self, history):
        with pytest.raises(base.WrongCurrency, match="quotes in USD, expected GBP"):
            history(yahoo.chart([day("2026-11-18", 3.0)]), currency="GBP")


class TestMinutes:
    START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)

    def minute(self, n: int, price: float, **seconds: int) -> tuple:
        at = self.START + timedelta(minutes=n, **seconds)
        return (at.isoformat(), single(price), single(price + 1), single(price - 1), single(price), 100)

    def test_are_the_whole_ones_that_are_over(self, vendor, provider):
        rows = [
            self.minute(0, 10.0),
            self.minute(1, 11.0),
            self.minute(2, 12.0),
            self.minute(2, 12.5, seconds=17),
        ]
        vendor.on(CHARTS, yahoo.chart(rows))
        end = self.START + timedelta(minutes=2, seconds=17)
        found = provider.intraday(ref(), self.START, end)
        assert [(bar.at, bar.close, bar.volume) for bar in found] == [
            (self.START, 10, 100),
            (self.START + timedelta(minutes=1), 11, 100),
        ]

    def test_impossible_ones_are_left_out(self, vendor, provider):
        rows = [
            self.minute(0, 10.0),
            (*self.minute(1, 11.0)[:4], -5.0, 1),
            (*self.minute(2, 11.0)[:3], 40.0, 11.0, 1),
        ]
        vendor.on(CHARTS, yahoo.chart(rows))
        assert len(provider.intraday(ref(), self.START, NOW)) == 1

    def test_a_week_is_asked_for_at_a_time_and_no_more_than_is_kept(self, vendor, provider):
        vendor.on(CHARTS, Reply(yahoo.NOT_THEN, status=422))
        assert provider.intraday(ref(), NOW - timedelta(days=90), NOW) == []
        spans = [(int(asked.query["period1"]), int(asked.query["period2"])) for asked in vendor.asked]
        assert len(spans) == 5
        assert all(last - first <= 7 * 86_400 for first, last in spans)
        assert spans[0][0] == int((NOW - timedelta(days=29)).timestamp())


class TestRates:
    def test_come_from_charts_against_the_euro_or_else_the_dollar(self, vendor, provider):
        vendor.on(
            CHARTS + "EURTWD=X",
            yahoo.chart([day("2026-11-18", 34.5, at="00:00:00+00:00")], zone="Europe/London", currency="TWD"),
        )
        vendor.on(CHARTS + "EURKZT=X", Reply(yahoo.NO_DATA, status=404))
        vendor.on(
            CHARTS + "USDKZT=X",
            yahoo.chart(
                [day("2026-11-18", 510.0, at="00:00:00+00:00")], zone="Europe/London", currency="KZT"
            ),
        )
        vendor.on(CHARTS + "EURXXX=X", Reply(yahoo.NO_DATA, status=404))
        vendor.on(CHARTS + "USDXXX=X", Reply(yahoo.NO_DATA, status=404))
        found = provider.rates(["TWD", "KZT", "XXX", "EUR"], date(2026, 11, 1), date(2026, 11, 19))
        assert [(rate.base, rate.quote, rate.rate) for rate in found] == [
            ("EUR", "TWD", Decimal("34.5")),
            ("USD", "KZT", Decimal(510)),
        ]
