"""The print shop: the kinds of report there are. A new one is a file in ``kinds/`` and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reports.kinds import portfolio_summary, transaction_history
from reports.kinds.base import ReportKind
from reports.renderers import pdf

KINDS: Final[Mapping[str, ReportKind]] = {
    kind.code: kind for kind in (portfolio_summary.KIND, transaction_history.KIND)
}

FORMATS: Final[Mapping[str, str]] = {"pdf": "PDF", "xlsx": "Excel"}


def why_off(format_code: str) -> str | None:
    """Why a format cannot be made on this machine, in a sentence with what to do; None when it can."""
    return pdf.unavailable_reason() if format_code == "pdf" else None
