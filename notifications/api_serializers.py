"""The bell: how its things look to programs."""

from typing import Any

from rest_framework import serializers

from notifications.models import Notification


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    """One entry of the inbox."""

    class Meta:
        model = Notification
        fields = ("id", "kind", "level", "title", "body", "url", "created_at", "read_at")
        read_only_fields = fields


class MarkedSerializer(serializers.Serializer[Any]):
    """How many entries were marked."""

    marked = serializers.IntegerField()
