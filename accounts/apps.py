"""Accounts: app configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """The room of who: users, their preferences, roles, sessions and API tokens."""

    name = "accounts"
    verbose_name = "People and access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Start writing the security log and keep the roles' permissions up to date."""
        from accounts import authentication, subscribers  # noqa: F401 - the first adds its scheme to the schema
        from accounts.operations.roles import after_migrate

        subscribers.register()
        post_migrate.connect(after_migrate, dispatch_uid="accounts.roles")
