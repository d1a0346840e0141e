"""Many entries at once: tags, removal and its undo, with the books right after each."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from holdings.models import Portfolio, Transaction
from holdings.operations import EntryRefused, EntryUnknown
from holdings.operations.bulk import MOST, restore_transactions, tag_transactions
from holdings.queries.insights.lens import Lens
from holdings.tests.support import NOW, assert_books_are_right, make_portfolio, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


def ids_of(portfolio: Portfolio, *types: str) -> list[int]:
    rows = Transaction.objects.filter(portfolio=portfolio, type__in=types).counting()
    return list(rows.in_order().values_list("pk", flat=True))


def totals(portfolio: Portfolio) -> tuple[Any, ...]:
    portfolio.refresh_from_db()
    shown = Lens(portfolio, now=NOW).snapshot
    return shown.net_worth, shown.realised_gain, shown.dividends, shown.net_contributions


class TestBulk:
    def _post(self, client: Any, portfolio: Portfolio, **data: Any) -> Any:
        return client.post(reverse("holdings:bulk", args=[portfolio.pk]), data)

    def test_tags_are_added_and_taken_off_without_changing_a_figure(self, as_owner, filled):
        before = totals(filled)
        chosen = ids_of(filled, "buy", "sell")
        assert (
            self._post(as_owner, filled, entry=chosen, action="tag", tags="core, growth").status_code == 303
        )
        rows = Transaction.objects.filter(portfolio=filled).counting()
        assert {row.type for row in rows.filter(tags=["core", "growth"])} == {"buy", "sell"}
        self._post(as_owner, filled, entry=ids_of(filled, "buy"), action="untag", tags="growth")
        assert rows.get(type="buy").tags == ["core"]
        assert totals(filled) == before
        assert_books_are_right(filled)

    def test_removal_can_be_undone(self, as_owner, filled):
        before = totals(filled)
        chosen = ids_of(filled, "buy", "sell", "dividend")
        self._post(as_owner, filled, entry=chosen, action="remove")
        assert totals(filled) != before
        journal = as_owner.get(reverse("holdings:journal", args=[filled.pk])).content.decode()
        assert "3 entries were removed" in journal
        assert as_owner.post(reverse("holdings:undo", args=[filled.pk])).status_code == 303
        assert totals(filled) == before
        assert_books_are_right(filled)
        restored = Transaction.objects.get(pk=ids_of(filled, "dividend")[0])
        assert restored.replaces_id in chosen

    def test_undoing_twice_brings_back_once(self, as_owner, filled):
        self._post(as_owner, filled, entry=ids_of(filled, "dividend"), action="remove")
        for _ in range(2):
            as_owner.post(reverse("holdings:undo", args=[filled.pk]))
        assert len(ids_of(filled, "dividend")) == 1
        assert_books_are_right(filled)

    def test_what_a_later_sale_needs_is_kept_with_everything_else(self, as_owner, filled):
        before = totals(filled)
        answer = as_owner.post(
            reverse("holdings:bulk", args=[filled.pk]),
            {"entry": ids_of(filled, "buy", "dividend"), "action": "remove"},
            follow=True,
        )
        assert "could not have happened" in answer.content.decode()
        assert totals(filled) == before

    @pytest.mark.parametrize(
        "data", [{}, {"action": "tag", "tags": "x"}, {"action": "remove"}, {"action": "tag"}]
    )
    def test_choosing_nothing_changes_nothing(self, as_owner, filled, data):
        before = Transaction.objects.count()
        assert self._post(as_owner, filled, **data).status_code == 303
        assert Transaction.objects.count() == before

    def test_entries_of_another_portfolio_are_not_touched(self, as_owner, filled, owner):
        other = make_portfolio(owner, name="Other")
        row = post(other, "deposit", "2026-01-01", amount="5", currency="EUR")
        self._post(as_owner, filled, entry=[row.pk], action="remove")
        assert ids_of(other, "deposit") == [row.pk]

    def test_too_many_at_once_are_refused(self, filled, owner):
        with pytest.raises(EntryRefused):
            tag_transactions(
                portfolio_id=filled.pk, transaction_ids=range(1, MOST + 2), add=["x"], actor=owner, now=NOW
            )

    def test_what_still_counts_cannot_be_brought_back(self, filled, owner):
        with pytest.raises(EntryUnknown):
            restore_transactions(
                portfolio_id=filled.pk, transaction_ids=ids_of(filled, "buy"), actor=owner, now=NOW
            )
