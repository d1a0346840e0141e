"""API: what every operation of the description shares, said once instead of at each view.

Any operation may answer with a problem (RFC 9457), tells its request id and counts against a limit. These hooks of
drf-spectacular add what a view does not say itself: what a view says, stays.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from portfolio_site.kernel.api.fields import PATTERN_IN, PATTERN_OUT
from portfolio_site.kernel.api.problems import CONTENT_TYPE
from portfolio_site.kernel.api.selection import FIELDS_PARAMETER, SelectFieldsMixin

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_METHODS = ("get", "post", "put", "patch", "delete")

#: What each status means when a view says nothing better.
_MEANING = {
    "400": "The request is not understood: `errors` names each field and the reason.",
    "401": "No key, or one that does not count (any more).",
    "403": "The key, the role or the state of the thing does not allow this.",
    "404": "There is no such thing, or it is somebody else's.",
    "406": "None of the content types of `Accept` can be given.",
    "409": "The `Idempotency-Key` was used before for something else, or is being used right now.",
    "413": "The body is too large.",
    "415": "The body is of a content type that is not read here: send `application/json`.",
    "422": "Understood, but refused by the rules of the books or the exchange: `code` and `detail` say why.",
    "429": "Too many requests: wait for `Retry-After` seconds.",
}
_HEADERS = {
    "X-Request-ID": ("The id of this request, found in the log.", "string"),
    "RateLimit-Limit": ("How many requests the present limit allows.", "integer"),
    "RateLimit-Remaining": ("How many of them are left.", "integer"),
    "RateLimit-Reset": ("Seconds until the oldest of them is forgotten.", "integer"),
}


def describe_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add to each operation the problems it can answer with, their content type, and the headers of every answer."""
    components = result.setdefault("components", {})
    _say_null(components.get("schemas", {}))
    components["headers"] = {
        name: {"description": text, "schema": {"type": kind}} for name, (text, kind) in _HEADERS.items()
    }
    for path, operations in result.get("paths", {}).items():
        for method in _METHODS:
            if method in operations:
                _describe(path, method, operations[method])
    return result


def _say_null(part: Any) -> None:
    """Say that a thing with a schema of its own may be null in a way that counts.

    `nullable` counts only beside a `type` (OpenAPI 3.0.3, Schema Object); beside `allOf` a strict reader refuses null.
    """
    if isinstance(part, dict):
        if part.get("nullable") and "allOf" in part and "type" not in part:
            del part["nullable"]
            part["oneOf"] = [*part.pop("allOf"), {"type": "object", "nullable": True, "enum": [None]}]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            _say_null(inner)


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    answers = operation.setdefault("responses", {})
    for status in _statuses(path, method, operation):
        answers.setdefault(status, {"content": {"application/json": {"schema": _PROBLEM}}, "description": ""})
    for status, answer in answers.items():
        content = answer.get("content", {})
        if any(media.get("schema") == _PROBLEM for media in content.values()):
            answer["content"] = {CONTENT_TYPE: next(iter(content.values()))}
            said = answer.get("description") or ""
            answer["description"] = _MEANING.get(status, said) if said in {"", "Problem details"} else said
        answer.setdefault("headers", {}).update(
            {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
        )
    operation["responses"] = dict(sorted(answers.items()))


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = ["400", "406", "429"]
    if any(requirement for requirement in operation.get("security", [])):
        found += ["401", "403"]
    if "{" in path:
        found.append("404")
    if "requestBody" in operation:
        # A body may name what is not there, or not the asking person's.
        found += ["404", "413", "415"]
    if method in {"post", "put", "patch", "delete"}:
        found += ["409", "422"]
    return found


class ApiSchema(AutoSchema):
    """What can be read off the kind of a view: the choice of fields."""

    def get_override_parameters(self) -> list[Any]:
        """Offer `fields` where a view cuts its answers."""
        found = list(super().get_override_parameters())
        if isinstance(self.view, SelectFieldsMixin) and self.method == "GET" and self.view.offers_fields():
            found.append(FIELDS_PARAMETER)
        return found


class StrictSerializerSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """A strict body has no other properties."""

    target_class = "portfolio_site.kernel.api.strict.StrictInput"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """The body as it is mapped without us, closed when it is a request."""
        found: dict[str, Any] = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if direction == "request" and found.get("type") == "object":
            found["additionalProperties"] = False
        return found


class DecimalStringSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Decimals leave as strings; they are read from strings and from JSON numbers."""

    target_class = "portfolio_site.kernel.api.fields.DecimalString"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """A string on the way out, a string or a number on the way in."""
        text = {"type": "string", "format": "decimal", "example": "123.45"}
        if direction == "response":
            return {**text, "pattern": PATTERN_OUT}
        # 24 digits before the point, as the pattern says.
        number = {
            "type": "number",
            "minimum": -1e24,
            "exclusiveMinimum": True,
            "maximum": 1e24,
            "exclusiveMaximum": True,
        }
        return {"anyOf": [{**text, "pattern": PATTERN_IN}, number], "example": "123.45"}
