"""The renderers, without database: what they draw, and what they refuse to fetch or to hide."""

from __future__ import annotations

import io
import sys
from datetime import date
from decimal import Decimal

import pytest
from pypdf import PdfReader

from reports.renderers import pdf, svg
from reports.renderers.data import (
    Locale,
    SeriesPoint,
    Slice,
)
from reports.renderers.errors import RendererUnavailable
from reports.renderers.markup import el, join
from reports.renderers.summary_html import summary_html
from reports.renderers.summary_xlsx import summary_xlsx
from reports.renderers.transactions_pdf import transactions_pdf
from reports.tests.samples import EVIL, HEAD, history, holding, line, summary


def _text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


@pytest.fixture(scope="module")
def content():
    html, pictures = summary_html(summary())
    return pdf.html_to_pdf(html, pictures=pictures).content


class TestSummaryPdf:
    def test_prints_names_as_they_are_written(self, content):
        text = _text(content)
        assert "<script>" in text
        assert "=1+1" in text

    def test_prints_figures_dates_and_pages(self, content):
        text = _text(content)
        for part in (
            "15,308.64",
            "\N{MINUS SIGN}5.12",
            "1,234.5",
            "01 Jan 2026",
            "20 Nov 2026",
            "Page 1 of",
            "09:00 CET",
        ):
            assert part in text, part

    def test_says_that_prices_are_simulated_and_that_it_is_no_advice(self, content):
        text = " ".join(_text(content).split())
        assert "are simulated" in text
        assert "not advice" in text
        assert "No price is known of PRIV." in text

    def test_carries_title_language_author_and_structure(self, content):
        reader = PdfReader(io.BytesIO(content))
        assert reader.metadata.title.startswith("Portfolio summary: Family =1+1")
        assert reader.metadata.author == "Ada Sample"
        assert reader.trailer["/Root"]["/Lang"] == "en"
        assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
        assert "/StructTreeRoot" in reader.trailer["/Root"]

    def test_brings_its_own_letters(self, content):
        fonts = {
            str(font.get_object()["/BaseFont"])
            for page in PdfReader(io.BytesIO(content)).pages
            for font in page["/Resources"]["/Font"].values()
        }
        assert any("Holdfast" in name for name in fonts)

    def test_draws_an_empty_portfolio(self):
        html, pictures = summary_html(
            summary(holdings=(), cash=(), breakdowns=(), value_series=(), statement=(), figures=())
        )
        assert "Nothing is held" in _text(pdf.html_to_pdf(html, pictures=pictures).content)

    def test_repeats_the_head_of_a_table_that_runs_over_pages(self):
        html, pictures = summary_html(summary(holdings=tuple(holding(symbol=f"S{n}") for n in range(90))))
        pages = PdfReader(io.BytesIO(pdf.html_to_pdf(html, pictures=pictures).content)).pages
        with_head = [page for page in pages if "Quantity" in page.extract_text()]
        assert len(with_head) >= 3


class TestFetching:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:1/a.png",
            "https://evil.example/a.png",
            "file:///etc/passwd",
            "data:image/svg+xml,<svg/>",
            "holdfast:font/../../etc/passwd",
            "holdfast:picture/unknown",
            "ftp://evil.example/",
        ],
    )
    def test_refuses_everything_that_is_not_its_own(self, url):
        with pytest.raises(pdf.UrlRefused):
            pdf._own(url, {"value": "<svg/>"})

    def test_serves_its_fonts_and_pictures(self):
        assert pdf._own("holdfast:font/regular", {})[0][:4] == b"\x00\x01\x00\x00"
        assert pdf._own("holdfast:picture/value", {"value": "<svg/>"}) == (b"<svg/>", "image/svg+xml")

    def test_a_smuggled_address_is_not_fetched_while_drawing(self):
        # The test session lets nothing out; a fetch of the local address would be answered by an error page in vain.
        html = '<html lang="en"><head><title>x</title></head><body><img src="http://127.0.0.1:9/x.png" alt="x">text</body></html>'
        assert "text" in _text(pdf.html_to_pdf(html, pictures={}).content)


