"""Every page: who sees it, that it renders, what it costs in statements, and what its forms do."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from holdings.entries import RULES
from holdings.models import DraftTransaction, ImportBatch, Portfolio, Position, Transaction
from holdings.operations import Entry, archive_portfolio, post_transaction, upload_import
from holdings.tests.support import NOW, D, assert_books_are_right, make_portfolio, post
from portfolio_site.kernel.money import round_money

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

GHOSTFOLIO = json.dumps(
    {
        "activities": [
            {"type": "BUY", "symbol": "ACME", "dataSource": "YAHOO", "currency": "USD", "quantity": 2,
             "unitPrice": 50.5, "fee": 1, "date": "2026-02-03T00:00:00.000Z"},
            {"type": "SELL", "symbol": "ACME", "dataSource": "YAHOO", "currency": "USD", "quantity": 900,
             "unitPrice": 60, "fee": 0, "date": "2026-02-04T00:00:00.000Z"},
        ]
    }
).encode()  # fmt: skip


def form_of(client: Any, url: str) -> dict[str, str]:
    """What a form page would post if nobody typed anything: its token, and every value shown."""
    form = client.get(url).context["form"]
    values = {}
    for name in form.fields:
        value = form[name].value()
        if value not in (None, False):
            values[form[name].html_name] = str(form.fields[name].prepare_value(value))
    return values


@pytest.fixture
def batch(filled: Portfolio, owner: Any) -> ImportBatch:
    return upload_import(portfolio_id=filled.pk, filename="g.json", content=GHOSTFOLIO, actor=owner, now=NOW)


@pytest.fixture
def draft(filled: Portfolio, owner: Any) -> DraftTransaction:
    entry = Entry(type="deposit", occurred=NOW.date().replace(year=2027), amount=D(5), currency="EUR")
    made = post_transaction(portfolio_id=filled.pk, entry=entry, actor=owner, now=NOW)
    assert isinstance(made, DraftTransaction)
    return made


def every_page(filled: Portfolio, batch: ImportBatch, draft: DraftTransaction) -> dict[str, bool]:
    """Address → whether an auditor may read it."""
    row = Transaction.objects.filter(portfolio=filled, type="buy").get()
    pk, thing = filled.pk, row.instrument_id
    return {
        reverse("holdings:detail", args=[pk]): True,
        reverse("holdings:chart", args=[pk]): True,
        reverse("holdings:chart", args=[pk]) + "?view=performance&range=MAX": True,
        reverse("holdings:holdings_table", args=[pk]): True,
        reverse("holdings:holding", args=[pk, thing]): True,
        reverse("holdings:holding_chart", args=[pk, thing]): True,
        reverse("holdings:journal", args=[pk]): True,
        reverse("holdings:entry", args=[pk, row.pk]): True,
        reverse("holdings:export", args=[pk]): True,
        reverse("holdings:export_ghostfolio", args=[pk]): True,
        reverse("holdings:edit", args=[pk]): False,
        reverse("holdings:add_account", args=[pk]): False,
        reverse("holdings:archive", args=[pk]): False,
        reverse("holdings:hold", args=[pk]): False,
        reverse("holdings:add", args=[pk]): False,
        reverse("holdings:edit_entry", args=[pk, row.pk]): False,
        reverse("holdings:remove_entry", args=[pk, row.pk]): False,
        reverse("holdings:remove_draft", args=[pk, draft.pk]): False,
        reverse("holdings:import", args=[pk]): False,
        reverse("holdings:import_preview", args=[pk, batch.pk]): False,
        reverse("holdings:import_undo", args=[pk, batch.pk]): False,
    }


class TestWhoSeesWhat:
    def test_owner_sees_every_page(self, as_owner, filled, batch, draft):
        for url in every_page(filled, batch, draft):
            assert as_owner.get(url).status_code == 200, url

    def test_auditor_reads_and_changes_nothing(self, as_auditor, filled, batch, draft):
        for url, readable in every_page(filled, batch, draft).items():
            assert as_auditor.get(url).status_code == (200 if readable else 403), url
            if not readable:
                assert as_auditor.post(url).status_code == 403, url

    def test_outsider_finds_nothing(self, as_outsider, filled, batch, draft):
        for url in every_page(filled, batch, draft):
            assert as_outsider.get(url).status_code == 404, url
            assert as_outsider.post(url).status_code in (404, 405), url
        for name in ("restore",):
            assert as_outsider.post(reverse(f"holdings:{name}", args=[filled.pk])).status_code == 404
        for name in ("import_commit", "import_discard"):
            assert (
                as_outsider.post(reverse(f"holdings:{name}", args=[filled.pk, batch.pk])).status_code == 404
            )

    def test_visitor_is_asked_to_sign_in(self, client, filled, batch, draft):
        for url in every_page(filled, batch, draft):
            assert client.get(url).status_code == 302, url

    def test_ids_of_another_portfolio_are_not_found(self, as_owner, filled, batch, owner):
        other = make_portfolio(owner, name="Other")
        row = Transaction.objects.filter(portfolio=filled).first()
        for name in ("entry", "edit_entry", "remove_entry"):
            assert as_owner.get(reverse(f"holdings:{name}", args=[other.pk, row.pk])).status_code == 404
        assert as_owner.get(reverse("holdings:import_preview", args=[other.pk, batch.pk])).status_code == 404


class TestImportPreview:
    def test_says_which_rows_are_shown(self, as_owner, filled, batch):
        url = reverse("holdings:import_preview", args=[filled.pk, batch.pk])
        assert 'aria-current="true">All</a>' in as_owner.get(url).content.decode()
        assert 'aria-current="true">New</a>' in as_owner.get(url, {"show": "new"}).content.decode()


class TestPagesCostAFixedNumberOfStatements:
    @pytest.fixture
    def long(self, filled, acme):
        for month in range(1, 6):
            for day in range(3, 28, 3):
                post(
                    filled,
                    "buy",
                    f"2026-{month:02}-{day:02}",
                    instrument_id=acme.pk,
                    quantity="1",
                    price="90",
                )
        return filled

    @pytest.mark.parametrize(
        ("name", "most"), [("detail", 28), ("journal", 14), ("holdings_table", 16), ("chart", 24)]
    )
    def test_portfolio_pages(self, as_owner, long, django_assert_max_num_queries, name, most):
        url = reverse(f"holdings:{name}", args=[long.pk])
        as_owner.get(url)
        with django_assert_max_num_queries(most):
            assert as_owner.get(url).status_code == 200

    def test_list_does_not_grow_with_portfolios(self, as_owner, filled, owner, django_assert_max_num_queries):
        for number in range(5):
            make_portfolio(owner, name=f"P{number}")
        with django_assert_max_num_queries(20):
            assert as_owner.get(reverse("holdings:index")).status_code == 200


class TestList:
    def test_empty_state_offers_three_ways(self, as_owner):
        page = as_owner.get(reverse("holdings:index")).content.decode()
        assert "Add by hand" in page
        assert "Import a file" in page
        assert "Try with a sample" in page

    def test_shows_the_value(self, as_owner, filled):
        card = as_owner.get(reverse("holdings:index")).context["cards"][0]
        # 3 ACME at 132.50 and 1000 − 501 + 235 + 3.33 dollars, at 0.8 euros
        assert card.value == D("0.8") * (3 * D("132.5") + D("737.33"))

    def test_archived_ones_are_apart(self, as_owner, filled, owner):
        archive_portfolio(portfolio_id=filled.pk, actor=owner, now=NOW)
        assert as_owner.get(reverse("holdings:index")).context["cards"] == []
        assert len(as_owner.get(reverse("holdings:index") + "?archived=1").context["cards"]) == 1

    def test_sample_is_made_once(self, as_owner, acme, owner):
        from holdings.tests.support import make_prices

        make_prices(acme, {"2025-05-30": "80"})
        for _ in range(2):
            answer = as_owner.post(reverse("holdings:sample"), {"form_token": "t"}, follow=True)
            assert answer.status_code == 200
        (portfolio,) = Portfolio.objects.filter(owner=owner)
        assert_books_are_right(portfolio)

    def test_sample_without_prices_says_so(self, as_owner):
        answer = as_owner.post(reverse("holdings:sample"), {"form_token": "t"}, follow=True)
        assert "no prices to make a sample from" in answer.content.decode()


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


class TestJournal:
    def test_filters_and_search(self, as_owner, filled):
        url = reverse("holdings:journal", args=[filled.pk])
        for query, count in {
            "": 4,
            "?type=buy": 1,
            "?q=acme": 3,
            "?q=nothing": 0,
            "?since=2026-03-01": 2,
        }.items():
            assert len(as_owner.get(url + query).context["entries"]) == count, query

    def test_pages_by_cursor_both_ways(self, as_owner, empty):
        for number in range(60):
            post(empty, "deposit", f"2026-01-{1 + number % 28:02}", amount=str(number + 1))
        url = reverse("holdings:journal", args=[empty.pk])
        first = as_owner.get(url).context["page"]
        second = as_owner.get(url, {"cursor": first.older}).context["page"]
        back = as_owner.get(url, {"cursor": second.newer}).context["page"]
        assert (len(first.rows), len(second.rows)) == (50, 10)
        assert [row.pk for row in back.rows] == [row.pk for row in first.rows]
        assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}
        assert as_owner.get(url, {"cursor": "rubbish"}).status_code == 200


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


class TestImportPages:
    def _upload(self, client: Any, portfolio: Portfolio, content: bytes) -> Any:
        url = reverse("holdings:import", args=[portfolio.pk])
        data = {**form_of(client, url), "file": SimpleUploadedFile("file.json", content)}
        return client.post(url, data)

    def test_preview_commit_undo(self, as_owner, filled):
        cash = as_owner.get(reverse("holdings:detail", args=[filled.pk])).context["snapshot"].cash
        preview_url = self._upload(as_owner, filled, GHOSTFOLIO).url
        outcome = as_owner.get(preview_url).context["outcome"]
        assert [(row.state, row.path) for row in outcome.rows] == [
            ("new", "activities[0]"),
            ("error", "activities[1]"),
        ]
        assert "Only 7 ACME is held" in outcome.rows[1].message
        batch = ImportBatch.objects.get()
        assert as_owner.post(reverse("holdings:import_commit", args=[filled.pk, batch.pk])).status_code == 303
        assert as_owner.post(reverse("holdings:import_commit", args=[filled.pk, batch.pk])).status_code == 303
        assert Transaction.objects.filter(import_batch=batch).count() == 1
        assert_books_are_right(filled)
        assert as_owner.post(reverse("holdings:import_undo", args=[filled.pk, batch.pk])).status_code == 303
        assert as_owner.get(reverse("holdings:detail", args=[filled.pk])).context["snapshot"].cash == cash
        assert_books_are_right(filled)

    def test_a_broken_portfolio_file_is_refused_by_path(self, as_owner, filled):
        content = b'{"format": "portfolio/1", "transactions": [{"type": "buy"}, {"type": "nonsense"}]}'
        answer = self._upload(as_owner, filled, content)
        assert answer.status_code == 422
        paths = {problem["path"] for problem in answer.context["problems"]}
        assert {"base_currency", "transactions[0].date", "transactions[1].type"} <= paths
        assert not ImportBatch.objects.exists()

    @pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"{", b"[1, 2]", b"\xff\xfe\x00"])
    def test_what_is_no_such_file_is_refused(self, as_owner, filled, content):
        answer = self._upload(as_owner, filled, content)
        assert answer.status_code == 422
        assert answer.context["form"].errors["file"]

    def test_a_large_upload_is_refused_before_it_is_read(self, as_owner, filled, settings):
        settings.UPLOAD_MAX_BYTES = 1000
        answer = self._upload(as_owner, filled, b"{" + b" " * 100_000)
        assert answer.status_code == 413
        assert "at most 0 MB" in answer.content.decode()
        assert not ImportBatch.objects.exists()


class TestPaperPortfolio:
    @pytest.fixture
    def paper(self, owner):
        return make_portfolio(owner, kind="paper", base_currency="USD", starting_cash=D(1000))

    def test_entries_by_hand_are_refused_with_a_sentence(self, as_owner, paper, acme):
        url = reverse("holdings:add", args=[paper.pk]) + "?type=deposit"
        answer = as_owner.post(url, {**form_of(as_owner, url), "amount": "5"})
        assert answer.status_code == 422
        assert "its entries come from orders only" in answer.content.decode()
        assert as_owner.get(reverse("holdings:import", args=[paper.pk])).status_code == 422
        assert Transaction.objects.filter(portfolio=paper).count() == 1

    def test_overview_leads_to_the_order_ticket(self, as_owner, paper):
        page = as_owner.get(reverse("holdings:detail", args=[paper.pk])).content.decode()
        assert f"/portfolios/{paper.pk}/orders/new/" in page


class TestOverview:
    def test_range_is_kept_in_the_address(self, as_owner, filled):
        page = as_owner.get(reverse("holdings:detail", args=[filled.pk]) + "?range=3M")
        assert page.context["range"] == "3M"
        assert page.context["series"].range == "3M"

    def test_chart_ends_with_what_it_is_worth_now(self, as_owner, filled):
        body = as_owner.get(reverse("holdings:chart", args=[filled.pk]) + "?range=MAX").json()
        snapshot = as_owner.get(reverse("holdings:detail", args=[filled.pk])).context["snapshot"]
        assert body["labels"][0] == "2026-01-01"
        assert body["labels"][-1] == "2026-06-01"
        assert Decimal(body["series"][0]["values"][-1]) == round_money(snapshot.net_worth, "EUR")

    def test_missing_rate_is_said(self, as_owner, owner):
        portfolio = make_portfolio(owner, name="Kronor")
        post(portfolio, "deposit", "2026-01-01", amount="10", currency="SEK", fx_rate="0.09")
        page = as_owner.get(reverse("holdings:detail", args=[portfolio.pk]))
        assert page.context["snapshot"].net_worth is None
        assert "no exchange rate from SEK to EUR" in page.content.decode()

    def test_carries_the_price_of_the_latest_trade(self, as_owner, empty, acme):
        from holdings.tests.support import make_instrument

        own = make_instrument("OWN", currency="EUR")
        post(empty, "buy", "2026-01-02", instrument_id=own.pk, quantity="3", price="7")
        with time_machine.travel(NOW, tick=False):
            row = as_owner.get(reverse("holdings:detail", args=[empty.pk])).context["rows"][0]
        assert (row.price.price, row.price.origin, row.market_value) == (7, "trade", 21)
