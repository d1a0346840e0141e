"""API: paging by cursor, so that page 1 000 costs what page 1 costs."""

from typing import Any

from rest_framework.pagination import CursorPagination as BaseCursorPagination


class CursorPagination(BaseCursorPagination):
    """`{"next": url|null, "previous": url|null, "results": […]}`; `page_size` up to 500.

    Newest first by primary key unless the view names an `ordering` (which must end in a unique column).
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering: Any = "-id"

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """Return the view's own `ordering` if it has one, else this class's."""
        ordering = getattr(view, "ordering", None) or self.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)
