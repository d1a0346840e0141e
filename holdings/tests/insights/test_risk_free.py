"""The risk-free rate of a portfolio: set by its owner, used wherever a figure is measured against it, carried in its file."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from holdings.domain.analysis import analyse
from holdings.domain.parsing import parse
from holdings.models import Portfolio
from holdings.operations import PortfolioRefused, update_portfolio
from holdings.queries import portfolio_export
from holdings.queries.insights.benchmarks import Benchmark
from holdings.queries.insights.explaining import Asked, explained, value_of
from holdings.queries.insights.lens import Lens
from holdings.queries.insights.performance import figures_of, period_of
from holdings.tests.support import NOW, D, form_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def rated(filled, owner):
    return update_portfolio(portfolio_id=filled.pk, actor=owner, now=NOW, risk_free_rate=D("0.025"))


def measured_by(portfolio, benchmark=None):
    lens = Lens(portfolio, now=NOW)
    done = figures_of(lens, period_of(lens.basis, "MAX"), benchmark=benchmark).performance
    assert done is not None
    return done


class TestRiskFreeRate:
    def test_is_nothing_unless_it_is_set(self, filled, acme):
        assert filled.risk_free_rate == 0
        assert measured_by(filled).returns.risk_free == 0

    def test_lowers_sharpe_and_sortino_by_the_rate_for_each_unit_of_risk(self, filled, rated):
        before, after = measured_by(filled), measured_by(rated)
        for name, risk in (("sharpe", "volatility"), ("sortino", "downside_deviation")):
            old, new = value_of(before, name), value_of(after, name)
            assert old is not None
            assert new == pytest.approx(old - 0.025 / (value_of(after, risk) or 0))
        assert value_of(before, "volatility") == value_of(after, "volatility")

    def test_moves_alpha_by_what_beta_leaves_of_it(self, filled, rated, acme):
        before, after = measured_by(filled, Benchmark(acme)), measured_by(rated, Benchmark(acme))
        beta, old, new = value_of(after, "beta"), value_of(before, "alpha"), value_of(after, "alpha")
        assert beta is not None
        assert old is not None
        assert new == pytest.approx(old - 0.025 * (1 - beta))

    def test_file_that_goes_out_gives_the_figures_of_the_page(self, rated):
        written = "".join(portfolio_export(rated, now=NOW))
        assert json.loads(written)["risk_free_rate"] == 0.025
        again = analyse(parse(written)).performance
        shown = measured_by(rated)
        for name in ("sharpe", "sortino"):
            assert again.statistics[name] == value_of(shown, name)

    def test_explanation_names_it(self, rated):
        lens = Lens(rated, now=NOW)
        found = explained(lens, "sharpe", Asked(period=period_of(lens.basis, "MAX")))
        assert {fact.label: fact.value for fact in found.table.facts}["Risk-free rate"] == D("0.025")

    def test_page_says_what_the_ratios_are_measured_against(self, as_owner, rated):
        text = as_owner.get(reverse("holdings:risk", args=[rated.pk]) + "?range=MAX").content.decode()
        assert "against 2.50% a year without risk" in text

    def test_settings_take_a_percentage(self, as_owner, filled):
        url = reverse("holdings:edit", args=[filled.pk])
        values = form_of(as_owner, url)
        assert as_owner.post(url, {**values, "risk_free_rate": "3,125"}).status_code == 303
        filled.refresh_from_db()
        assert filled.risk_free_rate == D("0.03125")
        assert form_of(as_owner, url)["risk_free_rate"] == "3.125"
        assert as_owner.post(url, {**values, "risk_free_rate": ""}).status_code == 303
        filled.refresh_from_db()
        assert filled.risk_free_rate == 0

    @pytest.mark.parametrize("typed", ["100", "-100", "1e400", "NaN", "0.00001"])
    def test_settings_refuse_what_is_no_rate(self, as_owner, filled, typed):
        url = reverse("holdings:edit", args=[filled.pk])
        answer = as_owner.post(url, {**form_of(as_owner, url), "risk_free_rate": typed})
        assert answer.status_code == 422
        assert "risk_free_rate" in answer.context["form"].errors
        filled.refresh_from_db()
        assert filled.risk_free_rate == 0

    @pytest.mark.parametrize("rate", ["1", "-1", "NaN", "Infinity", "0.0000001"])
    def test_operation_refuses_it_too(self, filled, owner, rate):
        with pytest.raises(PortfolioRefused) as refused:
            update_portfolio(portfolio_id=filled.pk, actor=owner, now=NOW, risk_free_rate=Decimal(rate))
        assert refused.value.field == "risk_free_rate"

    def test_database_refuses_it_last(self, filled):
        with pytest.raises(IntegrityError), transaction.atomic():
            Portfolio.objects.filter(pk=filled.pk).update(risk_free_rate=D(1))

    def test_api_reads_and_sets_it(self, as_owner, filled):
        url = reverse("api:portfolio-detail", args=[filled.pk])
        answer = as_owner.patch(url, json.dumps({"risk_free_rate": "0.04"}), content_type="application/json")
        assert answer.status_code == 200
        assert D(as_owner.get(url).json()["risk_free_rate"]) == D("0.04")
