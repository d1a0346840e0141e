"""The front hall as a Django app: home page, dashboard, help; it composes what the rooms offer."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages that belong to no single room."""

    name = "portfolio_site.web"
    label = "web"
    verbose_name = "Pages"
