"""Making a report: the figures in it, and what happens when something goes wrong."""

from __future__ import annotations

import io
import threading
from datetime import date, timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.db import connection
from pypdf import PdfReader

from documents.links import signed_path
from documents.models import Document
from documents.operations import open_by_link
from holdings import operations as books
from holdings.operations import Entry
from marketdata.models import FxRate, PriceBar
from portfolio_site.kernel.errors import DomainError
from reports import operations, registry
from reports.kinds.base import Order, ReportKind
from reports.models import JobState, ReportJob
from reports.operations import making
from reports.renderers.errors import RendererUnavailable
from reports.tests.conftest import EVIL_NAME, EVIL_NOTE, NOW

pytestmark = pytest.mark.django_db(transaction=True)


def _made(job, clock=lambda: NOW):
    operations.make_report(job_id=job.pk, clock=clock)
    job.refresh_from_db()
    return job


def _content(job) -> bytes:
    assert job.state == JobState.DONE, job.error
    token = signed_path(job.document_id, job.owner_id, NOW).rstrip("/").rpartition("/")[2]
    _, file = open_by_link(token=token, actor=job.owner, now=NOW)
    with file:
        return file.read()


def _text(job) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(_content(job))).pages)


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Jobs wait until a test makes them."""
    monkeypatch.setattr("reports.subscribers.enqueue", lambda *_, **__: None)


class TestPortfolioSummary:
    def test_prints_the_figures_of_the_book(self, ask):
        job = _made(ask())
        text = _text(job)
        for figure in ("12,087.00 EUR", "1,100.00", "1,080.00", "9,007.00", "900.00", "1,005.00", "60.00"):
            assert figure.replace(" ", "\N{NO-BREAK SPACE}") in text or figure in text, figure
        assert (job.progress, job.stage, job.error) == (100, "", "")
        document = job.document
        assert document.content_type == "application/pdf"
        assert document.filename == "Portfolio summary Savings & b Co b 2026-11-20.pdf"
        assert document.expires_at == NOW + timedelta(days=90)

    def test_escapes_what_people_named(self, ask):
        text = " ".join(_text(_made(ask())).split())
        assert "Savings & <b>Co</b>" in text
        assert "<script>alert(1)</script>" in text

    def test_says_which_prices_are_simulated(self, ask):
        assert "Contains simulated prices" in _text(_made(ask()))

    def test_is_made_as_excel_with_numbers(self, ask):
        book = openpyxl.load_workbook(io.BytesIO(_content(_made(ask(format="xlsx")))))
        rows = {row[0].value: row for row in book["Holdings"].iter_rows(min_row=2)}
        assert rows["AAA"][1].value == EVIL_NAME
        assert rows["AAA"][1].data_type == "s"
        assert rows["AAA"][10].value == 1100
        assert rows["UUU"][8].value == 1200
        assert rows["UUU"][10].value == 1080
        assert rows["UUU"][7].value == "yes"
        figures = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=2) if row[0].value}
        assert figures["Net worth"] == 12087
        assert figures["Cash"] == 9907
        assert figures["Dividends and interest"] == 12
        assert figures["Fees and taxes"] == 5

    def test_statement_adds_up(self, ask):
        job = ask(period_from=date(2026, 2, 1))
        data = registry.KINDS["portfolio_summary"].collect(
            Order(
                owner=job.owner, portfolio=job.portfolio, period_from=date(2026, 2, 1), period_to=date(2026, 11, 20),
                currency="EUR", made_at=NOW,
            )
        )  # fmt: skip
        first, *between, last = [line.value for line in data.statement]
        assert first + sum(between) == last == Decimal(12087)

    def test_shows_an_earlier_day_with_the_prices_of_that_day(self, ask):
        book = openpyxl.load_workbook(
            io.BytesIO(_content(_made(ask(format="xlsx", period_to=date(2026, 3, 1)))))
        )
        figures = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=2) if row[0].value}
        # 10 × 100 + 20 × 50 × 0.9 + 8 995 + 900
        assert figures["Net worth"] == 11795

    def test_shows_another_currency(self, ask):
        book = openpyxl.load_workbook(io.BytesIO(_content(_made(ask(format="xlsx", currency="USD")))))
        figures = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=2) if row[0].value}
        assert figures["Net worth"] == 13430

    def test_works_for_a_portfolio_without_entries(self, ask, owner):
        empty = books.create_portfolio(owner=owner, name="Empty", base_currency="EUR", now=NOW)
        assert "Nothing is held" in _text(_made(ask(portfolio_id=empty.pk)))
        assert _made(ask(portfolio_id=empty.pk, kind="transaction_history")).state == JobState.DONE


class TestTransactionHistory:
    def test_lists_the_entries_with_their_notes(self, ask):
        text = _text(_made(ask(kind="transaction_history")))
        assert "06 Jan 2026 15:30" in text or "Jan 06, 2026 15:30" in text
        assert "1,005.00" in text
        assert EVIL_NOTE[:20] in text

    def test_is_made_as_excel_without_a_formula(self, ask):
        book = openpyxl.load_workbook(
            io.BytesIO(_content(_made(ask(kind="transaction_history", format="xlsx"))))
        )
        cells = [
            cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None
        ]
        assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
        sheet = book["Transactions"]
        head = [cell.value for cell in sheet[1]]
        rows = [
            dict(zip(head, [cell.value for cell in row], strict=True)) for row in sheet.iter_rows(min_row=2)
        ]
        assert [row["Type"] for row in rows] == ["Deposit", "Deposit", "Buy", "Buy", "Dividend"]
        assert rows[2]["Cash"] == -1005
        assert rows[2]["Note"] == EVIL_NOTE
        assert rows[2]["Reference"] == "-1+1"
        assert rows[3]["Currency"] == "USD"

    def test_keeps_to_the_period(self, ask):
        job = ask(kind="transaction_history", format="xlsx", period_from=date(2026, 5, 1))
        assert openpyxl.load_workbook(io.BytesIO(_content(_made(job))))["Transactions"].max_row == 2


class TestFailures:
    def test_a_refusal_of_the_books_ends_it_with_its_sentence(self, ask):
        FxRate.objects.all().delete()
        job = _made(ask())
        assert job.state == JobState.FAILED
        assert "USD" in job.error
        assert job.attempts == 1
        assert not Document.objects.exists()

    def test_a_missing_library_ends_it_with_what_to_install(self, ask, monkeypatch):
        job = ask()

        def unavailable(*_):
            raise RendererUnavailable("PDF is off. Install libpango.")

        _with_renderer(monkeypatch, unavailable)
        assert _made(job).error == "PDF is off. Install libpango."

    def test_a_fault_is_tried_three_times_and_then_told_without_details(self, ask, monkeypatch):
        def broken(*_):
            raise ValueError("secret detail")

        _with_renderer(monkeypatch, broken)
        job = ask()
        for attempt in (1, 2):
            assert _made(job).state == JobState.QUEUED
            assert job.attempts == attempt
        job = _made(job)
        assert (job.state, job.attempts) == (JobState.FAILED, 3)
        assert "secret" not in job.error
        assert job.error == making.FAULT

    def test_a_dead_workers_job_is_taken_up_again(self, ask, monkeypatch):
        job = ask()
        ReportJob.objects.update(state=JobState.RUNNING, attempts=1, heartbeat_at=NOW, started_at=NOW)
        assert operations.mend_stalled(now=NOW + timedelta(minutes=4)) == []
        assert operations.mend_stalled(now=NOW + timedelta(minutes=6)) == [job.pk]
        assert _made(job).state == JobState.DONE
        assert job.attempts == 2

    def test_a_job_that_never_finishes_is_given_up(self, ask):
        job = ask()
        ReportJob.objects.update(state=JobState.RUNNING, attempts=3, heartbeat_at=NOW, started_at=NOW)
        assert operations.mend_stalled(now=NOW + timedelta(minutes=6)) == []
        job.refresh_from_db()
        assert (job.state, job.error) == (JobState.FAILED, making.LOST)

    def test_a_job_whose_message_was_lost_is_sent_again(self, ask):
        job = ask()
        assert operations.mend_stalled(now=NOW + timedelta(seconds=10)) == []
        assert operations.mend_stalled(now=NOW + timedelta(seconds=40)) == [job.pk]

    def test_a_crash_after_storing_does_not_make_a_second_file(self, ask, monkeypatch):
        job = ask()

        def die(*_):
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(making, "_finish", die)
            with pytest.raises(SystemExit):
                operations.make_report(job_id=job.pk, clock=lambda: NOW)
        operations.mend_stalled(now=NOW + timedelta(minutes=6))
        assert _made(job).state == JobState.DONE
        assert Document.objects.count() == 1

    def test_a_worker_that_was_given_up_changes_nothing(self, ask, monkeypatch):
        job = ask()

        def overtaken(data, tell):
            ReportJob.objects.filter(pk=job.pk).update(attempts=2)
            return b"%PDF-1.7 late"

        _with_renderer(monkeypatch, overtaken)
        assert operations.make_report(job_id=job.pk, clock=lambda: NOW) is False
        job.refresh_from_db()
        assert (job.state, job.attempts, job.document_id) == (JobState.RUNNING, 2, None)

    def test_thrown_away_while_it_is_made(self, ask, owner, monkeypatch):
        job = ask()

        def thrown_away(data, tell):
            operations.delete_report(job_id=job.pk, actor=owner, now=NOW)
            return b"%PDF-1.7 unwanted"

        _with_renderer(monkeypatch, thrown_away)
        assert operations.make_report(job_id=job.pk, clock=lambda: NOW) is False
        assert not ReportJob.objects.exists()

    def test_two_workers_make_it_once(self, ask):
        job = ask(format="xlsx")
        start, done = threading.Barrier(2), []

        def work():
            start.wait()
            try:
                done.append(operations.make_report(job_id=job.pk, clock=lambda: NOW))
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == [False, True]
        assert Document.objects.count() == 1


class TestSnapshot:
    def test_sees_one_moment_whatever_is_posted_meanwhile(self, ask, book, owner, monkeypatch):
        kind = registry.KINDS["transaction_history"]
        seen = []

        def collect(order):
            first = len(kind.collect(order).rows)
            thread = threading.Thread(target=_post_elsewhere, args=(book, owner))
            thread.start()
            thread.join()
            seen.extend([first, len(kind.collect(order).rows)])
            return kind.collect(order)

        slow = ReportKind(
            code=kind.code, title=kind.title, description="", collect=collect, renderers=kind.renderers
        )
        monkeypatch.setattr(making, "KINDS", {kind.code: slow})
        job = _made(ask(kind="transaction_history", format="xlsx"))
        assert job.state == JobState.DONE
        assert seen == [5, 5]


def _post_elsewhere(book, owner):
    try:
        entry = Entry(type="deposit", occurred=date(2026, 3, 1), amount=Decimal(1), currency="EUR")
        books.post_transaction(portfolio_id=book.portfolio.pk, entry=entry, actor=owner, now=NOW)
    finally:
        connection.close()


class TestAsking:
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"kind": "horoscope"}, "kind_unknown"),
            ({"format": "docx"}, "format_unknown"),
            ({"currency": "EURO"}, "currency_unknown"),
            ({"period_from": date(2026, 11, 21)}, "period_reversed"),
            ({"period_to": date(2026, 11, 22)}, "period_in_future"),
            ({"period_from": date(1, 1, 1)}, "period_too_early"),
            ({"portfolio_id": 10**9}, "portfolio_unknown"),
        ],
    )
    def test_refuses_what_cannot_be_made(self, ask, wrong, code):
        with pytest.raises(DomainError) as refusal:
            ask(**wrong)
        assert refusal.value.code == code
        assert not ReportJob.objects.exists()

    def test_refuses_somebody_elses_portfolio(self, ask, outsider):
        with pytest.raises(DomainError) as refusal:
            ask(actor=outsider)
        assert refusal.value.code == "portfolio_unknown"

    def test_refuses_pdf_where_it_cannot_be_made(self, ask, monkeypatch):
        monkeypatch.setattr("reports.operations.requesting.why_off", lambda code: "Install libpango.")
        with pytest.raises(DomainError, match="libpango"):
            ask()

    def test_refuses_an_eleventh_while_ten_are_unfinished(self, ask):
        for _ in range(10):
            ask()
        with pytest.raises(DomainError) as refusal:
            ask()
        assert refusal.value.code == "too_many_reports"

    def test_deleting_takes_the_file_with_it(self, ask, owner):
        job = _made(ask(format="xlsx"))
        operations.delete_report(job_id=job.pk, actor=owner, now=NOW)
        assert not ReportJob.objects.exists()
        assert not Document.objects.exists()

    def test_forgets_old_jobs_whose_file_has_gone(self, ask):
        job = _made(ask(format="xlsx"))
        later = NOW + timedelta(days=91)
        assert operations.prune(now=later) == 0
        Document.objects.all().delete()
        job.refresh_from_db()
        assert job.document_id is None
        assert operations.prune(now=later) == 1


def _with_renderer(monkeypatch, renderer):
    kind = registry.KINDS["portfolio_summary"]
    changed = ReportKind(
        code=kind.code,
        title=kind.title,
        description=kind.description,
        collect=kind.collect,
        renderers={"pdf": renderer, "xlsx": renderer},
    )
    monkeypatch.setattr(making, "KINDS", {kind.code: changed})


class TestPrices:
    def test_a_holding_without_a_price_is_shown_and_pointed_out(self, ask, book):
        PriceBar.objects.filter(instrument=book.aaa).delete()
        text = " ".join(_text(_made(ask())).split())
        # The person's own purchase price stands in.
        assert "100.00" in text
