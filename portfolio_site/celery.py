"""The frame: the Celery application. `celery -A portfolio_site worker|beat` starts here."""

import os
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portfolio_site.settings.dev")

app = Celery("portfolio_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Keep the log configuration of the settings instead of Celery's own."""
    dictConfig(settings.LOGGING)
