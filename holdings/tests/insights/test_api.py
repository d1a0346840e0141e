"""The API says what the pages say: exact money as strings, ratios as numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from holdings.domain.explain import REGISTRY
from holdings.models import Portfolio
from holdings.queries.insights.lens import Lens
from holdings.tests.support import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
NAMES = ("performance", "allocation", "income", "realised")


def url_of(name: str, portfolio: Portfolio, *more: Any) -> str:
    return reverse(f"api:portfolio-{name}", args=[portfolio.pk, *more])


class TestInsightsApi:
    def test_statement_adds_up_in_strings(self, as_owner, filled):
        body = as_owner.get(url_of("performance", filled), {"range": "MAX"}).json()
        lines = {name: Decimal(value) for name, value in body["statement"].items()}
        closing = lines.pop("closing_value")
        for name in ("withdrawals", "fees", "taxes"):
            lines[name] = -lines[name]
        assert sum(lines.values()) == closing
        assert isinstance(body["figures"]["twr"], float)
        assert body["irr_status"] == "unique"

    def test_allocation_adds_up(self, as_owner, filled):
        body = as_owner.get(url_of("allocation", filled), {"by": "currency"}).json()
        assert sum(Decimal(part["value"]) for part in body["parts"]) == Decimal(body["total"])

    def test_income_and_realised_are_those_of_the_books(self, as_owner, filled):
        snapshot = Lens(filled, now=NOW).snapshot
        income = as_owner.get(url_of("income", filled)).json()
        realised = as_owner.get(url_of("realised", filled), {"year": "2026"}).json()
        assert Decimal(income["total"]["dividends"]) == snapshot.dividends
        assert Decimal(realised["total"]["gain"]) == snapshot.realised_gain
        assert [row["symbol"] for row in realised["parcels"]] == ["ACME"]

    @pytest.mark.parametrize(
        "figure", [*(name.replace("statement.", "statement-") for name in REGISTRY), "twr", "irr"]
    )
    def test_rows_of_an_explanation_add_up(self, as_owner, filled, figure):
        body = as_owner.get(url_of("explain", filled, figure)).json()
        assert body["formula"]
        if body["total"] is not None:
            assert sum(Decimal(row["amount"]) for row in body["rows"]) == Decimal(body["total"])

    def test_an_unknown_figure_is_not_found(self, as_owner, filled):
        answer = as_owner.get(url_of("explain", filled, "nonsense"))
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("application/problem+json")

    def test_what_cannot_be_measured_says_why(self, as_owner, empty, filled):
        answer = as_owner.get(url_of("performance", empty))
        assert answer.status_code == 422
        assert answer.json()["detail"] == "There are no entries yet."
        assert as_owner.get(url_of("income", filled), {"currency": "SEK"}).status_code == 422

    @pytest.mark.parametrize("name", NAMES)
    def test_auditors_read_and_outsiders_find_nothing(self, as_auditor, as_outsider, filled, name):
        assert as_auditor.get(url_of(name, filled)).status_code == 200
        assert as_outsider.get(url_of(name, filled)).status_code == 404
        assert as_auditor.post(url_of(name, filled)).status_code in {403, 405}
