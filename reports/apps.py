"""The print shop as a Django app."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Report jobs, their kinds and their renderers."""

    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Register the system check for the PDF engine."""
        from reports import checks  # noqa: F401 - registering is what the import does
