"""The cellar as a Django app."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """Private files of people, their storage and their links."""

    name = "documents"
    verbose_name = "Documents"
