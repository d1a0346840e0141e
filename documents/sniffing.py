"""The cellar: what a file is, by its bytes and not by its name. Pure but for reading the file it is given."""

from __future__ import annotations

import json
import zipfile
from typing import BinaryIO, Final

UNKNOWN: Final = "application/octet-stream"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF: Final = "application/pdf"

#: Content type -> the extension that a file of it is given.
EXTENSIONS: Final[dict[str, str]] = {
    PDF: ".pdf",
    XLSX: ".xlsx",
    "application/zip": ".zip",
    "application/gzip": ".gz",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/plain": ".txt",
    UNKNOWN: "",
}
_HEAD: Final = 4096


def sniff(file: BinaryIO, *, filename: str = "") -> str:
    """The content type of a seekable file; left at its beginning.

    Text is told apart as JSON, CSV (by name only: commas alone prove nothing) and plain. Markup (HTML, SVG, XML) and
    whatever is not recognised count as unknown, so that no browser is ever told to show it.
    """
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(file)
    if head.startswith(b"\x1f\x8b"):
        return "application/gzip"
    return _text_kind(file, head, filename.lower())


def _zip_kind(file: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return UNKNOWN
    finally:
        file.seek(0)
    return XLSX if {"[Content_Types].xml", "xl/workbook.xml"} <= names else "application/zip"


def _text_kind(file: BinaryIO, head: bytes, filename: str) -> str:
    try:
        # The last character may have been cut in two.
        text = head.decode("utf-8-sig") if len(head) < _HEAD else head[:-4].decode("utf-8-sig", "ignore")
    except UnicodeDecodeError:
        return UNKNOWN
    if "\x00" in text or text.lstrip().startswith("<"):
        return UNKNOWN
    if text.lstrip()[:1] in ("{", "["):
        try:
            json.load(file)
        except ValueError:
            return "text/plain"
        finally:
            file.seek(0)
        return "application/json"
    return "text/csv" if filename.endswith(".csv") else "text/plain"
