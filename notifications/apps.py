"""The bell as a Django app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Inbox, numbered events, and the socket that carries them."""

    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        """Listen to what the rooms below announce."""
        from notifications import subscribers

        subscribers.register()
