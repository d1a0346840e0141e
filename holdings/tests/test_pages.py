"""Every page: who sees it, that it renders, what it costs in statements, and what its forms do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from holdings.models import DraftTransaction, ImportBatch, Portfolio, Transaction
from holdings.operations import archive_portfolio, upload_import
from holdings.tests.support import GHOSTFOLIO, NOW, D, assert_books_are_right, form_of, make_portfolio, post
from portfolio_site.kernel.money import round_money

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def batch(filled: Portfolio, owner: Any) -> ImportBatch:
    return upload_import(portfolio_id=filled.pk, filename="g.json", content=GHOSTFOLIO, actor=owner, now=NOW)


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
