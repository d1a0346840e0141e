"""docs/figures.md says what the product says, and its examples are the ones that are checked here."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdings.domain.definitions import DEFINITIONS
from holdings.domain.explain import REGISTRY
from holdings.tests.domain.making import figures
from holdings.tests.domain.test_currencies import TestStatement
from holdings.tests.domain.test_statistics import TestRisk

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "figures.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_definition_stands_on_the_page(name):
    assert DEFINITIONS[name].sentence in PAGE
    assert DEFINITIONS[name].formula in PAGE


def test_every_figure_that_can_be_explained_has_a_definition():
    for figure in REGISTRY:
        name = figure.removeprefix("statement.")
        assert name in DEFINITIONS or f"statement_{name}" in DEFINITIONS


def test_the_statement_of_the_page():
    statement = figures(TestStatement.BODY, start="2024-06-30")["statement"]
    for name in ("opening_value", "realised_gain", "unrealised_gain", "fees", "taxes", "currency_gain"):
        assert f"{statement[name]} |" in PAGE
    assert f"**{statement['closing_value']}**" in PAGE


def test_the_risk_figures_of_the_page():
    result = figures(TestRisk.BODY)["performance"]
    for name, text in {
        "volatility": "1.593",
        "downside_deviation": "1.1827",
        "sharpe": "−0.636",
        "sortino": "−0.8566",
    }.items():
        assert text in PAGE
        assert result[name] == pytest.approx(float(text.replace("−", "-")), abs=5e-4)
