"""Accounts: app configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The room of who: users, their preferences, roles, sessions and API tokens."""

    name = "accounts"
    verbose_name = "People and access"
    default_auto_field = "django.db.models.BigAutoField"
