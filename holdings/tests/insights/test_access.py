"""Who sees these pages: the owner and an auditor read them, strangers sign in, other traders find nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from holdings.models import Portfolio
from holdings.web.insights.urls import urlpatterns

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
#: Pages that change something are the owner's alone.
OWNERS_ONLY = {"targets", "method", "bulk", "undo"}
#: Of all of a person's portfolios together: nobody else's are in it (`test_every_figure.py`).
NAMES = [entry.name for entry in urlpatterns if entry.name != "explain_desk"]


def url_of(name: str, portfolio: Portfolio) -> str:
    arguments: dict[str, Any] = {"portfolio_id": portfolio.pk}
    if name == "explain":
        arguments["figure"] = "net_worth"
    return reverse(f"holdings:{name}", kwargs=arguments)


@pytest.mark.parametrize("name", NAMES)
class TestAccess:
    def test_owner_reads_even_without_entries(self, as_owner, filled, empty, name):
        assert as_owner.get(url_of(name, filled)).status_code in {200, 405}
        assert as_owner.get(url_of(name, empty)).status_code in {200, 405}

    def test_auditor_reads_and_changes_nothing(self, as_auditor, filled, name):
        expected = {403, 405} if name in OWNERS_ONLY else {200}
        assert as_auditor.get(url_of(name, filled)).status_code in expected
        assert as_auditor.post(url_of(name, filled)).status_code in {403, 405}

    def test_outsider_finds_nothing(self, as_outsider, filled, name):
        assert as_outsider.get(url_of(name, filled)).status_code in {404, 405}
        assert as_outsider.post(url_of(name, filled)).status_code in {404, 405}

    def test_stranger_is_sent_to_sign_in(self, filled, name):
        assert Client().get(url_of(name, filled)).status_code == 302
