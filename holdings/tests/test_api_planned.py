"""Planned entries over the API: what was sent with a day to come is listed, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from holdings.models import DraftTransaction, Portfolio, Transaction
from holdings.tests.support import make_instrument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

JSON = "application/json"


@pytest.fixture
def planned(as_owner: Client, filled: Portfolio) -> list[int]:
    """Two entries to come, the later one sent first."""
    share = make_instrument("PLAN")
    entries: list[dict[str, Any]] = [
        {"type": "buy", "date": "2026-09-02", "instrument_id": share.pk, "quantity": "2", "price": "10.50"},
        {
            "type": "deposit",
            "date": "2026-09-01",
            "amount": "25",
            "currency": "EUR",
            "note": "monthly",
            "tags": ["plan"],
        },
    ]
    found = []
    for body in entries:
        answer = as_owner.post(f"/api/v1/portfolios/{filled.pk}/transactions/", body, content_type=JSON)
        assert answer.status_code == 202, answer.content
        found.append(answer.json()["draft_id"])
    return found


def test_are_listed_the_next_first(as_owner: Client, filled: Portfolio, planned: list[int]) -> None:
    url = f"/api/v1/portfolios/{filled.pk}/planned/"
    rows = as_owner.get(url).json()["results"]
    assert [row["id"] for row in rows] == planned[::-1]
    assert rows[0] | {"created_at": ""} == {
        "id": planned[1], "date": "2026-09-01", "type": "deposit", "account_id": None, "to_account_id": None,
        "cash_account_id": None, "instrument_id": None, "to_instrument_id": None, "quantity": None, "price": None,
        "amount": "25", "fees": "0", "taxes": "0", "currency": "EUR", "ratio": "", "note": "monthly", "tags": ["plan"],
        "created_at": "", "refusal": "",
    }  # fmt: skip
    assert (rows[1]["quantity"], rows[1]["price"]) == ("2", "10.5")
    first = as_owner.get(f"{url}?page_size=1&fields=id").json()
    assert first["results"] == [{"id": planned[1]}]
    assert as_owner.get(first["next"]).json()["results"] == [{"id": planned[0]}]


def test_are_taken_back_once(as_owner: Client, filled: Portfolio, planned: list[int]) -> None:
    url = f"/api/v1/portfolios/{filled.pk}/planned/{planned[0]}/"
    counted = Transaction.objects.count()
    assert as_owner.delete(url).status_code == 204
    assert as_owner.delete(url).status_code == 404
    assert list(DraftTransaction.objects.values_list("pk", flat=True)) == planned[1:]
    assert Transaction.objects.count() == counted


def test_are_the_owners_alone(
    as_outsider: Client, as_auditor: Client, outsider: Any, filled: Portfolio, planned: list[int]
) -> None:
    url = f"/api/v1/portfolios/{filled.pk}/planned/"
    assert as_outsider.get(url).status_code == 404
    assert as_outsider.delete(f"{url}{planned[0]}/").status_code == 404
    assert len(as_auditor.get(url).json()["results"]) == 2
    assert as_auditor.delete(f"{url}{planned[0]}/").status_code == 403
    assert DraftTransaction.objects.count() == 2


def test_of_another_portfolio_are_not_there(as_owner: Client, owner: Any, planned: list[int]) -> None:
    made = as_owner.post(
        "/api/v1/portfolios/", {"name": "Other", "base_currency": "EUR"}, content_type=JSON
    ).json()
    url = f"/api/v1/portfolios/{made['id']}/planned/"
    assert as_owner.get(url).json()["results"] == []
    assert as_owner.delete(f"{url}{planned[0]}/").status_code == 404
