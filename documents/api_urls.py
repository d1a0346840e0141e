"""The cellar: its addresses in the API."""

from typing import Any

from documents.api import DocumentViewSet


def register(router: Any) -> None:
    """Add this room's viewsets."""
    router.register("documents", DocumentViewSet, basename="documents")
