"""The ground floor as a Django app."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Outbox, idempotency records and the template library of the site."""

    name = "portfolio_site.kernel"
    label = "kernel"
    verbose_name = "Kernel"
