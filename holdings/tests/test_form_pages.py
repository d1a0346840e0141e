"""Forms of the books: opening a portfolio, the short form, entries, and forms that are sent twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from holdings.entries import RULES
from holdings.models import DraftTransaction, ImportBatch, Portfolio, Position, Transaction
from holdings.tests.support import GHOSTFOLIO, D, assert_books_are_right, form_of, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


class TestOpeningAPortfolio:
    def test_creates_one_however_often_it_is_sent(self, as_owner, owner):
        url = reverse("holdings:create")
        data = {**form_of(as_owner, url), "name": "<b>Savings</b> =1+1", "start": "hand"}
        first, second = as_owner.post(url, data), as_owner.post(url, data)
        (portfolio,) = Portfolio.objects.filter(owner=owner)
        assert first.status_code == second.status_code == 303
        assert first.url == second.url == reverse("holdings:hold", args=[portfolio.pk])
        assert (
            "&lt;b&gt;Savings"
            in as_owner.get(reverse("holdings:detail", args=[portfolio.pk])).content.decode()
        )

    def test_a_blank_name_is_refused_at_the_field(self, as_owner):
        url = reverse("holdings:create")
        answer = as_owner.post(url, {**form_of(as_owner, url), "name": "   "})
        assert answer.status_code == 422
        assert "name" in answer.context["form"].errors

    def test_the_method_is_switched_on_the_page_that_shows_the_effect_and_nowhere_else(
        self, as_owner, filled
    ):
        url = reverse("holdings:edit", args=[filled.pk])
        assert (
            as_owner.post(url, {**form_of(as_owner, url), "cost_basis_method": "average"}).status_code == 303
        )
        filled.refresh_from_db()
        assert filled.cost_basis_method == "fifo"
        assert reverse("holdings:method", args=[filled.pk]) in as_owner.get(url).content.decode()
        assert_books_are_right(filled)

    def test_the_currency_stays_once_there_are_entries(self, as_owner, filled):
        url = reverse("holdings:edit", args=[filled.pk])
        answer = as_owner.post(url, {**form_of(as_owner, url), "base_currency": "CHF"})
        assert answer.status_code == 422
        assert "base_currency" in answer.context["form"].errors


class TestShortForm:
    def test_books_a_purchase(self, as_owner, empty, acme):
        url = reverse("holdings:hold", args=[empty.pk])
        data = {**form_of(as_owner, url), "instrument_text": "acme", "quantity": "10", "unit_price": "150,5"}
        assert as_owner.post(url, data).status_code == 303
        assert as_owner.post(url, data).status_code == 303
        position = Position.objects.get(portfolio=empty)
        assert position.quantity == 10
        assert position.cost_basis == D("1505")
        assert_books_are_right(empty)

    def test_unknown_symbol_is_refused_at_the_field(self, as_owner, empty):
        url = reverse("holdings:hold", args=[empty.pk])
        data = {**form_of(as_owner, url), "instrument_text": "NOPE", "quantity": "10", "unit_price": "150"}
        answer = as_owner.post(url, data)
        assert answer.status_code == 422
        assert "instrument" in answer.context["form"].errors

    @pytest.mark.parametrize("text", ["NaN", "1e400", "Infinity", "ten", "9" * 40, "-1"])
    def test_absurd_numbers_are_refused_at_the_field(self, as_owner, empty, acme, text):
        url = reverse("holdings:hold", args=[empty.pk])
        data = {**form_of(as_owner, url), "instrument": str(acme.pk), "quantity": text, "unit_price": "150"}
        answer = as_owner.post(url, data)
        assert answer.status_code == 422
        assert "quantity" in answer.context["form"].errors
        assert not Transaction.objects.exists()


class TestEntryForm:
    @pytest.mark.parametrize("type_", sorted(RULES))
    def test_each_type_has_its_fields(self, as_owner, filled, type_):
        page = as_owner.get(reverse("holdings:add", args=[filled.pk]) + f"?type={type_}")
        assert page.status_code == 200
        assert page.context["form"].type == type_

    def test_selling_more_than_is_held_is_refused_at_the_quantity(self, as_owner, filled, acme):
        url = reverse("holdings:add", args=[filled.pk]) + "?type=sell"
        data = {**form_of(as_owner, url), "instrument_id": str(acme.pk), "quantity": "4", "price": "1"}
        answer = as_owner.post(url, data)
        assert answer.status_code == 422
        (message,) = answer.context["form"].errors["quantity"]
        assert message == (
            "Only 3 ACME is held in “Securities” on 2026-06-01; this needs 4. "
            "Short positions are off in this portfolio."
        )

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1899-12-31", "2100-01-01", "yesterday"])
    def test_absurd_days_are_refused_at_the_date(self, as_owner, filled, day):
        url = reverse("holdings:add", args=[filled.pk]) + "?type=deposit"
        answer = as_owner.post(url, {**form_of(as_owner, url), "date": day, "amount": "5", "currency": "EUR"})
        assert answer.status_code == 422
        assert "date" in answer.context["form"].errors

    def test_editing_replaces_and_keeps_the_history(self, as_owner, filled, owner):
        row = Transaction.objects.get(portfolio=filled, type="buy")
        url = reverse("holdings:edit_entry", args=[filled.pk, row.pk])
        data = {**form_of(as_owner, url), "quantity": "6"}
        assert as_owner.post(url, data).status_code == 303
        new = Transaction.objects.get(replaces=row)
        assert (new.quantity, new.amount, new.fees) == (6, 600, 1)
        history = as_owner.get(reverse("holdings:entry", args=[filled.pk, new.pk])).context["versions"]
        assert [version.row.quantity for version in history] == [6, 5]
        assert history[1].void.voided_by == owner
        assert as_owner.get(url).status_code == 302
        assert_books_are_right(filled)

    def test_removing_what_a_later_sale_needs_is_refused(self, as_owner, filled):
        row = Transaction.objects.get(portfolio=filled, type="buy")
        answer = as_owner.post(reverse("holdings:remove_entry", args=[filled.pk, row.pk]))
        assert answer.status_code == 422
        assert "the sell of 2026-03-02 (ACME) could not have happened" in answer.content.decode()

    def test_removing_twice_does_it_once(self, as_owner, filled):
        row = Transaction.objects.get(portfolio=filled, type="dividend")
        url = reverse("holdings:remove_entry", args=[filled.pk, row.pk])
        assert as_owner.post(url).status_code == as_owner.post(url).status_code == 303
        assert Transaction.objects.counting().filter(portfolio=filled).count() == 3
        assert_books_are_right(filled)

    def test_html_in_a_note_is_shown_as_text(self, as_owner, filled):
        post(filled, "deposit", "2026-05-01", amount="1", note="<script>alert(1)</script>")
        page = as_owner.get(reverse("holdings:journal", args=[filled.pk])).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page

    def test_planned_entries_are_kept_and_can_be_removed(self, as_owner, filled, draft):
        page = as_owner.get(reverse("holdings:journal", args=[filled.pk])).content.decode()
        assert "Planned" in page
        as_owner.post(reverse("holdings:remove_draft", args=[filled.pk, draft.pk]))
        assert not DraftTransaction.objects.exists()


class TestFormsSentAgain:
    """Back in the browser shows a form that was sent before: its token is used up."""

    def test_with_other_content_are_refused_once_and_can_then_be_sent_as_new_ones(self, as_owner, filled):
        url = reverse("holdings:add", args=[filled.pk]) + "?type=deposit"
        values = {**form_of(as_owner, url), "date": "2026-05-01", "currency": "EUR"}
        assert as_owner.post(url, {**values, "amount": "10"}).status_code == 303
        refused = as_owner.post(url, {**values, "amount": "20"})
        assert refused.status_code == 422
        assert "was sent before" in refused.content.decode()
        token = refused.context["form"]["form_token"].value()
        assert token != values["form_token"]
        assert token in refused.content.decode()
        again = {**values, "form_token": token, "amount": "20"}
        assert [as_owner.post(url, again).status_code for _ in "ab"] == [303, 303]
        booked = Transaction.objects.filter(portfolio=filled, occurred_date="2026-05-01").counting()
        assert sorted(row.amount for row in booked) == [10, 20]
        assert_books_are_right(filled)

    def test_with_another_file_do_not_lead_to_the_preview_of_the_first(self, as_owner, filled):
        url = reverse("holdings:import", args=[filled.pk])
        values = form_of(as_owner, url)

        def send(content: bytes) -> Any:
            return as_owner.post(url, {**values, "file": SimpleUploadedFile("g.json", content)})

        first = send(GHOSTFOLIO)
        assert send(GHOSTFOLIO).url == first.url
        other = send(GHOSTFOLIO.replace(b"50.5", b"51.5"))
        assert other.status_code == 422
        assert "was sent before" in other.content.decode()
        assert ImportBatch.objects.filter(portfolio=filled).count() == 1
