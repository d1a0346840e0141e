"""The print shop: the system check that tells when PDF reports cannot be made here."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Info, register

from reports.renderers import pdf


@register("reports")
def pdf_engine(**_: Any) -> list[CheckMessage]:
    """Tell (I001) when WeasyPrint cannot load Pango: PDF is then off, everything else goes on."""
    reason = pdf.unavailable_reason()
    if reason is None:
        return []
    return [Info(reason, hint="Excel reports are made all the same.", id="reports.I001")]
