"""The print shop: HTML to PDF by WeasyPrint, and putting PDFs together.

WeasyPrint is imported inside, because it cannot be imported at all where Pango is missing. Nothing is ever fetched: the
only addresses that resolve are our two fonts and the pictures handed in; every other one is refused.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from .errors import RendererUnavailable

FONTS: Final = Path(__file__).with_name("fonts")
FONT_FILES: Final = {"regular": "HoldfastSans-Regular.ttf", "semibold": "HoldfastSans-SemiBold.ttf"}
INSTALL_LINE: Final = (
    "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
)
INSTALL_LINE_MAC: Final = "brew install pango"


class UrlRefused(ValueError):
    """A document asked for something that is not part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A PDF and how many pages it has."""

    content: bytes
    pages: int


@cache
def unavailable_reason() -> str | None:
    """Why PDF cannot be made on this machine, in a sentence with the line to run; None when it can.

    Asked once per process: a restart follows an installation anyway.
    """
    try:
        _engine()
    except RendererUnavailable as error:
        return str(error)
    return None


def html_to_pdf(html: str, *, pictures: Mapping[str, str], total_pages: int | None = None) -> Rendered:
    """Render a document made by this package's ``…_html`` modules; ``pictures`` are SVG texts by name.

    ``total_pages`` is printed instead of the document's own number of pages, for what other pages will follow. Raises
    :class:`RendererUnavailable` where Pango is missing.
    """
    engine = _engine()
    sheet = (Path(__file__).with_name("print.css")).read_text()
    if total_pages is not None:
        sheet = sheet.replace("counter(pages)", f'"{total_pages:d}"')
    fetcher = _fetcher(engine, pictures)
    fonts = engine.text.fonts.FontConfiguration()
    with warnings.catch_warnings():
        # What libraries of the engine deprecate among themselves is not for the people of this site.
        warnings.simplefilter("ignore", DeprecationWarning)
        css = engine.CSS(string=sheet, url_fetcher=fetcher, font_config=fonts, base_url="holdfast:")
        document = engine.HTML(string=html, url_fetcher=fetcher, base_url="holdfast:").render(
            stylesheets=[css], font_config=fonts, pdf_variant="pdf/ua-1", optimize_images=False
        )
        return Rendered(content=document.write_pdf(pdf_variant="pdf/ua-1"), pages=len(document.pages))


def merge(
    parts: Sequence[bytes],
    *,
    title: str,
    author: str,
    subject: str,
    language: str,
    made_at: datetime,
    bookmarks: Sequence[tuple[str, int]] = (),
) -> bytes:
    """Put PDFs together, with title, language and bookmarks (text, page from 0) of the whole."""
    from pypdf import PdfWriter
    from pypdf.generic import BooleanObject, DictionaryObject, NameObject, TextStringObject

    writer = PdfWriter()
    for part in parts:
        writer.append(io.BytesIO(part), import_outline=False)
    stamp = made_at.strftime("D:%Y%m%d%H%M%S+00'00'")
    writer.add_metadata(
        {
            "/Title": title,
            "/Author": author,
            "/Subject": subject,
            "/Creator": "Holdfast",
            "/CreationDate": stamp,
            "/ModDate": stamp,
        }
    )
    root = writer.root_object
    root[NameObject("/Lang")] = TextStringObject(language)
    root[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    )
    for text, page in bookmarks:
        writer.add_outline_item(title=text, page_number=page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _engine() -> Any:
    try:
        import weasyprint
        import weasyprint.text.fonts
    except OSError as error:
        raise RendererUnavailable(
            "PDF is off because the Pango library is missing on the server. Install it with"
            f" “{INSTALL_LINE}” (Debian, Ubuntu) or “{INSTALL_LINE_MAC}” (macOS) and restart."
        ) from error
    return weasyprint


def _fetcher(engine: Any, pictures: Mapping[str, str]) -> Any:
    """A fetcher that knows fonts and pictures by name and refuses the rest."""

    class OwnThingsOnly(engine.urls.URLFetcher):
        """Serves ``holdfast:font/…`` and ``holdfast:picture/…``."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            body, kind = _own(url, pictures)
            return engine.urls.URLFetcherResponse(url, body, {"Content-Type": kind})

    return OwnThingsOnly()


def _own(url: str, pictures: Mapping[str, str]) -> tuple[bytes, str]:
    scheme, _, rest = url.partition(":")
    group, _, name = rest.partition("/")
    if scheme == "holdfast" and group == "font" and name in FONT_FILES:
        return (FONTS / FONT_FILES[name]).read_bytes(), "font/ttf"
    if scheme == "holdfast" and group == "picture" and name in pictures:
        return pictures[name].encode(), "image/svg+xml"
    raise UrlRefused(f"reports contain nothing from {url[:80]}")
