"""Risk: the figures of the documentation, each with its sentence, and which holdings move together."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from holdings.domain.definitions import DEFINITIONS
from holdings.models import Portfolio
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import figures_of, period_of
from holdings.queries.insights.risk import correlations_of, underwater
from holdings.tests.support import NOW, make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import CorporateAction

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
CLOSES = {
    "2024-01-01": "100",
    "2024-01-02": "110",
    "2024-01-03": "99",
    "2024-01-04": "108.9",
    "2024-01-08": "98.01",
}


@pytest.fixture
def swinging(owner: Any) -> Portfolio:
    """The worked example of the documentation: one share at 100, then +10 %, −10 %, +10 %, 0, −10 %."""
    portfolio = make_portfolio(owner, base_currency="USD")
    thing = make_instrument("SWING")
    make_prices(thing, CLOSES)
    post(portfolio, "buy", "2024-01-01", instrument_id=thing.pk, quantity="1", price="100")
    portfolio.refresh_from_db()
    return portfolio


def period(lens: Lens) -> Any:
    from datetime import date

    return period_of(lens.basis, "", start=date(2023, 12, 31), end=date(2024, 1, 8))


class TestRisk:
    def test_figures_of_the_paper_example(self, swinging):
        lens = Lens(swinging, now=NOW)
        done = figures_of(lens, period(lens)).performance
        assert done is not None
        assert done.statistics["volatility"] == pytest.approx(1.593, abs=1e-3)
        assert done.statistics["downside_deviation"] == pytest.approx(1.1827, abs=1e-4)
        assert done.statistics["sharpe"] == pytest.approx(-0.636, abs=1e-3)
        assert done.statistics["value_at_risk"] == pytest.approx(0.1)

    def test_drawdown_line_reaches_the_maximum_drawdown(self, swinging):
        lens = Lens(swinging, now=NOW)
        done = figures_of(lens, period(lens)).performance
        assert done is not None
        assert done.drawdown is not None
        falls = underwater(done)
        assert min(falls) == pytest.approx(-done.drawdown.depth)
        assert falls.index(min(falls)) == done.drawdown.trough
        assert max(falls) == 0

    def test_every_figure_has_its_sentence_beside_it(self, as_owner, swinging):
        text = as_owner.get(reverse("holdings:risk", args=[swinging.pk]) + "?range=MAX").content.decode()
        for name in ("volatility", "downside_deviation", "sharpe", "sortino", "max_drawdown"):
            assert DEFINITIONS[name].sentence.replace("'", "&#x27;") in text
        assert "The loss of one day that 99 % of the days measured did not exceed." in text
        assert "style=" not in text.split("<main")[1].split("</main>")[0]

    def test_benchmark_block_appears_with_a_benchmark(self, as_owner, swinging):
        other = make_instrument("IDX")
        make_prices(other, {**CLOSES, "2023-12-29": "100"})
        url = reverse("holdings:risk", args=[swinging.pk])
        query = f"?from=2024-01-01&to=2024-01-08&benchmark={other.pk}"
        found = as_owner.get(url + query).context["compared"]
        beta = next(row for row in found if row["figure"] == "beta")
        assert float(beta["value"]) == pytest.approx(1)

    def test_chart_is_never_above_zero(self, as_owner, swinging):
        body = as_owner.get(reverse("holdings:risk_chart", args=[swinging.pk]) + "?range=MAX").json()
        assert max(float(value) for value in body["series"][0]["values"]) == 0

    def test_cost_in_statements(self, as_owner, swinging, django_assert_max_num_queries):
        url = reverse("holdings:risk", args=[swinging.pk])
        as_owner.get(url)
        with django_assert_max_num_queries(18):
            as_owner.get(url)


class TestCorrelations:
    @pytest.fixture
    def three(self, swinging: Portfolio) -> Portfolio:
        """A twin in euros after a 2:1 split that its closes do not know, and one that moves the other way."""
        make_rates(EURUSD="1.25")
        twin, other = make_instrument("TWIN", currency="EUR"), make_instrument("OTHER")
        halves = {day: close for day, close in CLOSES.items() if day < "2024-01-04"}
        make_prices(twin, {**halves, "2024-01-04": "54.45", "2024-01-08": "49.005"})
        CorporateAction.objects.create(
            instrument=twin, ex_date="2024-01-04", kind="split", value="2", source="test"
        )
        make_prices(
            other,
            {
                "2024-01-01": "110",
                "2024-01-02": "100",
                "2024-01-03": "111.1",
                "2024-01-04": "101",
                "2024-01-08": "112.2",
            },
        )
        for thing in (twin, other):
            post(swinging, "buy", "2024-01-09", instrument_id=thing.pk, quantity="1", price="50")
        swinging.refresh_from_db()
        return swinging

    def test_twins_move_together_over_a_split_and_a_currency(self, three):
        lens = Lens(three, now=NOW)
        found = correlations_of(lens, period(lens))
        matrix = {
            (one, other): found.matrix[i][j]
            for i, one in enumerate(found.symbols)
            for j, other in enumerate(found.symbols)
        }
        assert matrix["SWING", "TWIN"] == pytest.approx(1)
        assert (matrix["SWING", "OTHER"] or 0) < -0.9
        assert matrix["OTHER", "SWING"] == matrix["SWING", "OTHER"]
        assert matrix["OTHER", "OTHER"] == pytest.approx(1)

    def test_table_shades_by_class(self, as_owner, three):
        url = reverse("holdings:risk", args=[three.pk]) + "?from=2023-12-31&to=2024-01-08"
        text = as_owner.get(url).content.decode()
        assert "hf-heat-up-3" in text
        assert "hf-heat-down-3" in text
