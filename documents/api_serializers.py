"""The cellar: how its things look to programs."""

from typing import Any

from rest_framework import serializers

from documents.models import Document


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A private file of the signed-in person."""

    class Meta:
        model = Document
        fields = ("id", "kind", "filename", "content_type", "size", "sha256", "created_at", "expires_at")
        read_only_fields = fields


class LinkSerializer(serializers.Serializer[Any]):
    """A link that opens a document for a few minutes, for whoever holds it."""

    url = serializers.URLField(help_text="Fetch with GET; no credentials needed.")
    expires_at = serializers.DateTimeField()
