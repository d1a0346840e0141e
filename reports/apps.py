"""The print shop as a Django app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Report jobs, their kinds and their renderers."""

    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Listen to requests, and register the system check for the PDF engine."""
        from reports import checks, subscribers  # noqa: F401 - importing registers the check

        subscribers.register()
