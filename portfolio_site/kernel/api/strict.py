"""API: bodies and addresses in which a name nobody knows, or a value of another type, is refused and not guessed at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from rest_framework import serializers

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer

#: Parameters of the address that belong to the frame: paging, and which fields.
FRAME_PARAMETERS = frozenset({"cursor", "page_size", "fields"})

_TEXT = (
    serializers.CharField,
    serializers.DateField,
    serializers.DateTimeField,
    serializers.UUIDField,
)


class StrictInput:
    """Before any serializer: it names unknown fields and values of a wrong JSON type.

    A misspelt field must not become a default, nor a `0` a `false`. Forms know only text: of them, and of query
    strings, the types are not asked for.
    """

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        """Validate the body; `ValidationError` at every field that does not exist or is of another type."""
        if isinstance(data, Mapping):
            unknown = sorted(str(name)[:80] for name in data if name not in self.fields)
            faults = {name: ["There is no such field."] for name in unknown}
            if not isinstance(data, QueryDict):
                for name, field in self.fields.items():
                    sentence = _wrong_type(field, data[name]) if name in data else ""
                    if sentence:
                        faults[name] = [sentence]
            if faults:
                raise serializers.ValidationError(faults)
        return super().to_internal_value(data)  # type: ignore[misc]


class StrictSerializer(StrictInput, _Serializer):
    """A serializer whose input is strict."""


def _wrong_type(field: Any, value: Any) -> str:
    if value is None or field.read_only:
        return ""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return next((found for item in value if (found := _wrong_type(field.child, item))), "")
    if isinstance(field, serializers.BooleanField):
        return "" if isinstance(value, bool) else "Give true or false."
    if isinstance(field, serializers.IntegerField):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole else "Give a whole number."
    if isinstance(field, serializers.ChoiceField):
        kinds = {type(choice) for choice in field.choices}
        return "" if type(value) in kinds else "Give one of the choices, as it is written there."
    if isinstance(field, _TEXT):
        return "" if isinstance(value, str) else "Give a text."
    return ""


class Truth(serializers.BooleanField):
    """`true` or `false` in an address, and nothing else."""

    #: An address is no form: what is not there was not unticked.
    default_empty_html = serializers.empty

    def to_internal_value(self, data: Any) -> bool:
        """The truth value."""
        if data not in {"true", "false"}:
            raise serializers.ValidationError("Give true or false.", code="invalid")
        return bool(data == "true")


def query_params(name: str, **fields: Any) -> type[StrictSerializer]:
    """Make the serializer of a view's query string (`from` and the like may be names). None is required unless said.

    It goes into `extend_schema(parameters=[…])`, so that what is described is what is read.
    """
    documented: dict[str, Any] = {"__doc__": f"What {name} reads of the address.", **fields}
    return type(name, (StrictSerializer,), documented)


@cache
def _fields_of(params: type[StrictSerializer]) -> Mapping[str, Any]:
    """The fields by name, to look at; each reading binds its own."""
    return dict(params().fields)


@cache
def _defaults_of(params: type[StrictSerializer]) -> Mapping[str, Any]:
    """What an address without any parameter means: the same each time, as no default here is worked out."""
    serializer = params(data=QueryDict())
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read_query(request: Any, params: type[StrictSerializer]) -> dict[str, Any]:
    """Return the values of the query string. `ValidationError` names what is unknown, given twice, empty or wrong."""
    known = _fields_of(params)
    if all(key in FRAME_PARAMETERS and key not in known for key in request.query_params):
        return dict(_defaults_of(params))
    given: dict[str, Any] = {}
    for key, values in request.query_params.lists():
        if key in FRAME_PARAMETERS and key not in known:
            continue
        if len(values) > 1:
            raise serializers.ValidationError({key: ["Give it once."]})
        if not values[0] and key in known and not getattr(known[key], "allow_blank", False):
            raise serializers.ValidationError({key: ["Give a value, or leave it out."]})
        given[key] = values[0]
    # A form: all its values are text, so types are read from it and not compared.
    form = QueryDict(mutable=True)
    form.update(given)
    serializer = params(data=form)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
