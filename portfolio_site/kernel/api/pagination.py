"""API: paging by cursor, so that page 1 000 costs what page 1 costs."""

import re
from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination as BaseCursorPagination

_CURSOR = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)


class CursorPagination(BaseCursorPagination):
    """`{"next": url|null, "previous": url|null, "results": […]}`; `page_size` up to 500.

    Newest first by primary key unless the view names an `ordering` (which must end in a unique column).
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering: Any = "-id"

    def get_page_size(self, request: Any) -> int:
        """Read `page_size`; 400 for what is no number from 1 to the largest page, instead of guessing."""
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= size <= self.max_page_size:
            raise ValidationError(
                {self.page_size_query_param: [f"Give a number from 1 to {self.max_page_size}."]}
            )
        return size

    def decode_cursor(self, request: Any) -> Any:
        """Read the cursor; 400 for one that we did not make."""
        refusal = ValidationError({self.cursor_query_param: ["Follow `next` and `previous`."]})
        text = request.query_params.get(self.cursor_query_param)
        # Signs that are none of its alphabet would be passed over, and the first page answered again and again.
        if text and not _CURSOR.fullmatch(text):
            raise refusal
        try:
            return super().decode_cursor(request)
        except NotFound as error:
            raise refusal from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the cursor, and the page size with its bounds."""
        found = super().get_schema_operation_parameters(view)
        for parameter in found:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                }
        return found

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        """Return the view's own `ordering` if it has one, else this class's."""
        ordering = getattr(view, "ordering", None) or self.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)
