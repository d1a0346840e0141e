"""The renderers, without database: what they draw, and what they refuse to fetch or to hide."""

from __future__ import annotations

import dataclasses
import io
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from reports.renderers import pdf, svg
from reports.renderers.data import (
    Breakdown,
    CashLine,
    Figure,
    HoldingLine,
    Locale,
    PortfolioSummary,
    ReportHead,
    SeriesPoint,
    Slice,
    TransactionHistory,
    TransactionLine,
    TypeTotal,
)
from reports.renderers.errors import RendererUnavailable
from reports.renderers.markup import el, join
from reports.renderers.numbers import decimal_text, percent_text
from reports.renderers.summary_html import summary_html
from reports.renderers.summary_xlsx import summary_xlsx
from reports.renderers.transactions_pdf import transactions_pdf
from reports.renderers.transactions_xlsx import transactions_xlsx
from reports.renderers.xlsx import Cell, SheetColumn, Workbook, fits

EVIL = '=1+1<script>alert("x")</script><img src="http://evil.example/a.png">'
HEAD = ReportHead(
    title="Portfolio summary",
    portfolio_name=f"Family {EVIL}",
    owner_name="Ada Sample",
    currency="EUR",
    period_from=date(2026, 1, 1),
    period_to=date(2026, 11, 20),
    generated_at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    currency_digits={"JPY": 0, "BTC": 8},
    locale=Locale(time_zone="Europe/Zurich"),
    is_simulated=True,
    notices=("No price is known of PRIV.",),
)


def _holding(**more):
    values = {
        "symbol": "AAA", "name": EVIL, "asset_class": "Equity", "currency": "JPY", "quantity": Decimal("1234.5"),
        "price": Decimal(1000), "price_date": date(2026, 11, 20), "price_is_simulated": True,
        "cost_basis_base": Decimal("7000.00"), "market_value": Decimal(1234500),
        "market_value_base": Decimal("7654.321"), "unrealised_gain_base": Decimal("654.321"), "weight": Decimal("0.5"),
    }  # fmt: skip
    return HoldingLine(**{**values, **more})


def _summary(**more):
    values = {
        "head": HEAD,
        "figures": (
            Figure(label="Net worth", value=Decimal("15308.64"), kind="money"),
            Figure(label="Return", value=Decimal("-0.0512"), kind="signed_percent"),
            Figure(label="Unknown", value=None, kind="percent"),
        ),
        "statement": (
            Figure(label="Opening", value=Decimal(0), kind="money"),
            Figure(label="Contributions", value=Decimal(15000), kind="signed_money"),
            Figure(label="Closing", value=Decimal("15308.64"), kind="money"),
        ),
        "value_series": tuple(
            SeriesPoint(day=date(2026, 1, 1) + timedelta(days=n), value=Decimal(10000 + n * 7)) for n in range(300)
        ),
        "breakdowns": (
            Breakdown(title="By class", slices=(Slice(label=EVIL, value=Decimal(1), weight=Decimal(1)),)),
        ),
        "holdings": (
            _holding(),
            _holding(symbol="PRIV", price=None, market_value=None, market_value_base=None, unrealised_gain_base=None,
                     weight=None, price_date=None),
        ),
        "cash": (CashLine(account="Cash", currency="EUR", balance=Decimal("-1.5"), balance_base=Decimal("-1.5")),),
        "method": "first in, first out",
    }  # fmt: skip
    return PortfolioSummary(**{**values, **more})


def _line(number=0, **more):
    values = {
        "occurred_at": datetime(2026, 1, 1, 23, 30, tzinfo=UTC) + timedelta(hours=number), "is_date_only": False,
        "occurred_date": date(2026, 1, 1),
        "type": "buy", "type_label": "Buy", "account": "Depot", "symbol": "AAA", "instrument_name": EVIL,
        "quantity": Decimal("3.000000000000"), "price": Decimal("1.5"), "amount": Decimal("4.5"), "fees": Decimal("0.1"),
        "taxes": Decimal(0), "currency": "EUR", "cash_effect": Decimal("-4.6"), "note": "", "external_id": "",
    }  # fmt: skip
    return TransactionLine(**{**values, **more})


