"""API: bodies in which a field nobody knows is refused instead of ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    _Serializer = serializers.Serializer[Any]
else:
    _Serializer = serializers.Serializer


class StrictSerializer(_Serializer):
    """A serializer that names unknown fields: a misspelt one must not become a default."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate the body; `ValidationError` at every field that does not exist."""
        if isinstance(data, Mapping):
            unknown = sorted(str(name)[:80] for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)
