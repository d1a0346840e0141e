"""Comparing: worked figures, one common first day, and what the page says of it."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.urls import reverse

from marketdata.charting.comparing import compare
from marketdata.domain.comparing import Line, common_start, correlation, figures_of, rebased
from marketdata.models import CorporateAction
from marketdata.queries import Adjustment
from marketdata.tests.conftest import NOW, bar, rate

DAY = np.timedelta64(1, "D")


def line(closes, first="2026-01-01", step=1):
    days = np.datetime64(first) + np.arange(len(closes)) * step
    return Line(days=days, closes=np.array(closes, dtype=float))


class TestFigures:
    def test_of_a_year_and_a_half(self):
        found = figures_of(line([100, 120, 90, 144], step=183))
        years = 549 / 365.25
        assert found.growth == pytest.approx(0.44)
        assert found.yearly == pytest.approx(1.44 ** (1 / years) - 1)
        assert found.drawdown == pytest.approx(-0.25)
        assert found.volatility is None

    def test_volatility_is_scaled_by_how_often_it_is_quoted(self):
        returns = [0.01, -0.01] * 60
        closes = np.cumprod([100.0, *(1 + change for change in returns)])
        spread = float(np.std(returns, ddof=1))
        daily = figures_of(line(closes)).volatility
        assert daily == pytest.approx(spread * math.sqrt(365.25), rel=1e-9)
        weekly = figures_of(line(closes, step=7)).volatility
        assert weekly == pytest.approx(spread * math.sqrt(365.25 / 7), rel=1e-9)

    def test_growth_of_months_is_not_told_per_year(self):
        assert figures_of(line([100, 110], step=200)).yearly is None

    @pytest.mark.parametrize("closes", [[], [5.0], [5.0, 0.0]])
    def test_of_too_little_are_not_known(self, closes):
        found = figures_of(line(closes))
        assert (found.growth, found.volatility, found.drawdown) == (None, None, None)


class TestCorrelation:
    def test_of_a_line_with_itself_and_with_its_opposite(self):
        changes = np.sin(np.arange(60)) / 50
        up, down = line(np.cumprod(1 + changes) * 7), line(np.cumprod(1 - changes) * 3)
        assert correlation(up, up) == pytest.approx(1)
        assert correlation(up, down) == pytest.approx(-1)

    def test_takes_the_days_that_both_have(self):
        changes = np.sin(np.arange(80)) / 50
        every = line(np.cumprod(1 + changes))
        weekdays = (every.days.astype(int) + 3) % 7 < 5
        sparse = Line(days=every.days[weekdays], closes=every.closes[weekdays])
        assert correlation(every, sparse) == pytest.approx(1)

    def test_of_too_few_days_or_no_movement_is_not_known(self):
        assert correlation(line([1, 2] * 10), line([1, 2] * 10)) is None
        assert correlation(line([5] * 40), line([1, 2] * 20)) is None


class TestRebasing:
    def test_begins_where_all_have_begun(self):
        old, young = line([50, 60, 70], "2026-01-01"), line([8, 4], "2026-01-02")
        start = common_start([old, young], np.datetime64("2025-06-01"))
        assert str(start) == "2026-01-02"
        days = start + np.arange(2) * DAY
        first, second = rebased([old.since(start), young.since(start)], days)
        assert first.tolist() == pytest.approx([100, 70 / 60 * 100])
        assert second.tolist() == [100, 50]

    def test_a_day_without_trading_carries_the_close_before(self):
        sparse = line([10, 20], "2026-01-01", step=4).since(np.datetime64("2026-01-03"))
        assert (str(sparse.days[0]), sparse.closes.tolist()) == ("2026-01-03", [10, 20])
        assert sparse.on(np.datetime64("2026-01-03") + np.arange(3)).tolist() == [10, 10, 20]


@pytest.fixture
def pair(make_instrument):
    """A share that pays a dividend of ten percent, and one in euros that does not move."""
    payer, still = make_instrument("PAYS"), make_instrument("STILL", currency="EUR")
    first = date(2026, 9, 1)
    for at in range(60):
        day = (first + timedelta(days=at)).isoformat()
        bar(payer, day, "100" if at < 30 else "90")
        bar(still, day, "50")
    CorporateAction.objects.create(
        instrument=payer, ex_date=first + timedelta(days=30), kind="dividend", value=10, source="test"
    )
    return payer, still


@pytest.mark.django_db
class TestCompare:
    def last(self, pair, adjustment=Adjustment.TOTAL_RETURN, currency=""):
        found = compare(pair, code="6M", adjustment=adjustment, currency=currency, now=NOW)
        return {series["label"]: series["values"][-1] for series in found.body()["series"]}

    def test_total_return_counts_dividends_and_price_return_does_not(self, pair):
        assert self.last(pair) == {"PAYS": "100", "STILL": "100"}
        assert self.last(pair, Adjustment.SPLIT) == {"PAYS": "90", "STILL": "100"}

    def test_in_one_currency_exchange_rates_count(self, pair):
        rate("EUR", "USD", "2026-08-01", "1.00")
        rate("EUR", "USD", "2026-10-01", "1.20")
        assert self.last(pair, currency="USD") == {"PAYS": "100", "STILL": "120"}

    def test_without_a_rate_it_is_left_out_and_said(self, pair):
        found = compare(pair, code="6M", adjustment=Adjustment.SPLIT, currency="USD", now=NOW)
        assert [item.instrument.symbol for item in found.items] == ["PAYS"]
        assert [left.symbol for left in found.left_out] == ["STILL"]

    def test_first_day_is_drawn_with_a_hundred_for_all(self, pair, make_instrument):
        long = make_instrument("LONG")
        for at in range(3000):
            bar(long, (date(2026, 11, 19) - timedelta(days=at)).isoformat(), str(3000 - at))
        found = compare([long], code="MAX", adjustment=Adjustment.SPLIT, currency="", now=NOW)
        body = found.body()
        assert len(body["labels"]) <= 601
        assert body["series"][0]["values"][0] == "100"
        assert body["labels"][0] == found.start.isoformat()

    def test_takes_few_statements(self, pair, django_assert_max_num_queries):
        with django_assert_max_num_queries(4):
            compare(pair, code="1Y", adjustment=Adjustment.TOTAL_RETURN, currency="", now=NOW)


@pytest.mark.django_db
class TestPage:
    @pytest.fixture(autouse=True)
    def _today(self, time_machine):
        time_machine.move_to(NOW, tick=False)

    def url(self, query="", name="compare"):
        return reverse(f"marketdata:{name}") + query

    def test_of_nothing_says_how_to_begin(self, client_of, owner):
        assert "What do you want to compare?" in client_of(owner).get(self.url()).content.decode()
        assert client_of(owner).get(self.url(name="compare_chart")).json()["empty"]

    def test_shows_figures_and_correlations(self, client_of, owner, pair):
        page = client_of(owner).get(self.url("?symbols=pays,STILL,NOPE&range=6M"))
        text = page.content.decode()
        for part in ("Not known: NOPE", "Deepest fall", "How they move together", "Take PAYS out"):
            assert part in text
        assert [row["item"].instrument.symbol for row in page.context["rows"]] == ["PAYS", "STILL"]
        assert page.context["rows"][0]["drawdown"] == Decimal(0)

    def test_adds_what_was_chosen_or_typed(self, client_of, owner, pair):
        client, still = client_of(owner), pair[1]
        for query in (f"?symbols=PAYS&add={still.pk}", "?symbols=PAYS&add=&add_text=still"):
            page = client.get(self.url(query))
            assert [i.symbol for i in page.context["wanted"].instruments] == ["PAYS", "STILL"]

    def test_each_once_and_not_too_many(self, client_of, owner, make_instrument):
        for number in range(12):
            made = make_instrument(f"S{number}")
            bar(made, "2026-11-18", "1")
            bar(made, "2026-11-19", "2")
        symbols = ",".join(f"S{number % 12}" for number in range(30))
        page = client_of(owner).get(self.url(f"?symbols={symbols}"))
        assert len(page.context["rows"]) == 8
        assert "At most 8" in page.content.decode()

    def test_others_private_things_are_not_known(self, client_of, outsider, flat):
        page = client_of(outsider).get(self.url("?symbols=FLAT"))
        assert "Not known: FLAT" in page.content.decode()
        assert client_of(outsider).get(self.url(f"?add={flat.pk}")).context["rows"] == []