def _history(rows):
    total = TypeTotal(
        type_label="Buy", currency="EUR", count=len(rows), amount=Decimal(1), fees=Decimal(0), taxes=Decimal(0),
        cash_effect=Decimal(-1),
    )  # fmt: skip
    return TransactionHistory(
        head=dataclasses.replace(HEAD, title="Transaction history"),
        figures=(Figure(label="Entries", value=Decimal(len(rows)), kind="count"),),
        totals=(total,) if rows else (),
        rows=rows,
    )


def _text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


@pytest.fixture(scope="module")
def content():
    html, pictures = summary_html(_summary())
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
            _summary(holdings=(), cash=(), breakdowns=(), value_series=(), statement=(), figures=())
        )
        assert "Nothing is held" in _text(pdf.html_to_pdf(html, pictures=pictures).content)

    def test_repeats_the_head_of_a_table_that_runs_over_pages(self):
        html, pictures = summary_html(_summary(holdings=tuple(_holding(symbol=f"S{n}") for n in range(90))))
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
        assert summary_xlsx(_summary()).startswith(b"PK")


def _without_pango():
    raise RendererUnavailable(f"PDF is off. Install it with “{pdf.INSTALL_LINE}”.")


class TestHistoryPdf:
    def test_lists_every_entry_and_numbers_all_pages_as_one_document(self):
        steps = []
        content = transactions_pdf(
            _history(tuple(_line(n, external_id=str(n)) for n in range(120))),
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
        text = _text(transactions_pdf(_history((_line(note=EVIL),))))
        assert "02 Jan 2026 00:30" in text
        assert "<script>" in text

    def test_carries_title_language_and_bookmarks(self):
        reader = PdfReader(io.BytesIO(transactions_pdf(_history((_line(),)))))
        assert reader.metadata.title.startswith("Transaction history: Family")
        assert reader.trailer["/Root"]["/Lang"] == "en"
        assert [entry.title for entry in reader.outline] == ["Overview", "Entries"]
        assert reader.metadata.creation_date == HEAD.generated_at

    def test_says_so_when_there_are_no_entries(self):
        assert "no entries in this period" in _text(transactions_pdf(_history(())))


def _load(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content))


