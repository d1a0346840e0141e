"""Pure readers of files that hold a portfolio. A new format is one file here and one line in `IMPORTERS`."""

from __future__ import annotations

from holdings.importers.base import FileRefused, Importer, ParsedFile, Problem
from holdings.importers.ghostfolio import GhostfolioImporter
from holdings.importers.portfolio_file import PortfolioFileImporter

#: Asked in this order; the first that recognises a file reads it.
IMPORTERS: tuple[Importer, ...] = (PortfolioFileImporter(), GhostfolioImporter())

_HEAD = 65536


def sniff(content: bytes) -> Importer:
    """The importer for a file. Raises `FileRefused` when none knows it."""
    head, tail = content[:_HEAD], content[-4096:]
    for importer in IMPORTERS:
        if importer.sniff(head) or importer.sniff(b"{" + tail if head.lstrip().startswith(b"{") else head):
            return importer
    known = ", ".join(importer.label for importer in IMPORTERS)
    raise FileRefused([Problem(path="$", message=f"is in no format that is known here ({known})")])


def importer_by_code(code: str) -> Importer:
    """The importer of a format. Raises `KeyError`."""
    return {importer.code: importer for importer in IMPORTERS}[code]


__all__ = ["IMPORTERS", "FileRefused", "Importer", "ParsedFile", "Problem", "importer_by_code", "sniff"]
