"""What a file is, and what it may be called."""

import gzip
import io
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.naming import LONGEST, safe_filename
from documents.sniffing import PDF, UNKNOWN, XLSX, sniff


def _xlsx() -> bytes:
    out = io.BytesIO()
    openpyxl.Workbook().save(out)
    return out.getvalue()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


class TestSniff:
    @pytest.mark.parametrize(
        ("content", "name", "expected"),
        [
            (b"%PDF-1.7\n...", "x.xlsx", PDF),
            (_xlsx(), "x.pdf", XLSX),
            (_zip(), "x.xlsx", "application/zip"),
            (b"PK\x03\x04 broken", "x.xlsx", UNKNOWN),
            (gzip.compress(b"a", mtime=0), "x", "application/gzip"),
            (b'{"a": 1}', "x.csv", "application/json"),
            (b"[1, 2", "x.txt", "text/plain"),
            (b"a,b\n1,2\n", "x.CSV", "text/csv"),
            (b"a,b\n1,2\n", "x.txt", "text/plain"),
            ("grüezi".encode(), "x.txt", "text/plain"),
            (b"<!DOCTYPE html><script>alert(1)</script>", "x.pdf", UNKNOWN),
            (b"  <svg onload=alert(1)>", "x.csv", UNKNOWN),
            (b"\xff\xfe\x00\x01", "x.pdf", UNKNOWN),
            (b"", "x.txt", "text/plain"),
        ],
    )
    def test_goes_by_the_bytes(self, content, name, expected):
        file = io.BytesIO(content)
        assert sniff(file, filename=name) == expected
        assert file.tell() == 0

    def test_keeps_a_character_cut_at_the_edge_of_what_is_read(self):
        assert sniff(io.BytesIO(("a" * 4095 + "ü" * 40).encode()), filename="x") == "text/plain"


class TestSafeFilename:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Report.pdf", "Report.pdf"),
            ("../../etc/passwd", "etc passwd.pdf"),
            ("a\r\nSet-Cookie: x=1", "a Set-Cookie x=1.pdf"),
            ("gnp.\u202efdp.exe", "gnp. fdp.exe.pdf"),
            ("   ...  ", "document.pdf"),
            ("CON", "document CON.pdf"),
            ('a"b;c', "a b;c.pdf"),
            ("Jahresübersicht 2026.PDF", "Jahresübersicht 2026.pdf"),
        ],
    )
    def test_keeps_what_is_harmless(self, name, expected):
        assert safe_filename(name, extension=".pdf") == expected

    @given(st.text(max_size=300))
    def test_is_short_printable_and_has_no_separator_whatever_comes(self, name):
        made = safe_filename(name, extension=".pdf")
        assert made.endswith(".pdf")
        assert 4 < len(made) <= LONGEST
        assert not set(made) & set('/\\:*?"<>|\r\n\t\x00')
        assert not made.startswith((".", " "))
