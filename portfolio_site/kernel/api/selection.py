"""API: answers with only the fields a program asks for (`?fields=id,name`)."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

FIELDS_PARAMETER = OpenApiParameter(
    "fields",
    {"type": "string", "pattern": "^[a-z_]+(,[a-z_]+)*$"},
    description="Only these fields of each row, with commas between: `id,name`.",
)
_NAME = "fields"


class SelectFieldsMixin:
    """Let `?fields=` choose among the fields of the rows of a GET answer.

    `selectable`: the serializer of a row; the viewset's own unless a view names another. A field that does not exist
    is a 400 that names those which do.
    """

    selectable: Any = None
    #: Of a viewset, the actions whose rows can be cut.
    selecting_actions: frozenset[str] = frozenset({"list", "retrieve"})

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Check the names before anything is read."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        if self._cuts(request):
            asked = self._asked(request)
            if not asked:
                raise ValidationError({_NAME: ["Name at least one field."]})
            known = _names_of(self._row_serializer())
            unknown = sorted(asked - known)
            if unknown:
                sentence = f"There is no {unknown[0][:80]}. There are: {', '.join(sorted(known))}."
                raise ValidationError({_NAME: [sentence]})

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Leave out what was not asked for."""
        answer = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if answer.status_code == 200 and self._cuts(request):
            answer.data = _cut(answer.data, self._asked(request))
        return answer

    def offers_fields(self) -> bool:
        """Whether what is being asked for has rows to cut."""
        action = getattr(self, "action", None)
        return action is None or action in self.selecting_actions

    def _cuts(self, request: Any) -> bool:
        return request.method == "GET" and _NAME in request.query_params and self.offers_fields()

    def _row_serializer(self) -> Any:
        view: Any = self
        return self.selectable or view.get_serializer_class()

    @staticmethod
    def _asked(request: Any) -> set[str]:
        return {name.strip() for name in request.query_params[_NAME].split(",") if name.strip()}


@cache
def _names_of(serializer: Any) -> frozenset[str]:
    return frozenset(serializer().fields)


def _cut(data: Any, names: set[str]) -> Any:
    if isinstance(data, list):
        return [_cut(row, names) for row in data]
    if not isinstance(data, dict):
        return data
    if "results" in data and "results" not in names:
        return {**data, "results": _cut(data["results"], names)}
    return {name: value for name, value in data.items() if name in names}
