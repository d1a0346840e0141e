"""The ground floor: what every API endpoint shares: problem details, decimals, paging, limits, idempotent POSTs."""

from .fields import DecimalString
from .idempotent import IdempotentCreateMixin, idempotent
from .pagination import CursorPagination
from .problems import problem_handler

__all__ = ["CursorPagination", "DecimalString", "IdempotentCreateMixin", "idempotent", "problem_handler"]