class TestPdfUnavailable:
    def test_says_what_to_install(self, monkeypatch):
        pdf.unavailable_reason.cache_clear()
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, "weasyprint", None)
            patched.setattr(pdf, "_engine", _without_pango)
            reason = pdf.unavailable_reason()
        pdf.unavailable_reason.cache_clear()
        assert reason is not None
        assert "libpango" in reason

    def test_excel_works_all_the_same(self, monkeypatch):
        monkeypatch.setattr(pdf, "_engine", _without_pango)
        assert summary_xlsx(summary()).startswith(b"PK")


def _without_pango():
    raise RendererUnavailable(f"PDF is off. Install it with “{pdf.INSTALL_LINE}”.")


class TestHistoryPdf:
    def test_lists_every_entry_and_numbers_all_pages_as_one_document(self):
        steps = []
        content = transactions_pdf(
            history(tuple(line(n, external_id=str(n)) for n in range(120))),
            lambda p, s: steps.append((p, s)),
        )
        reader = PdfReader(io.BytesIO(content))
        text = _text(content)
        assert text.count("Depot") == 120
        total = len(reader.pages)
        assert total >= 4
        for number in range(1, total + 1):
            assert f"Page {number} of {total}" in text
        assert [p for p, _ in steps] == sorted(p for p, _ in steps)

    def test_writes_times_of_the_readers_zone_and_the_notes(self):
        text = _text(transactions_pdf(history((line(note=EVIL),))))
        assert "02 Jan 2026 00:30" in text
        assert "<script>" in text

    def test_carries_title_language_and_bookmarks(self):
        reader = PdfReader(io.BytesIO(transactions_pdf(history((line(),)))))
        assert reader.metadata.title.startswith("Transaction history: Family")
        assert reader.trailer["/Root"]["/Lang"] == "en"
        assert [entry.title for entry in reader.outline] == ["Overview", "Entries"]
        assert reader.metadata.creation_date == HEAD.generated_at

    def test_says_so_when_there_are_no_entries(self):
        assert "no entries in this period" in _text(transactions_pdf(history(())))


class TestMarkup:
    def test_escapes_text_and_attributes_and_nothing_twice(self):
        made = el("p", "<b>", el("i", "&"), title='"<')
        assert made == '<p title="&quot;&lt;">&lt;b&gt;<i>&amp;</i></p>'
        assert join(["<", made]) == "&lt;" + made

    def test_drops_what_xml_cannot_hold(self):
        assert el("p", "a\x00\x0b\ud800b") == "<p>ab</p>"


class TestSvg:
    def test_one_slice_is_a_whole_ring(self):
        assert "<circle" in svg.doughnut([Slice(label="All", value=Decimal(1), weight=Decimal(1))])

    def test_nothing_and_negatives_are_an_empty_ring(self):
        assert "<path" not in svg.doughnut([])
        assert "<path" not in svg.doughnut([Slice(label="Short", value=Decimal(-1), weight=Decimal(-1))])

    def test_puts_small_slices_together(self):
        slices = [Slice(label=str(n), value=Decimal(1), weight=Decimal("0.1")) for n in range(10)]
        grouped = svg.grouped(slices)
        assert len(grouped) == 7
        assert sum(s.weight for s in grouped) == 1

    @pytest.mark.parametrize("values", [[0, 0], [5, 5], [-10, 10], [1, 10**12], [0.0001, 0.0002]])
    def test_scales_whatever_comes(self, values):
        points = [SeriesPoint(day=date(2026, 1, n + 1), value=Decimal(str(v))) for n, v in enumerate(values)]
        drawn = svg.value_chart(points, locale=Locale())
        assert "nan" not in drawn
        assert "polyline" in drawn
