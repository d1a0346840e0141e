"""The frame of Holdfast: settings, urls, the entry points of web, socket and worker."""

from .celery import app as celery_app

__all__ = ["celery_app"]
