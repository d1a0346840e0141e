"""The figures behind a price chart: what is chosen, what is worked out, what is left out."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from django.http import QueryDict
from django.urls import reverse

from marketdata.charting import ChartChoice, price_chart
from marketdata.domain.indicators import exponential_average, simple_average
from marketdata.models import CorporateAction, PriceBar, Quote
from marketdata.queries import Adjustment, HeldView, TradeView, daily_series, latest_quote
from marketdata.tests.conftest import NOW, bar

pytestmark = pytest.mark.django_db


def choose(query: str) -> ChartChoice:
    return ChartChoice.read(QueryDict(query))


def draw(instrument, query="", *, quote=None, trades=(), held=()):
    chart = price_chart(instrument, quote, choice=choose(query), now=NOW)
    return chart.body(trades=trades, held=held)


def fill(instrument, count, *, last=date(2026, 11, 19), price=lambda at: 100 + at, volume=lambda at: 10):
    """So many weekdays up to the last, with prices and volumes by their place."""
    days, day = [], last
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    days.reverse()
    PriceBar.objects.bulk_create(
        PriceBar(
            instrument=instrument,
            date=day,
            open=Decimal(str(price(at))),
            high=Decimal(str(price(at))) + 1,
            low=Decimal(str(price(at))) - 1,
            close=Decimal(str(price(at))),
            volume=Decimal(volume(at)),
            source="test",
        )
        for at, day in enumerate(days)
    )
    return days


@pytest.fixture
def share(make_instrument):
    return make_instrument("ACME")


def action(instrument, day, kind, value):
    CorporateAction.objects.create(
        instrument=instrument, ex_date=date.fromisoformat(day), kind=kind, value=Decimal(value), source="test"
    )


class TestChoice:
    def test_of_nothing_is_the_usual(self):
        assert choose("") == ChartChoice()

    @pytest.mark.parametrize(
        "query",
        [
            "range=5Y&kind=candles&adjust=total&scale=log&show=rsi&show=sma50",
            "range=MAX&kind=line&adjust=raw&show=",
            "range=1Y&kind=line&adjust=split",
        ],
    )
    def test_written_and_read_again_is_the_same(self, query):
        assert choose(query).query() == query
        assert choose(choose(query).query()) == choose(query)

    def test_takes_no_nonsense(self):
        assert choose("range=2X&kind=pie&adjust=all&scale=cubic&show=magic") == ChartChoice(shown=frozenset())


class TestAdjustments:
    @pytest.fixture
    def apple(self, make_instrument):
        """The 7:1 of 9 June 2014 with the dividend of May, as traded."""
        made = make_instrument("AAPL")
        for day, close in (
            ("2014-05-07", "592.33"),
            ("2014-05-08", "587.99"),
            ("2014-06-06", "645.57"),
            ("2014-06-09", "93.70"),
        ):
            bar(made, day, close, volume=700)
        action(made, "2014-05-08", "dividend", "3.29")
        action(made, "2014-06-09", "split", "7")
        return made

    def values(self, instrument, adjust):
        return draw(instrument, f"range=MAX&adjust={adjust}")["series"][0]["values"]

    def test_as_traded_has_the_cliff(self, apple):
        assert self.values(apple, "raw") == ["592.33", "587.99", "645.57", "93.7"]

    def test_split_adjusted_has_none(self, apple):
        values = [float(value) for value in self.values(apple, "split")]
        assert values == pytest.approx([592.33 / 7, 587.99 / 7, 645.57 / 7, 93.7])

    def test_total_return_has_the_dividend_too(self, apple):
        before, ex_date, *_ = (float(value) for value in self.values(apple, "total"))
        assert ex_date / before == pytest.approx((587.99 + 3.29) / 592.33)

    def test_volumes_follow_splits(self, apple):
        body = draw(apple, "range=MAX")
        assert body["volume"]["values"] == ["4900", "4900", "4900", "700"]

    def test_summary_says_what_was_done(self, apple):
        said = {
            adjust: draw(apple, f"range=MAX&adjust={adjust}")["summary"]
            for adjust in ("raw", "split", "total")
        }
        assert said["raw"] == "Down 84.18% since 2014-05-07, as traded."
        assert said["split"] == "Up 10.73% since 2014-05-07, adjusted for splits."
        assert said["total"] == "Up 11.35% since 2014-05-07 with dividends reinvested."

    def test_marks_say_what_happened_when(self, apple):
        assert draw(apple, "range=MAX")["markers"] == [
            {"at": "2014-05-08", "kind": "dividend", "on": "2014-05-08", "label": "Dividend 3.29"},
            {"at": "2014-06-09", "kind": "split", "on": "2014-06-09", "label": "Split 7:1"},
        ]
        assert draw(apple, "range=MAX&show=volume")["markers"] == []


class TestLatestPrice:
    def quote(self, instrument, last, at, **fields):
        Quote.objects.create(
            instrument=instrument, last=Decimal(last), quoted_at=at, received_at=at, source="test", **fields
        )
        return latest_quote(instrument.pk, now=NOW)

    def test_of_a_later_day_is_a_day_of_its_own(self, share):
        bar(share, "2026-11-19", "10")
        body = draw(share, quote=self.quote(share, "11", NOW, volume=5))
        assert (body["labels"][-1], body["series"][0]["values"]) == ("2026-11-20", ["10", "11"])
        assert body["volume"]["values"] == [None, "5"]

    def test_of_the_same_day_is_its_close_and_part_of_its_range(self, share):
        bar(share, "2026-11-20", "10", open=9, high=11, low=8, volume=3)
        body = draw(share, "kind=candles", quote=self.quote(share, "12.5", NOW))
        assert body["bars"] == [
            {"at": "2026-11-20", "open": "9", "high": "12.5", "low": "8", "close": "12.5", "volume": "3"}
        ]

    def test_of_an_earlier_day_changes_nothing(self, share):
        bar(share, "2026-11-19", "10")
        old = self.quote(share, "99", datetime(2026, 11, 1, tzinfo=UTC))
        assert draw(share, quote=old)["series"][0]["values"] == ["10"]

    def test_alone_is_a_chart_of_one_point(self, share):
        body = draw(share, quote=self.quote(share, "7", NOW, is_simulated=True))
        assert (body["labels"], body["summary"]) == (
            ["2026-11-20"],
            "One price in this time. Simulated prices.",
        )


class TestResampling:
    def test_ten_years_of_candles_are_weeks_with_everything_in_them(self, share):
        days = fill(share, 2600, price=lambda at: 100 + (at % 50))
        body = draw(share, "range=10Y&kind=candles")
        bars = body["bars"]
        assert body["period"] == "week"
        assert 500 < len(bars) <= 600
        assert bars[-1]["at"] == days[-1].isoformat()
        inside = [day for day in days if day >= date(2016, 11, 19)]
        assert sum(int(found["volume"]) for found in bars) == 10 * len(inside)
        assert max(float(found["high"]) for found in bars) == 150
        assert min(float(found["low"]) for found in bars) == 99

    def test_long_lines_keep_ends_and_extremes(self, share):
        days = fill(share, 2600, price=lambda at: 500 if at == 2101 else 100 + at / 100)
        body = draw(share, "range=MAX")
        assert len(body["labels"]) <= 600
        assert {days[0].isoformat(), days[2101].isoformat(), days[-1].isoformat()} <= set(body["labels"])
        assert body["volume"]["label"] == "Volume, average"
        assert set(body["volume"]["values"]) == {"10"}

    @pytest.mark.parametrize("kind", ["line", "candles"])
    def test_indicators_are_those_of_every_day(self, share, kind):
        days = fill(share, 2600, price=lambda at: 100 + 20 * np.sin(at / 30).round(6))
        closes = daily_series([share.pk])[share.pk].bars.close
        body = draw(share, f"range=10Y&kind={kind}&show=sma200&show=ema50")
        at = {day.isoformat(): place for place, day in enumerate(days)}
        labels = body.get("labels") or [found["at"] for found in body["bars"]]
        expected = {"sma200": simple_average(closes, 200), "ema50": exponential_average(closes, 50)}
        for line in body["overlays"]:
            assert len(line["values"]) == len(labels)
            known = [math.nan if value is None else float(value) for value in line["values"]]
            wanted = [expected[line["key"]][at[label]] for label in labels]
            np.testing.assert_allclose(known, wanted, atol=1e-4)

    def test_marks_stand_at_the_period_they_fell_into(self, share):
        fill(share, 2600)
        action(share, "2026-11-10", "dividend", "1")
        body = draw(share, "range=10Y&kind=candles")
        assert [(mark["at"], mark["on"]) for mark in body["markers"]] == [("2026-11-13", "2026-11-10")]


class TestStudies:
    def test_bands_average_and_strips(self, share):
        fill(share, 300)
        shown = "&".join(f"show={code}" for code in ("bollinger", "sma20", "rsi", "macd"))
        body = draw(share, f"range=3M&{shown}")
        assert [line["key"] for line in body["overlays"]] == [
            "sma20",
            "bollinger-upper",
            "bollinger-middle",
            "bollinger-lower",
        ]
        strength, convergence = body["panes"]
        assert (strength["min"], strength["max"], strength["levels"]) == ("0", "100", ["30", "70"])
        assert set(strength["series"][0]["values"]) == {"100"}
        assert [line["key"] for line in convergence["series"]] == ["histogram", "macd", "signal"]
        assert all(len(line["values"]) == len(body["labels"]) for line in convergence["series"])
        assert "volume" not in body

    def test_what_is_not_known_yet_is_a_gap(self, share):
        fill(share, 30)
        body = draw(share, "range=1Y&show=sma20&show=sma200")
        twenty, two_hundred = body["overlays"]
        assert twenty["values"][:19] == [None] * 19
        assert twenty["values"][19] == "109.5"
        assert set(two_hundred["values"]) == {None}


class TestWhatThePersonDid:
    def trade(self, day, side="buy", **fields):
        known = {"portfolio": "Mine", "is_paper": False, "at": None, "quantity": Decimal("10.50")}
        return TradeView(day=date.fromisoformat(day), side=side, price=Decimal(150), **{**known, **fields})

    def held(self, **fields):
        known = {
            "instrument_id": 1,
            "portfolio_id": 1,
            "portfolio": "Mine",
            "is_paper": False,
            "url": "/",
            "quantity": Decimal(10),
            "cost_basis": Decimal(1500),
            "realised_gain": Decimal(0),
            "income": Decimal(0),
            "unit": Decimal(1),
        }
        return HeldView(**{**known, **fields})

    def test_trades_are_marked_and_can_be_covered(self, share):
        fill(share, 20)
        trades = [self.trade("2026-11-18"), self.trade("2026-11-18"), self.trade("2026-11-19", "sell")]
        bought, sold = draw(share, "range=1M", trades=trades)["markers"]
        line = "Bought 10.5 at 150 on 2026-11-18 (Mine)"
        assert bought == {"at": "2026-11-18", "kind": "buy", "label": f"{line}; {line}", "cover": "Bought"}
        assert (sold["kind"], sold["cover"]) == ("sell", "Sold")

    def test_trades_before_the_range_are_not(self, share):
        fill(share, 300)
        assert draw(share, "range=1M", trades=[self.trade("2026-02-02")])["markers"] == []

    def test_cost_is_the_average_of_what_is_really_owned(self, share):
        fill(share, 20)
        held = [
            self.held(),
            self.held(quantity=Decimal(20), cost_basis=Decimal(6000)),
            self.held(is_paper=True, cost_basis=Decimal(10**6)),
        ]
        [line] = draw(share, held=held)["lines"]
        assert line == {"value": "250", "label": "Average cost", "is_private": True}
        assert draw(share, "adjust=total", held=held).get("lines") is None
        assert draw(share, held=[self.held(quantity=Decimal(0), cost_basis=Decimal(0))])["lines"] == []


class TestAnswer:
    def url(self, instrument, query=""):
        return reverse("marketdata:chart", args=[instrument.pk]) + query

    @pytest.fixture(autouse=True)
    def _today(self, time_machine):
        time_machine.move_to(NOW, tick=False)

    def test_is_not_sent_again_while_it_is_the_same(self, client_of, owner, share):
        bar(share, "2026-11-18", "10")
        client = client_of(owner)
        first = client.get(self.url(share))
        assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
        etag = first.headers["ETag"]
        again = client.get(self.url(share), headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        bar(share, "2026-11-19", "11")
        changed = client.get(self.url(share), headers={"If-None-Match": etag})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != etag

    def test_outsiders_get_none_of_ones_own(self, client_of, outsider, flat):
        assert client_of(outsider).get(self.url(flat)).status_code == 404

    def test_figures_are_plain_decimals_in_order(self, client_of, owner, make_instrument):
        tiny = make_instrument("TINY", asset_class="crypto")
        for day in range(1, 19):
            bar(tiny, f"2026-11-{day:02}", f"0.000000{day:02}1234")
        body = client_of(owner).get(self.url(tiny, "?range=1M&show=sma20")).json()
        values = body["series"][0]["values"]
        assert values[0] == "0.000000011234"
        assert all("e" not in value for value in values)
        assert all(a < b for a, b in pairwise(map(float, values)))


class TestSeries:
    def test_takes_two_statements_however_many(self, make_instrument, django_assert_num_queries):
        ids = []
        for symbol in ("A", "B", "C"):
            made = make_instrument(symbol)
            fill(made, 5)
            ids.append(made.pk)
        with django_assert_num_queries(2):
            found = daily_series([*ids, 987654321])
        assert list(found) == ids
        assert found[ids[0]].adjusted(Adjustment.RAW).close.tolist() == [100, 101, 102, 103, 104]
