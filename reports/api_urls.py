"""The print shop: its addresses in the API."""

from typing import Any

from reports.api import ReportViewSet


def register(router: Any) -> None:
    """Add this room's viewsets."""
    router.register("reports", ReportViewSet, basename="reports")
