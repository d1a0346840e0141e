"""API: filters of lists by django-filter, in which a misspelt or empty filter is refused instead of filtering nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError

from .strict import FRAME_PARAMETERS

if TYPE_CHECKING:
    from django.db.models import QuerySet

_BOOLEANS = {"true", "false"}


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter's backend. 400 names a filter that does not exist, comes twice, or has no value.

    A list that silently ignored one would answer everything, which a program takes for what it asked for.
    """

    def filter_queryset(self, request: Any, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Check the names, then filter."""
        chosen = self.get_filterset_class(view, queryset)
        known = chosen.base_filters if chosen is not None else {}
        faults: dict[str, list[str]] = {}
        for name, values in request.query_params.lists():
            if name in known:
                sentence = _fault(known[name], values)
                if sentence:
                    faults[name] = [sentence]
            elif name not in FRAME_PARAMETERS:
                faults[name[:80]] = ["There is no such filter."]
        if faults:
            raise ValidationError(faults)
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


def _fault(chosen: Any, values: list[str]) -> str:
    if len(values) > 1:
        return "Give it once."
    if isinstance(chosen, django_filters.BooleanFilter):
        return "" if values[0] in _BOOLEANS else "Give true or false."
    if not values[0] and not isinstance(chosen, django_filters.CharFilter):
        return "Give a value, or leave it out."
    return ""


__all__ = ["StrictFilterBackend"]