def _cells(book):
    return [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


class TestExcel:
    def test_summary_has_typed_cells(self):
        book = _load(summary_xlsx(_summary()))
        assert book.sheetnames == ["Summary", "Holdings", "Cash", "Allocation", "Value by day", "Notes"]
        sheet = book["Holdings"]
        head = [cell.value for cell in sheet[1]]
        row = dict(zip(head, sheet[2], strict=True))
        assert row["Quantity"].value == 1234.5
        assert row["Quantity"].data_type == "n"
        assert row["Price of"].value == datetime(2026, 11, 20)
        assert row["Price of"].is_date
        assert row["Value"].number_format == "#,##0;[Red]-#,##0", "yen have no cents"
        assert "EUR" in row["Value (EUR)"].number_format
        assert row["Weight"].number_format == "0.00%"
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == "A1:M3"
        assert sheet.column_dimensions["B"].width > 30
        assert book.properties.title.startswith("Portfolio summary")

    def test_transactions_have_typed_cells_and_a_totals_sheet(self):
        book = _load(
            transactions_xlsx(_history((_line(), _line(1, is_date_only=True, fees=Decimal("0.00000001")))))
        )
        sheet = book["Transactions"]
        head = [cell.value for cell in sheet[1]]
        first, second = (dict(zip(head, sheet[n], strict=True)) for n in (2, 3))
        assert first["Day"].value == datetime(2026, 1, 2)
        assert first["Time (Europe/Zurich)"].value == datetime(2026, 1, 2, 0, 30)
        assert second["Time (Europe/Zurich)"].value is None
        assert first["Cash"].value == -4.6
        assert second["Fees"].value == 1e-08
        totals = book["Totals"]
        assert [cell.value for cell in totals[2]][:3] == ["Buy", "EUR", 2]

    def test_holds_no_formula_whatever_people_wrote(self):
        lines = tuple(
            _line(note=f"{sign}1+1", symbol=f"{sign}cmd", external_id=f"{sign}x", account=f"{sign}a")
            for sign in ("=", "+", "-", "@", "\t=", "\r=", "#N/A", "=\x00")
        )
        cells = _cells(_load(transactions_xlsx(_history(lines)))) + _cells(_load(summary_xlsx(_summary())))
        assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
        notes = [
            cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "@"))
        ]
        assert notes
        assert all(cell.quotePrefix for cell in notes)

    @given(st.text(max_size=60))
    @settings(max_examples=60, deadline=None)
    def test_takes_any_text_as_text(self, text):
        book = Workbook(title=text, author=text, subject=text, made_at=HEAD.generated_at)
        book.sheet("S", columns=[SheetColumn(heading="A", width=10)], rows=[[Cell(value=f"x{text}")]])
        [cell] = list(_load(book.finish())["S"][2])
        assert cell.data_type == "s"

    @pytest.mark.parametrize(
        ("value", "kind", "expected"),
        [
            (Decimal("0.1"), "fact", 0.1),
            (Decimal("123456789012.345"), "fact", 123456789012.345),
            (Decimal("1234567890123.4567"), "fact", "1234567890123.4567"),
            (Decimal("0.123456789012345678"), "quantity", "0.123456789012345678"),
            (Decimal("10.500000000000"), "quantity", 10.5),
            (Decimal("1234567890123.4567"), "money", 1234567890123.46),
            (Decimal(10) / 3, "percent", 3.33333333333333),
        ],
    )
    def test_keeps_facts_exact_and_rounds_only_what_is_computed(self, value, kind, expected):
        book = Workbook(title="", author="", subject="", made_at=HEAD.generated_at)
        book.sheet("S", columns=[SheetColumn(heading="A", width=10)], rows=[[Cell(value=value, kind=kind)]])
        [cell] = list(_load(book.finish())["S"][2])
        assert cell.value == expected

    def test_writes_days_before_the_calendar_of_spreadsheets_as_text(self):
        book = Workbook(title="", author="", subject="", made_at=HEAD.generated_at)
        book.sheet(
            "S",
            columns=[SheetColumn(heading="A", width=10)],
            rows=[[Cell(value=date(1899, 5, 1), kind="day")]],
        )
        assert _load(book.finish())["S"]["A2"].value == "1899-05-01"

    @given(
        st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15)
    )
    def test_what_fits_survives_the_way_through_a_double(self, value):
        if fits(value):
            assert Decimal(repr(float(value))) == value


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "places", "expected"),
        [
            ("1234567.895", 2, "1,234,567.90"),
            ("-0.004", 2, "0.00"),
            ("-1.005", 2, "\N{MINUS SIGN}1.00"),
            ("0.125", 2, "0.12"),
            ("100", None, "100"),
            ("1E+3", None, "1,000"),
            ("0.500000000000", None, "0.5"),
        ],
    )
    def test_writes_decimals(self, value, places, expected):
        assert decimal_text(Decimal(value), places=places, locale=Locale()) == expected

    def test_follows_the_locale(self):
        swiss = Locale(decimal_separator=".", group_separator="’")
        assert decimal_text(Decimal("1234.5"), places=2, locale=swiss, signed=True) == "+1’234.50"
        assert (
            percent_text(Decimal("0.05"), locale=Locale(decimal_separator=",")) == "5,00\N{NO-BREAK SPACE}%"
        )


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
