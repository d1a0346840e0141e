"""Views of the past: as traded, in today's shares, and with every dividend put into more shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.test import Client

from marketdata import queries
from marketdata.domain.exact_adjusting import Payout, spans_of
from marketdata.models import CorporateAction, Instrument
from marketdata.queries import Adjustment
from marketdata.tests.conftest import bar

pytestmark = pytest.mark.django_db
D = Decimal
SPAN = date(2014, 1, 1), date(2020, 12, 31)
#: Closes of Apple as traded around its splits of 7 for 1 and 4 for 1.
AAPL = {
    "2014-06-05": "647.35",
    "2014-06-06": "645.57",
    "2014-06-09": "93.70",
    "2014-06-10": "94.25",
    "2020-08-27": "500.04",
    "2020-08-28": "499.23",
    "2020-08-31": "129.04",
    "2020-09-01": "134.18",
}


@pytest.fixture
def aapl(make_instrument: Callable[..., Instrument]) -> Instrument:
    instrument = make_instrument("AAPL", exchange="XNAS")
    for day, close in AAPL.items():
        bar(instrument, day, close, volume=D(1000))
    action(instrument, "2014-06-09", "split", "7")
    action(instrument, "2020-08-31", "split", "4")
    return instrument


def action(instrument: Instrument, day: str, kind: str, value: str) -> None:
    CorporateAction.objects.create(
        instrument=instrument, ex_date=date.fromisoformat(day), kind=kind, value=D(value), source="test"
    )


def closes(instrument: Instrument, adjustment: Adjustment) -> list[Decimal]:
    return [found.close for found in queries.bars(instrument.pk, *SPAN, adjustment=adjustment)]


def drawn(instrument: Instrument, adjustment: Adjustment) -> list[float]:
    """The same as charts draw it."""
    return list(queries.daily_series([instrument.pk])[instrument.pk].adjusted(adjustment).close)


class TestAppleAcrossItsSplits:
    def test_closes_as_traded_are_the_ones_of_the_day(self, aapl: Instrument) -> None:
        assert closes(aapl, Adjustment.RAW) == [D(close) for close in AAPL.values()]

    def test_in_todays_shares_there_is_no_cliff(self, aapl: Instrument) -> None:
        found = closes(aapl, Adjustment.SPLIT)
        assert [round(close, 4) for close in found] == [
            D("23.1196"), D("23.0561"), D("23.4250"), D("23.5625"),
            D("125.0100"), D("124.8075"), D("129.0400"), D("134.1800"),
        ]  # fmt: skip
        for before, after in ((found[1], found[2]), (found[5], found[6])):
            assert abs(after / before - 1) < D("0.04")

    def test_volumes_are_in_todays_shares_as_well(self, aapl: Instrument) -> None:
        found = queries.bars(aapl.pk, *SPAN)
        assert [b.volume for b in found] == [28000, 28000, 4000, 4000, 4000, 4000, 1000, 1000]

    def test_charts_draw_the_same(self, aapl: Instrument) -> None:
        for adjustment in Adjustment:
            assert np.allclose(drawn(aapl, adjustment), [float(c) for c in closes(aapl, adjustment)])

    def test_reading_takes_two_statements(self, aapl: Instrument, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(2):
            queries.bars(aapl.pk, *SPAN, adjustment=Adjustment.TOTAL_RETURN)
        with django_assert_num_queries(1):
            queries.bars(aapl.pk, *SPAN, adjustment=Adjustment.RAW)


class TestTotalReturn:
    def test_grows_like_a_holding_that_puts_its_dividends_into_more_shares(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        """100 shares at 50. 2 a share on the ex-date at a close of 40: 200 buy 5 more. Later 2 for 1, then 1 a share at
        a close of 21: 210 buy 10 more. At 22 there are 220 shares, worth 4 840."""
        acme = make_instrument()
        for day, close in (
            ("2019-01-02", "50"), ("2019-01-03", "40"), ("2019-01-04", "42"), ("2019-01-07", "20"),
            ("2019-01-08", "21"), ("2019-01-09", "22"),
        ):  # fmt: skip
            bar(acme, day, close)
        action(acme, "2019-01-03", "dividend", "2")
        action(acme, "2019-01-07", "split", "2")
        action(acme, "2019-01-08", "dividend", "1")
        found = closes(acme, Adjustment.TOTAL_RETURN)
        assert found[-1] == D(22)
        assert round(found[-1] / found[0], 10) == round(D(4840) / D(5000), 10)
        assert np.allclose(drawn(acme, Adjustment.TOTAL_RETURN), [float(close) for close in found])

    def test_a_dividend_on_a_day_without_trade_counts_on_the_next(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        acme = make_instrument()
        bar(acme, "2019-01-04", "50")
        bar(acme, "2019-01-07", "40")
        action(acme, "2019-01-05", "dividend", "10")
        assert closes(acme, Adjustment.TOTAL_RETURN) == [D(40), D(40)]

    def test_one_after_the_last_close_waits_for_its_close(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        acme = make_instrument()
        bar(acme, "2019-01-04", "50")
        action(acme, "2019-01-07", "dividend", "10")
        assert closes(acme, Adjustment.TOTAL_RETURN) == [D(50)]

    def test_dividends_change_no_volume(self, make_instrument: Callable[..., Instrument]) -> None:
        acme = make_instrument()
        bar(acme, "2019-01-04", "50", volume=D(10))
        bar(acme, "2019-01-07", "40", volume=D(20))
        action(acme, "2019-01-07", "dividend", "10")
        found = queries.bars(acme.pk, *SPAN, adjustment=Adjustment.TOTAL_RETURN)
        assert [b.volume for b in found] == [10, 20]

    def test_two_on_a_day_are_one_sum(self) -> None:
        day = date(2019, 1, 7)
        twice = spans_of([], [Payout(day, D(4), day, D(40)), Payout(day, D(6), day, D(40))])
        assert twice == spans_of([], [Payout(day, D(10), day, D(40))])

    def test_a_dividend_before_a_split_that_no_close_lies_between(self) -> None:
        """10 a share, 2 for 1 on the next day, a close of 20 after both: 5 for each new share."""
        spans = spans_of(
            [(date(2019, 1, 8), D(2))], [Payout(date(2019, 1, 7), D(10), date(2019, 1, 8), D(20))]
        )
        assert [(span.since, span.price) for span in spans] == [
            (date.min, D("0.4")), (date(2019, 1, 8), D(1)),
        ]  # fmt: skip


class TestFilesThatWereAdjustedForDividends:
    def test_what_is_in_them_is_not_applied_again(self, make_instrument: Callable[..., Instrument]) -> None:
        ge = make_instrument("GE")
        for day in ("2014-06-06", "2014-06-09", "2014-06-12"):
            bar(ge, day, "10", source="file wide, adjusted for dividends")
        bar(ge, "2014-06-13", "5")
        action(ge, "2014-06-09", "split", "7")
        action(ge, "2014-06-09", "dividend", "1")
        action(ge, "2014-06-13", "split", "2")
        for adjustment in (Adjustment.SPLIT, Adjustment.TOTAL_RETURN):
            assert closes(ge, adjustment) == [5, 5, 5, 5]
            assert drawn(ge, adjustment) == [5, 5, 5, 5]


class TestApi:
    @pytest.fixture
    def ask(self, aapl: Instrument, owner: Any, client_of: Callable[[Any], Client]) -> Callable[[str], Any]:
        def get(query: str) -> Any:
            address = f"/api/v1/instruments/{aapl.pk}/bars/?from=2014-06-01&to=2014-06-30{query}"
            return client_of(owner).get(address)

        return get

    @pytest.mark.parametrize(
        ("query", "adjustment", "first"),
        [
            ("", "split", "23.11964286"),
            ("&adjustment=split", "split", "23.11964286"),
            ("&adjustment=raw", "raw", "647.35"),
            ("&adjusted=false", "raw", "647.35"),
            ("&adjustment=total_return", "total_return", "23.11964286"),
        ],
    )
    def test_says_what_was_done_to_prices(self, ask: Any, query: str, adjustment: str, first: str) -> None:
        body = ask(query).json()
        assert body["adjustment"] == adjustment
        assert body["adjusted"] is (adjustment != "raw")
        assert D(body["results"][0]["close"]) == D(first)

    def test_refuses_what_it_does_not_know(self, ask: Any) -> None:
        answer = ask("&adjustment=total")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "adjustment"
